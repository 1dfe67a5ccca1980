"""Starts and deallocates a VM without waiting: callers ask again until the state is reached."""

from dataclasses import dataclass
from typing import Final, Literal

from clients.azure.compute import Compute, Vm
from clients.errors import Refused
from cluster.ownership import Owner, described

RUNNING: Final = "running"
DEALLOCATED: Final = "deallocated"

type PowerState = Literal["running", "starting", "deallocating", "deallocated"]


@dataclass(frozen=True)
class VmPower:
    """The power state of a VM, and whether this call requested a change of it."""

    state: PowerState
    requested: bool = False


def start_vm(compute: Compute, owner: Owner, group: str, name: str) -> VmPower | None:
    """Starts a VM that rests. One that runs, starts or is being deallocated is left alone: Azure
    refuses to start a VM that is being deallocated.

    Returns:
        None if the VM does not exist.

    Raises:
        Transient, Refused: Resource Manager's answer; ResourceOwnedByAnother.
    """
    vm = _own(compute, owner, group, name)
    if vm is None:
        return None
    match vm.power_state:
        case "running" | "starting" | "deallocating" as state:
            return VmPower(state)
        case _:
            compute.start(group, name)
            return VmPower("starting", requested=True)


def deallocate_vm(compute: Compute, owner: Owner, group: str, name: str) -> VmPower | None:
    """Deallocates a VM: a VM that is only stopped is still charged for.

    Returns:
        None if the VM does not exist.

    Raises:
        Transient, Refused: Resource Manager's answer; ResourceOwnedByAnother.
    """
    vm = _own(compute, owner, group, name)
    if vm is None:
        return None
    match vm.power_state:
        case "deallocated" | "deallocating" as state:
            return VmPower(state)
        case _:
            compute.deallocate(group, name)
            return VmPower("deallocating", requested=True)


def _own(compute: Compute, owner: Owner, group: str, name: str) -> Vm | None:
    """Returns the VM, or None if it does not exist.

    Raises:
        Refused: ResourceOwnedByAnother, the VM has the name and not the owner's tags.
    """
    vm = compute.vm(group, name)
    if vm is not None and not owner.owns(vm.tags):
        text = f"the VM {name} in resource group '{group}' is {described(vm.tags)}"
        raise Refused("ResourceOwnedByAnother", text, place=name)
    return vm
