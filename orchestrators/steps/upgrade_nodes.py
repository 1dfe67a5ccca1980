"""Upgrades Kubernetes node by node: empties the node, upgrades it, makes it schedulable again.

Which node is next is read from the nodes, so a run that goes on with an upgrade repeats nothing.
"""

from datetime import datetime, timedelta

from cluster.contracts import (
    BEGIN_UPGRADE,
    DRAIN_NODE,
    END_UPGRADE,
    NEXT_UPGRADE,
    RETURN_NODE,
    START_CONTROLLER,
    START_UPGRADE,
    DrainResult,
    NextNode,
    PlayStart,
    UpgradeInput,
    UpgradeNode,
    UpgradePlay,
)
from cluster.outcomes import Cause
from orchestrators.errors import RunFailedError
from orchestrators.run import Run, Steps
from orchestrators.state import PlayState, UpgradeState
from orchestrators.steps.remove_nodes import blocked_text
from orchestrators.steps.run_playbook import follow_play

# How long a node may take to be ready with its new version, after its play.
READY_PATIENCE = timedelta(minutes=10)
# How long a node that was ready with its new version may be found otherwise: its static pods may
# restart once more.
SETTLE_PATIENCE = timedelta(minutes=5)
# With force: how long pods that are deleted after the deadline may take.
DELETE_PATIENCE = timedelta(minutes=2)
TOLD = 20
# The codes of a drain that was not done in time. Their message says how the node is left.
DRAINS = ("DrainBlocked", "DrainUnknown")


def upgrade_control_planes(run: Run) -> Steps[None]:
    """Upgrades the control planes. Before the first one is changed, the record says that an upgrade
    has begun."""
    if state_of(run).kubernetes:
        yield from run.perform(BEGIN_UPGRADE, run.ref)
    yield from _upgrade_role(run, "control-plane")


def upgrade_workers(run: Run) -> Steps[None]:
    """Upgrades the workers. Then every node has the new version, and the record says so."""
    yield from _upgrade_role(run, "worker")
    yield from run.perform(END_UPGRADE, run.ref)
    start_new_play(run)


def start_new_play(run: Run) -> None:
    """Lets the next play be another one than the last."""
    attempt = run.state.play.attempt + 1
    run.update(play=PlayState(attempt=attempt, first=attempt))


def leave_node(run: Run) -> Steps[None]:
    """After a cancel: makes the node schedulable again, if its upgrade has not begun."""
    at = state_of(run)
    if not at.node:
        return
    if at.step == "drain" and run.state.uncordon:
        node = UpgradeNode(**run.ref.model_dump(), node=at.node, step="leave")
        yield from run.perform(RETURN_NODE, node)
        run.record("note", f"{at.node} is schedulable again", node=at.node)
        return
    run.record("note", f"{at.node} stays cordoned", level="warning", node=at.node)


def _upgrade_role(run: Run, role: str) -> Steps[None]:
    yield from run.perform(START_CONTROLLER, run.ref)
    settled_by = run.now + SETTLE_PATIENCE
    while True:
        if not state_of(run).node:
            asked = UpgradeInput.model_validate(run.ref.model_dump() | {"role": role})
            found = yield from run.perform(NEXT_UPGRADE, asked)
            _update(run, done=found.done, total=found.total, version=found.version)
            if not found.node:
                if found.total:
                    text = f"{found.total} of {found.total} have Kubernetes {found.version}"
                    run.record("note", f"{role}: {text}")
                return
            if found.node == state_of(run).last and run.now < settled_by:
                yield from run.pause()
                continue
            _begin(run, found)
        yield from _upgrade_node(run)
        settled_by = run.now + SETTLE_PATIENCE
        run.renew_history()


def _begin(run: Run, found: NextNode) -> None:
    """Raises RunFailedError if the node that was just upgraded does not keep its version."""
    if found.node == state_of(run).last:
        raise RunFailedError(
            Cause(
                code="UpgradeUnstable",
                place=found.node,
                message=f"{found.node} had Kubernetes {found.version} and does not any more: its "
                f"kubelet reports {found.before}, or a component is not ready",
                next_step="look at its kubelet and its static pods, then send the same spec again",
            )
        )
    until = run.now + timedelta(seconds=run.state.drain_deadline_seconds)
    step = "return" if found.upgraded else "drain"
    _update(run, node=found.node, step=step, until=until.isoformat(), told=())
    text = f"{found.node} is upgraded from {found.before} to {found.version}"
    text += f" ({found.done + 1} of {found.total})"
    run.record("node.upgrading", text, subject=found.node, node=found.node)


