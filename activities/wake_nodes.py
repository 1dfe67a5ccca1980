"""Activity wake_nodes: starts machines of the cluster that exist and rest.

A machine that somebody deallocated, or that an automatic shutdown stopped, never answers, however
long the run waits. Its power state says so at once.
"""

from activities.registration import activity
from clients.azure.vm_power import RUNNING, start_vm
from clients.services import services
from clients.time_limit import left
from cluster.contracts import WAKE_NODES, RunRef, WakeResult
from cluster.outcomes import cut
from planning.ownership import owner_of

# Seconds. One machine takes two requests; the next execution looks at the others.
ONE_SECONDS = 20.0
MACHINES = 100


@activity(WAKE_NODES)
def wake_nodes(ref: RunRef) -> WakeResult:
    """Looks at the machines that existed before the run and have not reported, and starts those
    that do not run."""
    plan, states = services().store.need_plan(ref), services().store.node_states(ref)
    silent = [
        slot.name
        for slot in plan.slots
        if slot.name not in plan.missing and states.get(slot.name) != "ready"
    ]
    started: list[str] = []
    resting: list[str] = []
    for name in silent[:MACHINES]:
        if left() < ONE_SECONDS:
            break
        power = start_vm(services().compute, owner_of(plan), plan.group, name)
        if power is None or power.state == RUNNING:
            continue
        resting.append(name)
        if power.requested:
            started.append(name)
    notes = (cut(f"machines that do not run yet: {', '.join(resting)}", 300),) if resting else ()
    return WakeResult(started=tuple(started), resting=tuple(resting), notes=notes)
