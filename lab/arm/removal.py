"""Deletion of resources and whole groups, machines first."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from lab.arm.compute import machine_id
from lab.arm.errors import ArmError
from lab.arm.state import ArmState
from lab.fabric import Fabric

MACHINE = "microsoft.compute/virtualmachines"
PARALLEL = 4


class Network(Protocol):
    def refresh_network(self) -> None: ...


def delete_resource(state: ArmState, fabric: Fabric, resource: dict[str, Any]) -> None:
    """One resource with its children; what others use is refused."""
    identity = resource["id"].lower()
    if resource["type"].lower() == MACHINE:
        fabric.delete(machine_id(resource["id"]))
        _delete_with(state, resource)
    _refuse_in_use(state, resource)
    with state.lock:
        for key in [k for k in state.resources if k == identity or k.startswith(identity + "/")]:
            del state.resources[key]


def _delete_with(state: ArmState, machine: dict[str, Any]) -> None:
    """What the machine's deleteOption takes along."""
    for nic in machine["properties"]["networkProfile"]["networkInterfaces"]:
        if (nic.get("properties") or {}).get("deleteOption") == "Delete":
            with state.lock:
                state.resources.pop(nic["id"].lower(), None)


def _refuse_in_use(state: ArmState, resource: dict[str, Any]) -> None:
    identity = resource["id"].lower()
    for other in list(state.resources.values()):
        if other["id"].lower() == identity or other["id"].lower().startswith(identity + "/"):
            continue
        if _mentions(other["body"], identity):
            raise ArmError(
                400, "InUseResourceCannotBeDeleted",
                f"{resource['name']} is in use by {other['name']}",
            )  # fmt: skip


def _mentions(value: Any, identity: str) -> bool:
    if isinstance(value, dict):
        return any(_mentions(item, identity) for item in value.values())
    if isinstance(value, list):
        return any(_mentions(item, identity) for item in value)
    if not isinstance(value, str):
        return False
    text = value.lower()
    return text == identity or text.startswith(identity + "/")


def delete_group(state: ArmState, fabric: Fabric, network: Network, group: str) -> None:
    machines = [r["id"] for r in state.in_group(group) if r["type"].lower() == MACHINE]
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(lambda identity: fabric.delete(machine_id(identity)), machines))
    key = group.lower()
    with state.lock:
        for identity in [k for k, r in state.resources.items() if r["group"] == key]:
            del state.resources[identity]
        prefix = f"/resourcegroups/{key}/"
        for identity in [k for k in state.deployments if prefix in k]:
            del state.deployments[identity]
    network.refresh_network()
    with state.lock:
        state.groups.pop(key, None)
    state.save()
