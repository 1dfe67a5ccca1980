"""Installs security updates machine by machine, and restarts those that need it, one at a time.

A machine that is not well afterwards ends it, so that no second one is lost. The rest is left to
the next maintenance. What a machine needs is read from the machine itself, each time.
"""

from datetime import datetime, timedelta

from cluster.contracts import (
    FIND_UPDATES,
    INSTALL_UPDATES,
    RESTART_NODE,
    VACATE_NODE,
    DrainResult,
    FindInput,
    UpdateNode,
)
from cluster.health import finding, merged
from orchestrators.errors import RunFailedError
from orchestrators.run import Run, Steps
from orchestrators.state import UpdateState
from orchestrators.steps.remove_nodes import blocked_text

# How long machines are begun. A maintenance has a window, and other operations wait for its end.
LONGEST = timedelta(hours=4)
INSTALL_PATIENCE = timedelta(minutes=45)
# A machine takes some minutes to be back, and its pods some more.
RESTART_PATIENCE = timedelta(minutes=20)
RETURN_PATIENCE = timedelta(minutes=2)


class _NotUpdatedError(Exception):
    """What went wrong with a machine."""


def update_machines(run: Run) -> Steps[None]:
    """Updates the machines that need it. What goes wrong becomes a finding. It is entered again
    with a new history."""
    if not _at(run).ends:
        _change(run, ends=(run.now + LONGEST).isoformat())
    while not _at(run).ended:
        node = _at(run).node
        try:
            if node:
                yield from _update_machine(run, node)
            else:
                yield from _find(run)
        except RunFailedError as error:
            _give_up(run, node, error.cause.message)
        except _NotUpdatedError as error:
            _give_up(run, node, str(error))
        run.renew_history()
    at = _at(run)
    text = f"security updates: {at.done} machines updated, {at.restarted} of them restarted"
    run.record("note", text)


def _give_up(run: Run, node: str, text: str) -> None:
    """Records what went wrong, and updates no further machine. A node that is not emptied any more
    is made schedulable again before the end."""
    found = finding("UpdatesFailed", node, text)
    run.update(findings=merged(run.state.findings, (found,)))
    left = len(_at(run).pending)
    more = f"; {left} more that were found are left as they are" if left else ""
    run.record("note", f"{node or 'machines'}: {text}{more}", level="error", node=node)
    if node and _at(run).step == "vacate":
        _change(run, step="return", pending=())
    else:
        _change(run, ended=True, node="", pending=())


def leave_machine(run: Run) -> Steps[None]:
    """After a cancel: makes the node schedulable again, if its restart has not begun."""
    at = run.state.updates
    if at is None or not at.node or at.step == "install":
        return
    if at.step != "restart":
        yield from run.perform(RESTART_NODE, _input(run, at.node, leave=True), RETURN_PATIENCE)
        return
    text = f"{at.node} restarts, and may stay cordoned until the next maintenance"
    run.record("note", text, level="warning", node=at.node)


def _find(run: Run) -> Steps[None]:
    """Turns to the next machine, or asks the next machines for their updates."""
    at = _at(run)
    if run.now >= datetime.fromisoformat(at.ends):
        hours = LONGEST.total_seconds() / 3600
        text = f"no more machines are updated after {hours:.0f} hours; the next maintenance goes on"
        run.record("note", text, level="warning")
        _change(run, ended=True, pending=())
    elif at.pending:
        _change(run, node=at.pending[0], pending=at.pending[1:], step="install")
    elif at.asked:
        _change(run, ended=True)
    else:
        asked = FindInput(**run.ref.model_dump(), start=at.start)
        found = yield from run.perform(FIND_UPDATES, asked)
        _change(run, pending=found.nodes, start=found.next, asked=found.next == 0)
        if found.silent:
            run.record("note", f"{found.silent} machines did not say what updates they have")


def _update_machine(run: Run, node: str) -> Steps[None]:
    """Goes on with the machine, at the step that it has reached."""
    if _at(run).step == "return":
        yield from _return(run, node)
        _change(run, ended=True, node="")
        return
    if _at(run).step == "install":
        result = yield from run.perform(INSTALL_UPDATES, _input(run, node), INSTALL_PATIENCE)
        if result.failed:
            raise _NotUpdatedError(f"security updates were not installed: {result.failed}")
        until = run.now + timedelta(seconds=run.state.drain_deadline_seconds)
        step = "vacate" if result.restart else "leave"
        _change(run, step=step, boot=result.boot, until=until.isoformat())
        if result.restart:
            run.record("note", f"{node} has to be restarted: {result.restart}", node=node)
    if _at(run).step == "leave":
        # An earlier maintenance may have left it unschedulable.
        yield from run.perform(RESTART_NODE, _input(run, node, leave=True), RETURN_PATIENCE)
        run.record("note", f"{node} has its security updates", node=node)
        _change(run, node="", done=_at(run).done + 1)
        return
    if _at(run).step == "vacate":
        yield from _vacate(run, node)
        _change(run, step="restart")
    result = yield from run.perform(RESTART_NODE, _input(run, node), RESTART_PATIENCE)
    if result.held:
        yield from _hold(run, node, result.held)
        return
    if result.restart:
        raise _NotUpdatedError(f"was restarted and would have to be again: {result.restart}")
    run.record("note", f"{node} was restarted and is well", node=node)
    _change(run, node="", done=_at(run).done + 1, restarted=_at(run).restarted + 1)


def _vacate(run: Run, node: str) -> Steps[None]:
    """Makes passes until the node is empty.

    Raises:
        _NotUpdatedError: it was not in time.
    """
    while True:
        result = yield from run.call(VACATE_NODE, _input(run, node))
        if result.state == "done":
            return
        _need_time(run, _why(result))
        yield from run.pause(result.retry_after)
        run.renew_history()


def _hold(run: Run, node: str, why: str) -> Steps[None]:
    """Goes back to the step before the restart, because another member is away by now.

    Raises:
        _NotUpdatedError: it was away for too long.
    """
    _change(run, step="vacate")
    run.record_note(f"{node} is not restarted yet: {why}")
    _need_time(run, why)
    yield from run.pause()


def _need_time(run: Run, why: str) -> None:
    """Raises _NotUpdatedError if the time in which the restart may begin is over."""
    if run.now >= datetime.fromisoformat(_at(run).until):
        raise _NotUpdatedError(f"was not restarted: {why}")


def _return(run: Run, node: str) -> Steps[None]:
    """Makes the node schedulable again. What is wrong with that is only a note: the finding says
    why the node was given up."""
    try:
        yield from run.perform(RESTART_NODE, _input(run, node, leave=True), RETURN_PATIENCE)
    except RunFailedError as error:
        text = f"{node} may still be cordoned (kubectl uncordon {node}): {error.cause.message}"
        run.record("note", text, level="warning", node=node)


def _why(result: DrainResult) -> str:
    if not result.looked:
        return result.notes[-1] if result.notes else "it could not be asked"
    return "; ".join(map(blocked_text, result.blocked)) or f"{result.pods} pods that do not end"


def _input(run: Run, node: str, *, leave: bool = False) -> UpdateNode:
    step = "leave" if leave else "restart"
    return UpdateNode(**run.ref.model_dump(), node=node, boot=_at(run).boot, step=step)


def _at(run: Run) -> UpdateState:
    return run.state.updates or UpdateState()


def _change(run: Run, **changes: object) -> None:
    run.update(updates=_at(run).model_copy(update=changes))
