"""Activity probe_nodes: probes all pending nodes once, through one connection to the controller."""

from time import monotonic

from activities.controller_ssh import Controller, controller
from activities.registration import activity
from clients.azure.vm_power import RUNNING
from clients.errors import Refused, Transient
from clients.services import services
from cluster.contracts import PROBE_NODES, ProbeInput, ProbeResult
from cluster.outcomes import Cause, cut, tail
from cluster.plan import Plan
from cluster.presentable import counted
from cluster.readiness import READINESS_PORT, REPORT_BYTES, judge
from cluster.record import PlannedNode
from telemetry import spans
from telemetry.names import Attribute, EventName

PROBE_SECONDS = 5.0
# A name has 41 characters at most.
NEWLY_NAMES = 400
LOG_BYTES = 4000
LOG_COMMAND = ["sudo", "tail", "-c", str(LOG_BYTES), "/var/log/cloud-init-output.log"]


@activity(PROBE_NODES)
def probe_nodes(ref: ProbeInput) -> ProbeResult:
    """Stores the states in the run's nodes.json and returns only the names that are new since.

    A repeat after a lost answer may report the same nodes as new once more.
    """
    began = monotonic()
    plan = services().store.need_plan(ref)
    states = services().store.node_states(ref)
    slots = list(plan.slots)
    pending = [slot for slot in slots if states.get(slot.name) != "ready"]
    try:
        with controller(plan) as connection:
            cause = _probe(connection, pending, states)
            if cause is None and ref.final:
                silent = [slot for slot in pending if states.get(slot.name) != "ready"]
                cause = _silent(connection, silent) if silent else None
    except Transient:
        if not ref.final:
            raise
        cause = _unreachable(plan)
    states = services().store.add_node_states(ref, states)
    newly = tuple(slot.name for slot in pending if states.get(slot.name) == "ready")
    for slot in pending:
        if states.get(slot.name) == "ready":
            about = {
                Attribute.NODE: slot.name,
                Attribute.POOL: slot.pool,
                Attribute.ROLE: slot.role,
            }
            spans.record(EventName.NODE, about)
    ready = sum(1 for slot in slots if states.get(slot.name) == "ready")
    state = "refused" if cause else "done" if ready == len(slots) else "wait"
    return ProbeResult(
        state=state,
        cause=cause,
        retry_after=_pause(services().settings.poll_seconds, monotonic() - began),
        ready=ready,
        total=len(slots),
        newly=newly[:NEWLY_NAMES],
    )


def _pause(interval: float, taken: float) -> float:
    """Returns the pause before the next probe, in seconds.

    A node that becomes ready just after its probe must be noticed within the interval. So the
    pause, this probe and the next one must fit into the interval.
    """
    return max(interval / 2, interval - 2 * taken)


def _probe(
    connection: Controller, pending: list[PlannedNode], states: dict[str, str]
) -> Cause | None:
    answers = connection.ssh.read_tcp_many(
        [slot.address for slot in pending],
        READINESS_PORT,
        timeout=PROBE_SECONDS,
        limit=REPORT_BYTES,
    )
    first: Cause | None = None
    for slot in pending:
        answer = answers.get(slot.address)
        if not isinstance(answer, bytes):
            continue
        state, cause = judge(slot, answer)
        if state != "waiting":
            states[slot.name] = state
        first = first or cause
    return first


def _silent(connection: Controller, silent: list[PlannedNode]) -> Cause:
    """Returns the cause when the deadline has passed. The log of the first silent node explains
    most."""
    names = ", ".join(slot.name for slot in silent[:10])
    return Cause(
        code="NodesSilent",
        place=silent[0].name,
        message=cut(f"{counted(len(silent), 'node')} did not report in time: {names}"),
        log_tail=_log_tail(connection, silent[0]),
        next_step=_next_step(connection.plan, silent[0].name)
        or "look at the node's boot diagnostics in the portal; delete the VM (its data disk stays) "
        "and send the same spec again",
    )


def _next_step(plan: Plan, name: str) -> str:
    """Returns what to do about a silent node where Azure says why it is silent, or else ""."""
    try:
        vm = services().compute.vm(plan.group, name)
    except (Transient, Refused):
        vm = None
    if vm is not None and vm.power_state not in ("", RUNNING):
        return f"start the VM {name}, which is {vm.power_state}, then send the same spec again"
    if vm is not None and vm.provisioning_state == "Failed":
        return (
            f"delete the VM {name}, whose state in Azure is Failed (its data disk stays), then "
            "send the same spec again"
        )
    return ""


def _log_tail(connection: Controller, slot: PlannedNode) -> str:
    try:
        if slot.name == connection.plan.controller.name:
            done = connection.ssh.run(LOG_COMMAND, timeout=PROBE_SECONDS)
        else:
            done = connection.run_on(slot, LOG_COMMAND, timeout=PROBE_SECONDS)
    except (Transient, Refused) as error:
        return f"(no log: {error})"
    return tail(done.stdout.decode(errors="replace"))


def _unreachable(plan: Plan) -> Cause:
    return Cause(
        code="ControllerUnreachable",
        place=plan.controller.name,
        message="the controller did not answer on SSH in time",
        next_step="check network.allowedSources against the app's outbound address, then the VM's "
        "boot diagnostics in the portal",
    )
