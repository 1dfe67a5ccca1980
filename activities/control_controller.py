"""Activities start_controller and stop_controller.

The controller VM runs only during operations, unless the spec keeps it (`controller.keep`).
"""

from activities.registration import activity
from clients.azure.vm_power import DEALLOCATED, RUNNING, deallocate_vm, start_vm
from clients.services import services
from cluster.contracts import START_CONTROLLER, STOP_CONTROLLER, RunRef
from cluster.outcomes import Cause, Outcome
from planning.ownership import owner_of


@activity(START_CONTROLLER)
def start_controller(ref: RunRef) -> Outcome:
    """Requests the start and returns `wait` until the VM runs."""
    plan = services().store.need_plan(ref)
    power = start_vm(services().compute, owner_of(plan), plan.group, plan.controller.name)
    if power is None:
        return Outcome(
            state="refused",
            cause=Cause(
                code="ControllerMissing",
                place=plan.controller.name,
                message=f"the controller VM does not exist in resource group '{plan.group}'",
                next_step="send the same spec again; the operation creates the VM",
            ),
        )
    if power.state == RUNNING:
        return Outcome()
    return Outcome(state="wait", retry_after=services().settings.poll_seconds)


@activity(STOP_CONTROLLER)
def stop_controller(ref: RunRef) -> Outcome:
    """Requests the deallocation and returns `wait` until the VM is deallocated."""
    plan = services().store.need_plan(ref)
    power = deallocate_vm(services().compute, owner_of(plan), plan.group, plan.controller.name)
    if power is None or power.state == DEALLOCATED:
        return Outcome()
    return Outcome(state="wait", retry_after=services().settings.poll_seconds)
