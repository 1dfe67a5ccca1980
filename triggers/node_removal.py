"""Removes one node by its name: a change of the cluster's spec that says which node leaves."""

import json
from http import HTTPStatus

import azure.functions as func
from azure.durable_functions import SyncDurableFunctionsClient

from clients.services import services
from cluster.access import AppRole
from cluster.record import ClusterRecord, PlannedNode
from cluster.roles import CONTROLLER, WORKER
from cluster.slots import spec_without
from runs.claims import claim_node_removal
from runs.run_requests import NodeRemoval
from triggers.access import current
from triggers.clusters import accepted, claim_context
from triggers.endpoint import endpoint
from triggers.parameters import flag
from triggers.problems import ProblemError
from triggers.requests import cluster_name, known_record, not_found

SHOWN_CHARACTERS = 60


@endpoint("force", needs=AppRole.OPERATOR)
def delete_node(req: func.HttpRequest, client: SyncDurableFunctionsClient) -> func.HttpResponse:
    """Starts a run of the cluster's last spec with one worker fewer, in which this node leaves."""
    force, name = flag(req, "force"), cluster_name(req)
    record = living_record(name)
    slot = _worker(record, req.route_params.get("node", ""))
    spec = spec_without(slot, services().store.spec(record), record)
    removal = NodeRemoval(slot.name, force, record)
    claim = claim_node_removal(claim_context(client), spec, current().name, removal)
    return accepted(claim)


def living_record(name: str) -> ClusterRecord:
    """Returns the record of a cluster that is not being removed.

    Raises:
        ProblemError: there is no such cluster.
    """
    record = known_record(name)
    if record.is_tombstone:
        raise not_found(name)
    if record.operation and record.operation.kind == "delete":
        text = "its last operation removes it; with its spec, the cluster would be created again"
        raise ProblemError(HTTPStatus.CONFLICT, f"cluster '{name}' is being removed", text)
    return record


def need_node(record: ClusterRecord, node: str) -> PlannedNode:
    """Returns the node's slot.

    Raises:
        ProblemError: the cluster has no such node, or nothing was built.
    """
    slot = next((slot for slot in record.slots if slot.name == node), None)
    if slot is None or record.built is None:
        shown = json.dumps(node[:SHOWN_CHARACTERS])[1:-1]
        raise ProblemError(HTTPStatus.NOT_FOUND, f"cluster '{record.name}' has no node '{shown}'")
    return slot


def _worker(record: ClusterRecord, node: str) -> PlannedNode:
    """Returns the worker's slot.

    Raises:
        ProblemError: the cluster has no such node, or it is no worker, or nothing was built.
    """
    slot = need_node(record, node)
    if slot.role == WORKER:
        return slot
    detail = "it runs the playbook of every operation; it is deallocated between them"
    if slot.role != CONTROLLER:
        detail = "control planes and etcd members are not removed: the cluster needs their majority"
    raise ProblemError(HTTPStatus.CONFLICT, f"node '{node}' is no worker", detail)
