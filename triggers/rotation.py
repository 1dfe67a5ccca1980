"""Exchanges a credential of a cluster for a new one."""

import json
from http import HTTPStatus
from typing import cast

import azure.functions as func
from azure.durable_functions import SyncDurableFunctionsClient

from clients.services import services
from cluster.access import AppRole
from cluster.names import CREDENTIALS, SSH_KEY
from cluster.record import ClusterRecord, Credential
from runs.backup_claims import NodesLeavingError, claim_rotation
from triggers.access import current
from triggers.clusters import accepted, claim_context
from triggers.endpoint import endpoint
from triggers.node_removal import living_record
from triggers.problems import ProblemError
from triggers.requests import cluster_name, not_found

SHOWN_CHARACTERS, NODES_TOLD = 60, 5


@endpoint(needs=AppRole.OPERATOR)
def post_rotation(req: func.HttpRequest, client: SyncDurableFunctionsClient) -> func.HttpResponse:
    """Starts a rotation, goes on with the one that did not end, or joins the one that runs."""
    name, asked = cluster_name(req), req.route_params.get("credential", "")
    record = living_record(name)
    if asked not in CREDENTIALS:
        shown = json.dumps(asked[:SHOWN_CHARACTERS])[1:-1]
        title = f"cluster '{name}' has no credential '{shown}'"
        text = f"what can be rotated: {', '.join(CREDENTIALS)}"
        raise ProblemError(HTTPStatus.NOT_FOUND, title, text)
    credential = cast(Credential, asked)
    _require_use(record, credential)
    try:
        claim = claim_rotation(claim_context(client), name, current().name, credential)
    except NodesLeavingError as error:
        raise _leaving(name, error.nodes) from None
    if claim is None:
        raise not_found(name)
    return accepted(claim)


def _require_use(record: ClusterRecord, credential: Credential) -> None:
    """Raises ProblemError if nothing of the cluster uses the credential yet."""
    if credential == SSH_KEY:
        if record.built is not None:
            return
        text = "no operation has created its machines; send its spec first"
    elif record.access is not None and "control-plane" in services().store.spec(record).stages:
        return
    else:
        text = "no operation has brought up its control plane; send its spec, whose "
        text += "playbook.through must not end before control-plane"
    title = f"the {credential} of cluster '{record.name}' is not in use"
    raise ProblemError(HTTPStatus.CONFLICT, title, text)


def _leaving(name: str, nodes: tuple[str, ...]) -> ProblemError:
    more = f" and {len(nodes) - NODES_TOLD} more" if len(nodes) > NODES_TOLD else ""
    text = f"{', '.join(nodes[:NODES_TOLD])}{more}: these machines may still run, and the rotation "
    text += "would leave the old key on them; send the spec first, then request the rotation"
    title = f"nodes of cluster '{name}' are being removed or replaced"
    return ProblemError(HTTPStatus.CONFLICT, title, text)
