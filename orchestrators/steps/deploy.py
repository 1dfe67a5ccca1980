"""Deploys the network first, then the controller and every pool in parallel."""

from datetime import datetime, timedelta

from cluster import names
from cluster.contracts import (
    CANCEL_DEPLOYMENTS,
    POLL_DEPLOYMENTS,
    START_DEPLOYMENT,
    DeploymentRef,
    DeploymentsRef,
)
from cluster.outcomes import Cause
from orchestrators.errors import RunFailedError
from orchestrators.run import PATIENCE, Run, Steps, not_done
from orchestrators.state import DeployState

# A deployment takes minutes. Azure itself ends a deployment whose machines find no capacity or do
# not report. This limit is for one that Azure does not end, with a reserve for slow days.
LONGEST = timedelta(hours=2)
# A deployment that failed for reasons that pass is started again so often, after a growing pause.
RESTARTS = 3
RESTART_PAUSE = timedelta(minutes=1)
# Seconds. Other deployments of the step are still polled meanwhile.
LONGEST_REST = 30.0


def deploy_network(run: Run) -> Steps[None]:
    yield from _deploy(run, (names.NETWORK,))


def deploy_machines(run: Run) -> Steps[None]:
    yield from _deploy(run, tuple(part for part in run.state.parts if part != names.NETWORK))


def _deploy(run: Run, parts: tuple[str, ...]) -> Steps[None]:
    """Starts the deployments in parallel, then polls all of them in one activity.

    If one fails, the others are still awaited, so that no deployment continues unobserved. A part
    that cannot be started fails after a time, and so does one that never ends. One that failed with
    nothing but codes that mean "later" is started again a few times. If the step is entered again
    with a new history, it continues where it was.
    """
    if run.state.deploy is None:
        run.update(deploy=DeployState(since=run.now.isoformat(), to_start=parts))
    while True:
        waits = [(yield from _poll(run)), (yield from _start(run))]
        if not (_at(run).to_start or _at(run).running):
            break
        yield from run.pause(max(filter(None, waits), default=None))
        run.renew_history()
    cause = _at(run).cause
    run.update(deploy=None)
    if cause:
        raise RunFailedError(cause)


def _poll(run: Run) -> Steps[float | None]:
    """Polls the running deployments and returns the pause that they ask for."""
    running = _at(run).running
    if not running:
        return None
    result = yield from run.call(POLL_DEPLOYMENTS, _ref(run, running))
    for part in result.finished:
        run.record("deployment.succeeded", f"deployment {part} succeeded", subject=part)
    for failed in result.failed:
        if failed.later and _at(run).restarts.get(failed.part, 0) < RESTARTS:
            _start_later(run, failed.part, failed.cause)
        else:
            _fail(run, failed.part, failed.cause)
    ended = {*result.finished, *(failed.part for failed in result.failed)}
    left = tuple(part for part in running if part not in ended)
    if left and _since(run) >= LONGEST:
        yield from _give_up(run, left)
        left = ()
    _update(run, running=left)
    return result.retry_after


def _start(run: Run) -> Steps[float | None]:
    """Starts the deployments that are not started yet and returns the pause that is asked for."""
    resting = {part: left for part in _at(run).to_start if (left := _rest(run, part)) > 0}
    parts = tuple(part for part in _at(run).to_start if part not in resting)
    if not parts:
        return min(LONGEST_REST, *resting.values()) if resting else None
    asked = [DeploymentRef(**run.ref.model_dump(), part=part) for part in parts]
    outcomes = yield from run.call_all(START_DEPLOYMENT, asked)
    later = list[str]()
    for part, outcome in zip(parts, outcomes, strict=True):
        if outcome.state == "done":
            _update(run, running=(*_at(run).running, part))
            run.record("deployment.started", f"deployment {part} started", subject=part)
        elif outcome.state == "refused":
            _fail(run, part, outcome.cause)
        elif _asked_for(run, part) >= PATIENCE:
            _fail(run, part, not_done(part, outcome))
        else:
            later.append(part)
    _update(run, to_start=(*later, *resting))
    notes = [note for one in outcomes if one.state == "wait" for note in one.notes]
    if notes:  # one note is enough for many parts that wait for the same service
        run.record_note(notes[0])
    return max((one.retry_after or 0.0 for one in outcomes), default=0.0) or None


def _start_later(run: Run, part: str, cause: Cause) -> None:
    """Puts a part back to those that are to be started, after a pause."""
    count = _at(run).restarts.get(part, 0) + 1
    pause = RESTART_PAUSE * count
    text = f"deployment {part} failed with {cause.code}, which passes; it is started again in "
    text += f"{pause.seconds} s ({count} of {RESTARTS}): {cause.message}"
    run.record("note", text, level="warning", subject=part)
    _update(
        run,
        to_start=(*_at(run).to_start, part),
        restarts=_at(run).restarts | {part: count},
        not_before=_at(run).not_before | {part: (run.now + pause).isoformat()},
    )


def _rest(run: Run, part: str) -> float:
    """Returns the seconds until the part may be started."""
    text = _at(run).not_before.get(part)
    return (datetime.fromisoformat(text) - run.now).total_seconds() if text else 0.0


def _asked_for(run: Run, part: str) -> timedelta:
    """Returns for how long the part's start has been asked for."""
    text = _at(run).not_before.get(part)
    return run.now - datetime.fromisoformat(text) if text else _since(run)


def _give_up(run: Run, parts: tuple[str, ...]) -> Steps[None]:
    """Cancels the deployments that never ended, because the run stops observing them."""
    hours = LONGEST.seconds // 3600
    trouble: Cause | None = None
    try:
        yield from run.perform(CANCEL_DEPLOYMENTS, _ref(run, parts))
    except RunFailedError as error:
        trouble = error.cause
    ending = (
        f"could not be cancelled: {trouble.code}: {trouble.message}" if trouble else "was cancelled"
    )
    for part in parts:
        cause = Cause(
            code="DeploymentTimedOut",
            place=part,
            message=f"deployment {part} was still running after {hours} hours and {ending}",
            next_step="cancel the deployment in the portal, then send the same spec again; what "
            "exists is kept"
            if trouble
            else "look at the deployment's operations in the portal, then send the same spec "
            "again; what exists is kept",
        )
        _fail(run, part, cause)


def _fail(run: Run, part: str, cause: Cause | None) -> None:
    """Records the failure of a part. The first cause becomes the run's cause."""
    cause = cause or Cause(code="Refused", place=part, message="no cause was given")
    text = f"deployment {part} failed: {cause.message}"
    run.record("deployment.failed", text, level="error", subject=part)
    _update(run, cause=_at(run).cause or cause)


def _ref(run: Run, parts: tuple[str, ...]) -> DeploymentsRef:
    return DeploymentsRef(**run.ref.model_dump(), parts=parts)


def _at(run: Run) -> DeployState:
    if run.state.deploy is None:
        raise RuntimeError("no deployments are under way")
    return run.state.deploy


def _since(run: Run) -> timedelta:
    return run.now - datetime.fromisoformat(_at(run).since)


def _update(run: Run, **changes: object) -> None:
    run.update(deploy=_at(run).model_copy(update=changes))
