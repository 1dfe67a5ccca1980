"""Activity plan_cluster: looks at what exists, makes the plan, stores it."""

from activities.registration import activity
from clients.services import services
from cluster.contracts import PLAN_CLUSTER, PlannedPart, PlanResult, RunRef
from cluster.plan import Plan
from cluster.spec import ClusterSpec
from planning.inspection import plan_of


@activity(PLAN_CLUSTER)
def plan_cluster(ref: RunRef) -> PlanResult:
    """Makes the plan once: a repeat returns the stored one, whatever was created since."""
    store = services().store
    plan = store.plan(ref)
    if plan is None:
        record, _ = store.need_record(ref.cluster)
        spec = ClusterSpec.model_validate(record.spec)
        made, _ = plan_of(spec, record)
        plan = store.keep_plan(ref, made)
    _keep_slots(plan)
    return PlanResult(
        parts=tuple(
            PlannedPart(part=d.part, template=d.template, nodes=len(d.nodes))
            for d in plan.deployments
        ),
        nodes=len(plan.nodes),
        missing=len(plan.missing),
        keep_controller=plan.spec.controller.keep,
        slack=plan.spec.slack is not None,
        nodes_deadline_seconds=services().settings.nodes_deadline_seconds,
    )


def _keep_slots(plan: Plan) -> None:
    """Slots and pool subnets go into the record: once given, they never move."""
    store = services().store
    record, etag = store.need_record(plan.cluster)
    subnets = {
        **record.subnets,
        **{pool.name: plan.subnets[pool.name] for pool in plan.spec.workers},
    }
    changed = record.model_copy(
        update={
            "subnets": subnets,
            "slots": plan.slots,
            "group": plan.group,
            "fault_domains": plan.fault_domains or record.fault_domains,
        }
    )
    if changed != record:
        store.update_record(changed, etag)
