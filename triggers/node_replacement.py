"""Replaces one node by its name: its machine is deleted, and one of the same name is made."""

from http import HTTPStatus

import azure.functions as func
from azure.durable_functions import SyncDurableFunctionsClient

from clients.services import services
from cluster.access import AppRole
from cluster.record import ClusterRecord, PlannedNode
from cluster.roles import CONTROLLER, WORKER
from runs.claims import claim_node_replacement
from runs.run_requests import NodeReplacement
from triggers.access import current
from triggers.clusters import accepted, claim_context
from triggers.endpoint import endpoint
from triggers.node_removal import living_record, need_node
from triggers.parameters import flag
from triggers.problems import ProblemError
from triggers.requests import cluster_name


@endpoint("force", needs=AppRole.OPERATOR)
def replace_node(req: func.HttpRequest, client: SyncDurableFunctionsClient) -> func.HttpResponse:
    """Starts a run of the cluster's last spec that replaces this node."""
    force, name = flag(req, "force"), cluster_name(req)
    record = living_record(name)
    slot = need_node(record, req.route_params.get("node", ""))
    _need_others(record, slot)
    spec = services().store.spec(record)
    replacement = NodeReplacement(slot.name, force, record)
    claim = claim_node_replacement(claim_context(client), spec, current().name, replacement)
    return accepted(claim)


def _need_others(record: ClusterRecord, slot: PlannedNode) -> None:
    """Refuses the controller, and the only member of a tier.

    Raises:
        ProblemError: the node cannot be replaced.
    """
    title = f"node '{slot.name}' cannot be replaced"
    if slot.role == CONTROLLER:
        text = "it has no state: delete its VM, and the next operation makes it again"
        raise ProblemError(HTTPStatus.CONFLICT, title, text)
    others = [one for one in record.slots if one.role == slot.role and one.name != slot.name]
    if slot.role != WORKER and not others:
        text = f"it is the only one of {slot.pool}: without it, nothing keeps the cluster's state "
        text += "or serves its API; only clusters with 3 or 5 replace one"
        raise ProblemError(HTTPStatus.CONFLICT, title, text)
