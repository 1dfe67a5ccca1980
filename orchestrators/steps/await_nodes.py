"""Waits until every node has reported: one short probe of all pending nodes, then a durable
timer."""

from datetime import datetime, timedelta

from cluster.contracts import (
    PROBE_NODES,
    START_CONTROLLER,
    WAKE_NODES,
    ProbeInput,
    ProbeResult,
)
from cluster.outcomes import Cause
from orchestrators.errors import RunFailedError
from orchestrators.run import Run, Steps

NAMES_IN_AN_EVENT = 20
# After the deadline, a probe that can reach no node (storage is unavailable) is repeated for this
# long.
LAST_ASKS = timedelta(minutes=10)
# Machines that exist and do not answer may rest. They are looked at this often.
WAKE_INTERVAL = timedelta(minutes=2)


def await_nodes(run: Run) -> Steps[None]:
    yield from run.perform(START_CONTROLLER, run.ref)
    if not run.state.deadline:
        patience = timedelta(seconds=run.state.nodes_deadline_seconds)
        run.update(deadline=(run.now + patience).isoformat())
    until = datetime.fromisoformat(run.state.deadline)
    while True:
        late = run.now >= until
        probe = yield from run.call(PROBE_NODES, ProbeInput(**run.ref.model_dump(), final=late))
        _record_ready(run, probe)
        if probe.state == "done":
            run.record("nodes.complete", f"all {probe.total} nodes reported", count=probe.total)
            return
        if late and run.now >= until + LAST_ASKS:
            raise RunFailedError(_unknown(probe))
        yield from _wake(run)
        yield from run.pause(probe.retry_after)
        run.renew_history()


def _wake(run: Run) -> Steps[None]:
    """Starts the machines that existed before the run, do not answer and rest.

    They are looked at after the first probe. Machines of this run were just started by Azure.
    """
    after = run.state.wake_after
    if not run.state.kept or (after and run.now < datetime.fromisoformat(after)):
        return
    run.update(wake_after=(run.now + WAKE_INTERVAL).isoformat())
    woken = yield from run.call(WAKE_NODES, run.ref)
    for name in woken.started:
        text = f"machine {name} was not running; its start was requested"
        run.record("note", text, level="warning", subject=name, node=name)


def _unknown(probe: ProbeResult) -> Cause:
    """Returns the cause when the deadline has passed and the last probes could reach no node.

    Nothing is known about the nodes then.
    """
    why = f": {probe.notes[-1]}" if probe.notes else ""
    return Cause(
        code="NodesUnknown",
        place=PROBE_NODES.name,
        message=f"at the nodes' deadline and for {LAST_ASKS.seconds // 60} minutes after it the "
        f"nodes' readiness could not be read{why}",
        next_step="check that the function app reaches what the message names, then send the "
        "same spec again; the run resumes",
    )


def _record_ready(run: Run, probe: ProbeResult) -> None:
    """Records the nodes that the probe names, and how many more are ready."""
    if not probe.total:
        return
    unnamed = probe.ready - run.state.ready - len(probe.newly)
    run.update(ready=probe.ready)
    _record_names(run, probe.newly)
    if unnamed > 0:
        run.record("nodes.ready", f"{unnamed} further nodes ready", count=unnamed)


def _record_names(run: Run, names: tuple[str, ...]) -> None:
    if len(names) <= NAMES_IN_AN_EVENT:
        for name in names:
            run.record("nodes.ready", "ready", node=name, subject=name, nodes=(name,), count=1)
        return
    for start in range(0, len(names), NAMES_IN_AN_EVENT):
        group = names[start : start + NAMES_IN_AN_EVENT]
        count = len(group)
        run.record("nodes.ready", f"{count} nodes ready", nodes=group, count=count)
