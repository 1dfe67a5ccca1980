"""Power actions of machines (start, stop, restart), and their transitional states."""

from collections.abc import Callable
from typing import Any

from lab.arm.errors import ArmError
from lab.arm.machines import machine_id
from lab.arm.put import Putter
from lab.arm.state import ArmState
from lab.fabric import Fabric

# For each action: the state during it, and the state after it if the fabric does not report it.
STATES = {
    "start": ("starting", ""),
    "restart": ("starting", ""),
    "deallocate": ("deallocating", ""),
    "poweroff": ("stopping", "stopped"),
}


def begin(state: ArmState, machine: dict[str, Any], action: str) -> None:
    """Marks the machine as changing. Raises ArmError if the machine is still being created."""
    with state.change():
        properties = machine["properties"]
        if properties["provisioningState"] == "Creating":
            raise ArmError(
                409, "OperationNotAllowed",
                f"Operation '{action}' is not allowed on VM '{machine['name']}' since the VM is "
                "being created.",
            )  # fmt: skip
        properties["provisioningState"] = "Updating"
        machine["power"] = STATES[action][0]


def run(
    state: ArmState, fabric: Fabric, putter: Putter, machine: dict[str, Any], action: str
) -> None:
    """Runs the action that `begin` recorded. Raises FabricError."""
    identity = machine_id(machine["id"])
    act: dict[str, Callable[[str], None]] = {
        "start": fabric.start,
        "restart": fabric.restart,
        "deallocate": fabric.stop,
        "poweroff": fabric.stop,
    }
    outcome = "Failed"
    try:
        with putter.busy(machine["id"]):
            act[action](identity)
        outcome = "Succeeded"
    finally:
        with state.change():
            now = state.get(machine["id"]) or machine
            now["properties"]["provisioningState"] = outcome
            now["power"] = STATES[action][1]
