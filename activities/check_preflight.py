"""Activity check_preflight: quota, VM sizes and templates, before a machine exists."""

from activities.boundary import activity
from clients.inspection import capacity_faults, template_faults
from clients.services import services
from cluster.contracts import CHECK_PREFLIGHT, RunRef
from cluster.outcomes import Cause, Outcome, cut


@activity(CHECK_PREFLIGHT)
def check_preflight(ref: RunRef) -> Outcome:
    """Everything that Azure would refuse later is told at once."""
    plan = services().store.need_plan(ref)
    faults = [*capacity_faults(plan), *template_faults(plan, group_exists=True)]
    if not faults:
        return Outcome()
    return Outcome(
        state="refused",
        cause=Cause(
            code="PreflightFailed",
            place=plan.location,
            message=cut("; ".join(faults)),
            next_step="change the spec or ask for the quota; no machine was created",
        ),
    )
