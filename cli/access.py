"""How a cluster's Kubernetes API is reached, from the cluster's document."""

from typing import Any

from cli.exits import CommandError, Exit
from cluster.kubernetes_api import public_server


def need_access(document: dict[str, Any]) -> dict[str, Any]:
    """Returns the document's `access`.

    Raises:
        CommandError: no run has started an API.
    """
    if not document.get("access"):
        text = (
            f"{document['name']} has no Kubernetes API yet (its state: {document['state']}); a run "
            "makes one unless playbook.through ends it before control-plane: "
            f"'slipway get {document['name']}' shows how far it is"
        )
        raise CommandError(Exit.FAILED, text)
    return document["access"]


def access_hint(document: dict[str, Any]) -> str:
    """Returns the commands that reach the API, for summaries; empty if there is no API."""
    access, name = document.get("access"), document["name"]
    if not access:
        return ""
    lines = [f"kubectl: slipway kubeconfig {name} && export KUBECONFIG=$PWD/{name}.kubeconfig"]
    if access["publicAddress"]:
        lines.append(f"  by the public frontend: {public_server(access['publicAddress'])}")
    else:
        lines.append(f"  by a tunnel, which another terminal keeps open: slipway tunnel {name}")
    return "\n".join(lines)
