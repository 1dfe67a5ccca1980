"""Starts a cluster's controller for a tunnel, and deallocates it afterwards."""

from http import HTTPStatus

import azure.functions as func

from clients.azure.vm_power import (
    DEALLOCATED,
    RUNNING,
    VmPower,
    deallocate_vm,
    start_vm,
)
from clients.services import services
from cluster import addresses, names
from cluster.access import AppRole
from cluster.api_requests import (
    ControllerRunning,
    ControllerStarting,
    ControllerStatus,
    Endpoint,
    FieldFault,
    NodeSshAccess,
    SshAccess,
)
from cluster.kubernetes_api import API_PORT
from cluster.ownership import Owner
from cluster.record import ClusterRecord, PlannedNode
from cluster.roles import CONTROLLER
from runs.deployed_networks import deployed_networks
from triggers.endpoint import endpoint
from triggers.parameters import text
from triggers.problems import ProblemError, operation_path
from triggers.requests import cluster_name, known_record, reply

SSH_PORT = 22
SHOWN_NODES = 20
RETRY_AFTER = {"Retry-After": "5"}


@endpoint("node", needs=AppRole.OPERATOR)
def post_controller_start(req: func.HttpRequest) -> func.HttpResponse:
    """Starts the controller. The request may be repeated. `node` names a node to connect to, or the
    controller itself; without it, the caller wants a tunnel to the API, which must exist.

    Answers 202 until the controller runs, then 200 with the addresses for the connection. `started`
    is true only in the answer to the request that started the VM: that caller stops it again.
    """
    record = known_record(cluster_name(req))
    _refuse_removed(record)
    slot, node = _slot(record), _node(record, text(req, "node"))
    if record.access is None and node is None:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            "there is no API to reach",
            f"no operation on '{record.name}' has brought up its control plane; send its spec, "
            "whose playbook.through must not end before control-plane",
        )
    power = _existing(
        start_vm(services().compute, _owner(record), record.group, slot.name), record, slot
    )
    if power.state == RUNNING:
        return reply(_running(record, slot, _address(record, slot), node))
    starting = ControllerStarting(
        name=record.name, state=power.state, controller=slot.name, started=power.requested
    )
    return reply(starting, HTTPStatus.ACCEPTED, RETRY_AFTER)


@endpoint(needs=AppRole.OPERATOR)
def post_controller_stop(req: func.HttpRequest) -> func.HttpResponse:
    """Deallocates the controller unless it is needed. Answers 202 during the deallocation."""
    record = known_record(cluster_name(req))
    slot = _slot(record)
    if record.busy and record.operation is not None:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            "an operation is running",
            "it needs the controller, and deallocates it when it ends",
            operation=operation_path(record.operation.instance_id),
        )
    if services().store.spec(record).controller.keep:
        text = "the spec keeps it running (controller.keep: true); apply it with false"
        raise ProblemError(HTTPStatus.CONFLICT, "the controller is kept", text)
    power = _existing(
        deallocate_vm(services().compute, _owner(record), record.group, slot.name), record, slot
    )
    status = ControllerStatus(name=record.name, controller=slot.name, state=power.state)
    if power.state == DEALLOCATED:
        return reply(status)
    return reply(status, HTTPStatus.ACCEPTED, RETRY_AFTER)


def _refuse_removed(record: ClusterRecord) -> None:
    if record.state in ("deleting", "deleted"):
        text = "send its spec to create it again, once it is removed"
        raise ProblemError(HTTPStatus.CONFLICT, f"'{record.name}' is being removed", text)


def _address(record: ClusterRecord, slot: PlannedNode) -> str:
    """Returns the controller's public address. Before the API is up, the outputs of the newest
    deployment of the network have it.

    Raises:
        ProblemError: no network was deployed.
    """
    if record.access is not None:
        return record.access.controller_address
    for _, found in deployed_networks(services(), record, record.generation):
        if address := found.get("controllerPublicAddress"):
            return str(address)
    text = "GET the cluster to see the progress of the operation, then ask again"
    raise ProblemError(HTTPStatus.CONFLICT, f"{slot.name} has no public address yet", text)


def _slot(record: ClusterRecord) -> PlannedNode:
    found = next((slot for slot in record.slots if slot.role == CONTROLLER), None)
    if found is None:
        text = "send the cluster's spec first; GET the cluster to see the progress of an operation"
        raise ProblemError(HTTPStatus.CONFLICT, f"'{record.name}' has no controller", text)
    return found


def _node(record: ClusterRecord, name: str) -> PlannedNode | None:
    """Returns the node of that name, or None if the request names none.

    Raises:
        ProblemError: the cluster has no such node.
    """
    if not name:
        return None
    found = next((slot for slot in record.slots if slot.name == name), None)
    if found is None:
        names = ", ".join(slot.name for slot in record.slots[:SHOWN_NODES])
        fault = FieldFault(path="node", message="is not a node of the cluster", allowed=names)
        raise ProblemError(HTTPStatus.NOT_FOUND, "no such node", faults=[fault])
    return found


def _owner(record: ClusterRecord) -> Owner:
    return Owner(record.name, record.uid, services().settings.installation)


def _existing(power: VmPower | None, record: ClusterRecord, slot: PlannedNode) -> VmPower:
    if power is None:
        text = f"VM {slot.name} does not exist in {record.group}; send the same spec again"
        raise ProblemError(HTTPStatus.CONFLICT, "the controller does not exist", text)
    return power


def _running(
    record: ClusterRecord, slot: PlannedNode, address: str, node: PlannedNode | None
) -> ControllerRunning:
    """Returns everything that a connection needs except the private key, which is in the vault."""
    spec, keys = services().store.spec(record), services().store.public_keys(record.name)
    way = (
        NodeSshAccess(name=node.name, host=node.address, host_key=keys.get(node.name, ""))
        if node
        else None
    )
    return ControllerRunning(
        name=record.name,
        state="running",
        controller=slot.name,
        started=False,
        ssh=SshAccess(
            host=address,
            port=SSH_PORT,
            user=spec.admin_user,
            host_key=keys.get(slot.name, ""),
            key_secret=names.cluster_key_secret(record.name, record.uid),
            vault=services().settings.vault_url,
        ),
        api=Endpoint(host=addresses.api_address(spec), port=API_PORT),
        node=way,
    )
