"""Activities start_controller and stop_controller: it runs during operations, and only then."""

from activities.registration import activity
from clients.services import services
from cluster.contracts import START_CONTROLLER, STOP_CONTROLLER, RunRef
from cluster.outcomes import Cause, Outcome

RUNNING, DEALLOCATED = "running", "deallocated"


@activity(START_CONTROLLER)
def start_controller(ref: RunRef) -> Outcome:
    """Looks first: a VM that runs is left alone, one on its way is waited for."""
    plan = services().store.need_plan(ref)
    vm = services().compute.vm(plan.group, plan.controller.name)
    if vm is None:
        return Outcome(
            state="refused",
            cause=Cause(
                code="ControllerMissing",
                place=plan.controller.name,
                message="the controller VM is gone",
                next_step="send the same spec again; it is made anew",
            ),
        )
    if vm.power_state == RUNNING:
        return Outcome()
    if vm.power_state != "starting":
        services().compute.start(plan.group, vm.name)
    return Outcome(state="wait", retry_after=services().settings.poll_seconds)


@activity(STOP_CONTROLLER)
def stop_controller(ref: RunRef) -> Outcome:
    """Deallocated, not merely stopped: a stopped VM is still paid for."""
    plan = services().store.need_plan(ref)
    vm = services().compute.vm(plan.group, plan.controller.name)
    if vm is None or vm.power_state == DEALLOCATED:
        return Outcome()
    if vm.power_state != "deallocating":
        services().compute.deallocate(plan.group, vm.name)
    return Outcome(state="wait", retry_after=services().settings.poll_seconds)
