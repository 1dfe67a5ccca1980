"""Activity check_preflight: checks quota, VM sizes and templates before a machine exists."""

from activities.registration import activity
from clients.services import services
from cluster.contracts import CHECK_PREFLIGHT, RunRef
from cluster.next_steps import joined
from cluster.outcomes import Cause, Outcome
from cluster.reasons import Reason, grouped, listed
from cluster.sizes import notes
from planning.inspection import capacity_faults, offer_for, template_faults
from planning.ownership import need_own


@activity(CHECK_PREFLIGHT)
def check_preflight(ref: RunRef) -> Outcome:
    """Reports everything that Azure would refuse later, in one result.

    What belongs to others comes first, with a code of its own: nothing else matters then.
    """
    plan = services().store.need_plan(ref)
    need_own(plan)
    offer = offer_for(plan)
    faults = [*capacity_faults(plan, offer), *template_faults(plan, group_exists=True)]
    if not faults:
        return Outcome(notes=tuple(notes(plan, offer)))
    return Outcome(
        state="refused",
        cause=Cause(
            code="PreflightFailed",
            place=plan.location,
            message=listed(grouped(faults)),
            next_step=_next_step(faults),
        ),
    )


def _next_step(faults: list[Reason]) -> str:
    return f"{joined(fault.step for fault in faults)}; no machine was created"
