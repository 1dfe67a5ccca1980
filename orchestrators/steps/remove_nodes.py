"""Removes the nodes that the spec no longer asks for: pods, machines, node objects, slots.

Pods are evicted in passes with durable timers between them, so nothing runs on that would have to
be found again. Nodes that were emptied are removed also if others were not.
"""

from datetime import datetime, timedelta

from cluster.contracts import (
    DELETE_MACHINES,
    DRAIN_NODES,
    FORGET_NODES,
    RETURN_NODES,
    START_CONTROLLER,
    BlockedPod,
    DrainInput,
    DrainResult,
)
from cluster.outcomes import Cause
from orchestrators.errors import RunFailedError
from orchestrators.run import Run, Steps
from orchestrators.state import DrainState

# With force: how long pods that are deleted after the deadline may take.
DELETE_PATIENCE = timedelta(minutes=2)
# Azure takes minutes for a machine, and tens of minutes for hundreds.
MACHINES_PATIENCE = timedelta(hours=1)
TOLD = 20


def remove_nodes(run: Run) -> Steps[None]:
    """Does nothing if no node leaves and none is taken back.

    Raises:
        RunFailedError: some nodes were not emptied (DrainBlocked, DrainUnknown), or an activity
            failed.
    """
    if not (run.state.leaving or run.state.returning):
        return
    yield from run.perform(START_CONTROLLER, run.ref)
    _begin(run)
    try:
        yield from _drain(run)
        if _at(run).emptied and not _is_unknown(run):
            yield from run.perform(DELETE_MACHINES, run.ref, MACHINES_PATIENCE)
            removed = yield from run.perform(FORGET_NODES, run.ref)
            text = f"removed: {_listed(removed.nodes, removed.count)}"
            run.record("nodes.removed", text, nodes=removed.nodes, count=removed.count)
    except RunFailedError:
        yield from _return_after_failure(run)
        raise
    if cause := _at(run).cause:
        yield from _return_after_failure(run)
        raise RunFailedError(cause)


def return_nodes(run: Run) -> Steps[None]:
    """Makes the nodes that were not emptied schedulable again, if the spec says so."""
    if run.state.leaving and run.state.uncordon:
        yield from run.perform(RETURN_NODES, run.ref)
        run.record("note", "nodes that were not emptied are schedulable again")


def _return_after_failure(run: Run) -> Steps[None]:
    """The cause of the failure remains the run's, also if this fails too."""
    try:
        yield from return_nodes(run)
    except RunFailedError as error:
        text = f"nodes may still be unschedulable: {error.cause.message}"
        run.record("cleanup.failed", text, level="error", subject=error.cause.code)


def _begin(run: Run) -> None:
    if run.state.drain is not None:
        return
    patience = timedelta(seconds=run.state.drain_deadline_seconds)
    run.update(drain=DrainState(until=(run.now + patience).isoformat()))
    if run.state.leaving:
        text = f"nodes to remove: {run.state.leaving}"
        of_etcd = run.state.turn is not None and run.state.turn.members
        text += "" if of_etcd else "; they are cordoned and drained"
        run.record("nodes.draining", text, count=run.state.leaving)
    if run.state.returning:
        run.record("note", f"nodes to keep that were being removed: {run.state.returning}")


def _drain(run: Run) -> Steps[None]:
    """Makes passes until every node is empty, or until the time is over."""
    until = datetime.fromisoformat(_at(run).until)
    while not _at(run).ended:
        late = run.now >= until
        abandoned = run.state.force and run.now >= until + DELETE_PATIENCE
        step = "leave" if abandoned else "delete" if late and run.state.force else "evict"
        result = yield from run.call(DRAIN_NODES, DrainInput(**run.ref.model_dump(), step=step))
        _record_progress(run, result)
        if result.state == "done":
            _update(run, ended=True)
        elif abandoned or (late and not run.state.force):
            _update(run, ended=True, cause=_cause(run, result))
        else:
            yield from run.pause(result.retry_after)
            run.renew_history()


def _record_progress(run: Run, result: DrainResult) -> None:
    if not result.looked:
        return
    if not result.kubernetes:
        run.record("note", "no control plane has Kubernetes, so there is nothing to drain")
    elif result.newly:
        text = f"empty nodes: {result.emptied} of {run.state.leaving}"
        run.record("nodes.emptied", text, nodes=result.newly, count=result.emptied)
    _update(run, emptied=result.emptied)
    for blocked in result.blocked:
        key = f"{blocked.pod.partition('/')[0]}/{blocked.budget}" if blocked.budget else blocked.pod
        if key not in _at(run).told:
            _update(run, told=(*_at(run).told, key)[-TOLD:])
            text = f"{blocked_text(blocked)}; it is asked for again"
            pod, node = blocked.pod, blocked.node
            run.record("drain.blocked", text, level="warning", subject=pod, node=node)


def _cause(run: Run, result: DrainResult) -> Cause:
    """Returns why some nodes were not emptied in time."""
    minutes = run.state.drain_deadline_seconds / 60
    if not result.looked:
        why = f": {result.notes[-1]}" if result.notes else ""
        return Cause(
            code="DrainUnknown",
            place=DRAIN_NODES.name,
            message=f"the nodes could not be drained within {minutes:.0f} minutes, because the "
            f"API server did not answer{why}",
            next_step="repair the control plane, then send the same spec again",
        )
    left = run.state.leaving - result.emptied
    message = f"{left} of {run.state.leaving} nodes still have pods after {minutes:.0f} minutes: "
    message += "; ".join(map(blocked_text, result.blocked)) or f"{result.pods} pods that do not end"
    return Cause(
        code="DrainBlocked",
        place=result.blocked[0].pod if result.blocked else DRAIN_NODES.name,
        message=message,
        next_step="change the budget that the message names, give the pods a controller, or set "
        "drain.force, then send the same spec again; empty nodes were removed, the others are "
        "schedulable again"
        if run.state.uncordon
        else "change the budget that the message names, give the pods a controller, or set "
        "drain.force, then send the same spec again; empty nodes were removed, the others are "
        "cordoned",
    )


def _is_unknown(run: Run) -> bool:
    """Returns whether no API server answered at the end. Then no node object could be deleted."""
    cause = _at(run).cause
    return cause is not None and cause.code == "DrainUnknown"


def blocked_text(blocked: BlockedPod) -> str:
    budget = f" (disruption budget {blocked.budget})" if blocked.budget else ""
    return f"pod {blocked.pod} on {blocked.node} was not evicted{budget}: {blocked.message}"


def _listed(names: tuple[str, ...], count: int) -> str:
    more = count - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


def _at(run: Run) -> DrainState:
    if run.state.drain is None:
        raise RuntimeError("no nodes are being removed")
    return run.state.drain


def _update(run: Run, **changes: object) -> None:
    run.update(drain=_at(run).model_copy(update=changes))