def _upgrade_node(run: Run) -> Steps[None]:
    """Goes on with the node of the state, at the step that it has reached."""
    node = UpgradeNode(**run.ref.model_dump(), node=state_of(run).node)
    try:
        if state_of(run).step == "drain":
            yield from _drain(run, node.node)
            start_new_play(run)
            _update(run, step="play")
        if state_of(run).step == "play":
            yield from follow_play(run, _start)
            _update(run, step="return")
        yield from run.perform(RETURN_NODE, node, READY_PATIENCE)
    except RunFailedError as error:
        if error.cause.code in DRAINS:
            raise
        raise RunFailedError(_with_node(error.cause, node.node)) from None
    at = state_of(run)
    run.record(
        "node.upgraded", f"{at.node} has Kubernetes {at.version}", subject=at.node, node=at.node
    )
    _update(run, node="", step="", last=at.node, done=at.done + 1)


def _start(run: Run) -> Steps[PlayStart]:
    play = run.state.play
    asked = UpgradePlay(**run.ref.model_dump(), attempt=play.attempt, node=state_of(run).node)
    return (yield from run.perform(START_UPGRADE, asked))


def _with_node(cause: Cause, node: str) -> Cause:
    """Returns the cause with the node, and with what it is left as."""
    message = cause.message if node in cause.message else f"{node}: {cause.message}"
    step = cause.next_step or "look at the node"
    changes = {
        "place": node,
        "message": f"{message}; {node} stays cordoned",
        "next_step": f"{step}; the upgrade goes on with {node} and makes it schedulable",
    }
    return cause.model_copy(update=changes)


def _drain(run: Run, node: str) -> Steps[None]:
    """Makes passes until the node is empty.

    Raises:
        RunFailedError: it was not in time (DrainBlocked, DrainUnknown).
    """
    until = datetime.fromisoformat(state_of(run).until)
    while True:
        late = run.now >= until
        abandoned = run.state.force and run.now >= until + DELETE_PATIENCE
        step = "leave" if abandoned else "delete" if late and run.state.force else "evict"
        asked = UpgradeNode(**run.ref.model_dump(), node=node, step=step)
        result = yield from run.call(DRAIN_NODE, asked)
        _record_blocked(run, result)
        if result.state == "done":
            run.record("nodes.emptied", f"{node} is cordoned and empty", nodes=(node,), count=1)
            return
        if late and not run.state.force:
            yield from _give_up(run, node, result)
        yield from run.pause(result.retry_after)
        run.renew_history()


def _record_blocked(run: Run, result: DrainResult) -> None:
    for blocked in result.blocked:
        key = f"{blocked.pod.partition('/')[0]}/{blocked.budget}" if blocked.budget else blocked.pod
        if key not in state_of(run).told:
            _update(run, told=(*state_of(run).told, key)[-TOLD:])
            text = f"{blocked_text(blocked)}; it is asked for again"
            pod, node = blocked.pod, blocked.node
            run.record("drain.blocked", text, level="warning", subject=pod, node=node)


def _give_up(run: Run, node: str, result: DrainResult) -> Steps[None]:
    """Makes the node schedulable again, if the spec says so.

    Raises:
        RunFailedError: always.
    """
    left = "stays cordoned"
    if run.state.uncordon:
        try:
            leaving = UpgradeNode(**run.ref.model_dump(), node=node, step="leave")
            yield from run.perform(RETURN_NODE, leaving, DELETE_PATIENCE)
            left = "is schedulable again"
        except RunFailedError as error:
            text = f"{node} may still be unschedulable: {error.cause.message}"
            run.record("cleanup.failed", text, level="error", subject=error.cause.code)
    raise RunFailedError(_not_emptied(run, node, result, left))


def _not_emptied(run: Run, node: str, result: DrainResult, left: str) -> Cause:
    minutes = run.state.drain_deadline_seconds / 60
    ending = f"the upgrade of {node} has not begun, and it {left}"
    if not result.looked:
        why = f": {result.notes[-1]}" if result.notes else ""
        return Cause(
            code="DrainUnknown",
            place=DRAIN_NODE.name,
            message=f"{node} could not be drained within {minutes:.0f} minutes, because the "
            f"API server did not answer{why}; {ending}",
            next_step="repair the control plane, then send the same spec again",
        )
    why = "; ".join(map(blocked_text, result.blocked)) or f"{result.pods} pods that do not end"
    return Cause(
        code="DrainBlocked",
        place=result.blocked[0].pod if result.blocked else node,
        message=f"{node} still has pods after {minutes:.0f} minutes: {why}; {ending}",
        next_step="change the budget that the message names, give the pods a controller, or set "
        "drain.force, then send the same spec again; upgraded nodes are left alone",
    )


def state_of(run: Run) -> UpgradeState:
    return run.state.upgrade or UpgradeState()


def _update(run: Run, **changes: object) -> None:
    run.update(upgrade=state_of(run).model_copy(update=changes))
