"""Stores the administrator's kubeconfig in the vault and its secret's name in the record."""

from activities.cluster_secrets import ClusterSecrets
from activities.controller_ssh import public_address, public_api_address
from clients.services import services
from cluster.kubernetes_api import public_server, tunnel_server
from cluster.plan import Plan
from cluster.record import Access


def store_kubeconfig(plan: Plan) -> None:
    """Stores the administrator's kubeconfig. Does nothing if the run does not create the API.

    The kubeconfig is made here from the authority in the vault. It comes from no machine and is
    sent to none.

    Raises:
        Transient, Refused: an error of the vault, of ARM or of the record.
    """
    if "control-plane" not in plan.spec.stages:
        return
    changes = {
        "kubeconfig": ClusterSecrets.of(plan).ensure_kubeconfig(server_of(plan)),
        "controller_address": public_address(plan),
        "public_address": public_api_address(plan),
    }
    record, etag = services().store.need_record(plan.cluster)
    # An access that is there already keeps the fields of a newer version.
    access = record.access.model_copy(update=changes) if record.access else Access(**changes)
    if record.access == access:
        return
    services().store.update_record(record.model_copy(update={"access": access}), etag)


def server_of(plan: Plan) -> str:
    """Returns the URL of the API that the kubeconfig names.

    Raises:
        Transient, Refused: an error of ARM.
    """
    public = public_api_address(plan)
    return public_server(public) if public else tunnel_server()
