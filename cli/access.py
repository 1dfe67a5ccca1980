"""How to reach a cluster's Kubernetes API, according to Slipway's API."""

from cli.exits import CommandError, Exit
from cluster.api import ClusterDetail, KubernetesAccess
from cluster.kubernetes_api import public_server


def need_access(cluster: ClusterDetail) -> KubernetesAccess:
    """Returns how to reach the cluster's Kubernetes API.

    Raises:
        CommandError: no run has started a Kubernetes API.
    """
    if cluster.access is None:
        text = (
            f"{cluster.name} has no Kubernetes API yet (its state: {cluster.state}); an operation "
            "makes one unless playbook.through ends it before control-plane: "
            f"'slipway get {cluster.name}' shows how far it is"
        )
        raise CommandError(Exit.FAILED, text)
    return cluster.access


def access_hint(cluster: ClusterDetail) -> str:
    """Returns the commands that reach the API, for summaries; empty if there is no API."""
    access, name = cluster.access, cluster.name
    if access is None:
        return ""
    lines = [f"kubectl: slipway kubeconfig {name} && export KUBECONFIG=$PWD/{name}.kubeconfig"]
    if access.public_address:
        lines.append(f"  by the public frontend: {public_server(access.public_address)}")
    else:
        lines.append(f"  by a tunnel, which another terminal keeps open: slipway tunnel {name}")
    return "\n".join(lines)
