"""Activity plan_maintenance: finds how the cluster is reached, and which machines run."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from activities.last_plan import keep_last_plan
from activities.registration import activity
from clients.azure.compute import Vm
from clients.azure.vm_power import RUNNING
from clients.services import services
from cluster.contracts import PLAN_MAINTENANCE, MaintenancePlan, RunRef
from cluster.health import SHOWN, HealthFinding, finding
from cluster.plan import Plan
from cluster.record import PlannedNode
from cluster.roles import CONTROL_PLANE, ETCD
from planning.inspection import existing_machines
from telemetry import spans

PARALLEL = 4


@activity(PLAN_MAINTENANCE)
def plan_maintenance(ref: RunRef) -> MaintenancePlan:
    """Stores the plan of a full pass over the machines that there are, without an upgrade of their
    packages. A repeat returns it.

    A list of VMs has no power states, so Azure is asked one by one only about the etcd members and
    the control planes. A worker that is off is noticed when it does not answer.

    Raises:
        Refused: DeploymentMissing, no earlier run deployed the cluster's network.
    """
    store = services().store
    plan = store.plan(ref) or keep_last_plan(store.need_record(ref.cluster)[0], ref, full=True)
    there = set(existing_machines(plan.group, plan.cluster))
    missing = [slot.name for slot in plan.nodes if slot.name not in there]
    central = [
        slot for slot in plan.nodes if slot.role in (ETCD, CONTROL_PLANE) and slot.name in there
    ]
    found = list(_power_states(plan, central))
    off = [(name, state) for name, state in found if state != RUNNING]
    return MaintenancePlan(
        keep_controller=plan.spec.controller.keep,
        nodes=len(plan.nodes),
        play_deadline_seconds=services().settings.play_deadline_seconds,
        stages=plan.spec.stages,
        security_updates=plan.spec.maintenance.security_updates,
        drain_deadline_seconds=plan.spec.drain.deadline_seconds,
        resting=bool(found) and len(off) == len(found),
        findings=tuple(
            [finding("MachineMissing", name) for name in missing[:SHOWN]]
            + [machine_off(name, state) for name, state in off]
        ),
    )


def machine_off(name: str, power_state: str) -> HealthFinding:
    return finding("MachineOff", name, power_state or "without a power state")


def _power_states(plan: Plan, slots: list[PlannedNode]) -> Iterator[tuple[str, str]]:
    """Yields the power states of machines. One that was deleted meanwhile is left out."""
    compute = services().compute

    def ask(slot: PlannedNode) -> Vm | None:
        return compute.vm(plan.group, slot.name)

    with ThreadPoolExecutor(PARALLEL) as pool:
        for slot, vm in zip(slots, pool.map(spans.carried(ask), slots), strict=True):
            if vm is not None:
                yield slot.name, vm.power_state
