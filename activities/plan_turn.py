"""Activity plan_turn: plans one turn of a replacement from what exists when it begins."""

from activities.plan_cluster import check_last_stage, keep_slots, notes_of, result_of
from activities.registration import activity
from clients.services import services
from cluster.contracts import PLAN_TURN, TurnInput, TurnPlan
from cluster.plan import Plan
from cluster.roles import WORKER
from cluster.turns import SURVEY
from planning.play_scope import begin_run
from planning.turns import turn_of

NAMES_TOLD = 20


@activity(PLAN_TURN)
def plan_turn(ref: TurnInput) -> TurnPlan:
    """Makes the plan of the turn once, in place of that of the turn before. A repeat returns it."""
    store = services().store
    plan = store.plan(ref)
    if plan is None or plan.turn < ref.turn:
        record, _ = store.need_record(ref.cluster)
        spec = store.spec(record)
        check_last_stage(spec)
        made = turn_of(spec, record, ref.turn, plan)
        if plan is None:
            plan = store.keep_plan(ref, made)
        else:
            # The plan comes last: a repeat that finds it forgets nothing more.
            store.forget_nodes_of_turn(ref, made.missing)
            store.replace_plan(ref, made)
            plan = made
    if plan.turn != ref.turn:
        return TurnPlan(turn=plan.turn)
    survey = plan.turn == SURVEY
    record = keep_slots(plan, slots=not survey)
    if not survey:
        begin_run(plan)
    return TurnPlan(
        **result_of(plan),
        notes=tuple(notes_of(record)) if survey else (),
        turn=plan.turn,
        rebuilt=len(plan.rebuilt),
        members=_members(plan),
        outdated=len(plan.outdated),
        names=tuple(slot.name for slot in plan.leaving)[:NAMES_TOLD],
        named=record.operation.replaces if record.operation else "",
    )


def _members(plan: Plan) -> bool:
    return any(slot.role != WORKER for slot in plan.leaving)
