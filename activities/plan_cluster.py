"""Activity plan_cluster: reads what exists, makes the plan and stores it."""

from collections.abc import Iterator
from typing import Any

from activities.cluster_secrets import ClusterSecrets
from activities.registration import activity
from clients.errors import Refused
from clients.services import services
from cluster.contracts import PLAN_CLUSTER, PlannedPart, PlanResult, RunRef
from cluster.plan import Plan
from cluster.record import ClusterRecord
from cluster.roles import ETCD
from cluster.spec import ClusterSpec
from cluster.stages import LAST_STAGES
from cluster.stored_spec import unknown_fields, unknown_values
from planning.inspection import plan_of
from planning.play_scope import begin_run


@activity(PLAN_CLUSTER)
def plan_cluster(ref: RunRef) -> PlanResult:
    """Makes the plan once. A repeat returns the stored plan, whatever was created since."""
    store = services().store
    plan = store.plan(ref)
    if plan is None:
        record, _ = store.need_record(ref.cluster)
        spec = store.spec(record)
        check_last_stage(spec)
        made, _ = plan_of(spec, record)
        plan = store.keep_plan(ref, made)
    check_last_stage(plan.spec)
    record = keep_slots(plan)
    begin_run(plan)
    return PlanResult(**result_of(plan), notes=tuple(notes_of(record)))


def result_of(plan: Plan) -> dict[str, Any]:
    """Returns the fields of a plan's result."""
    return {
        "parts": tuple(
            PlannedPart(part=d.part, template=d.template, nodes=len(d.nodes))
            for d in plan.deployments
        ),
        "nodes": len(plan.nodes),
        "keep_controller": plan.spec.controller.keep,
        "nodes_deadline_seconds": services().settings.nodes_deadline_seconds,
        "play_deadline_seconds": services().settings.play_deadline_seconds,
        "stages": plan.spec.stages,
        "leaving": len(plan.leaving),
        "returning": len(plan.returning),
        "force": plan.force,
        "uncordon": plan.spec.drain.uncordon,
        "drain_deadline_seconds": plan.spec.drain.deadline_seconds,
    }


def check_last_stage(spec: ClusterSpec) -> None:
    """Raises Refused if a newer version knows the last stage and this one does not: a play would
    run further than the spec says."""
    last = spec.playbook.through
    if last is not None and last not in LAST_STAGES:
        text = "playbook.through of the spec names a stage that this version does not have"
        raise Refused("UnreadableDocument", text, place="playbook.through")


def keep_slots(plan: Plan, *, slots: bool = True) -> ClusterRecord:
    """Writes the plan's slots and pool subnets to the record, which never change afterwards, and
    what a removal will look for: the group and the names of the secrets.

    A node that leaves and comes back counts as leaving. An etcd member gets that mark only when it
    leaves etcd: from then on it has to be replaced.

    Args:
        plan: the run's plan.
        slots: whether the plan's slots are written.
    """
    store = services().store
    record, etag = store.need_record(plan.cluster)
    subnets = {
        **record.subnets,
        **{pool.name: plan.subnets[pool.name] for pool in plan.spec.workers},
    }
    marked = (slot for slot in plan.leaving if slot.role != ETCD)
    # A turn that replaces something else leaves the nodes of a pool that is left out as they are.
    wanted = {
        slot.name: slot for slot in record.slots if plan.turn and slot.pool not in plan.subnets
    }
    wanted |= {slot.name: slot for slot in (*plan.slots, *marked)}
    kept = record.with_slots(tuple(wanted.values())) if slots else record
    changed = kept.model_copy(
        update={
            "subnets": subnets,
            "group": plan.group,
            "groups": _with(record.every_group, plan.group),
            "secrets": _with(record.secrets, *ClusterSecrets.of(plan).names_of(plan)),
            "fault_domains": plan.fault_domains or record.fault_domains,
        }
    )
    if changed != record:
        store.update_record(changed, etag)
    return changed


def _with(known: tuple[str, ...], *more: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *more)))


def notes_of(record: ClusterRecord) -> Iterator[str]:
    """Yields a note that names the spec's fields that this version does not know.

    An older version may plan a run that a newer version claimed.
    """
    if places := unknown_fields(record.spec):
        named = ", ".join(".".join(map(str, place)) for place in places[:10])
        yield f"this version of Slipway does not know these fields of the spec: {named}"
    if places := unknown_values(record.spec):
        named = ", ".join(".".join(map(str, place)) for place in places[:10])
        yield f"this version of Slipway does not know the values of these fields: {named}"
