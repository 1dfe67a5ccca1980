"""The way in for people: the administrator's kubeconfig stands in the vault, the record says so."""

from activities.cluster_secrets import ClusterSecrets
from activities.controller_ssh import public_address, public_api_address
from clients.services import services
from cluster.kubernetes_api import public_server, tunnel_server
from cluster.plan import Plan
from cluster.record import Access


def store_kubeconfig(plan: Plan) -> None:
    """Made here from the authority in the vault: it comes from no machine and travels nowhere.
    Nothing happens where the run makes no API.

    Raises:
        Transient, Refused: the vault, ARM or the record.
    """
    if "control-plane" not in plan.spec.stages:
        return
    public = public_api_address(plan)
    server = public_server(public) if public else tunnel_server()
    access = Access(
        kubeconfig=ClusterSecrets.of(plan).ensure_kubeconfig(server),
        controller_address=public_address(plan),
        public_address=public,
    )
    record, etag = services().store.need_record(plan.cluster)
    if record.access == access:
        return
    services().store.update_record(record.model_copy(update={"access": access}), etag)
