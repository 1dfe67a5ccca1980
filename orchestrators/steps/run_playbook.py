"""Runs the playbook on the controller.

The play is started detached and polled by offset. A repeat finds it again. If the controller lost
it, it is started again under a new attempt.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from cluster.contracts import (
    POLL_PLAY,
    START_CONTROLLER,
    START_PLAY,
    PlayEvent,
    PlayInput,
    PlayStart,
    PollPlayInput,
    PollPlayResult,
)
from cluster.outcomes import Cause, cut, tail
from orchestrators.errors import RunFailedError
from orchestrators.run import PATIENCE, Run, Steps
from orchestrators.state import PlayState

ATTEMPTS = 3


def run_playbook(run: Run) -> Steps[None]:
    yield from follow_play(run, _start_play)


def follow_play(run: Run, start_play: Callable[[Run], Steps[PlayStart]]) -> Steps[None]:
    """Starts the play of the state's attempt and follows it to its end.

    Raises:
        RunFailedError: it failed, was lost too often, or its controller does not answer.
    """
    yield from run.perform(START_CONTROLLER, run.ref)
    while True:
        if not run.state.play.started:
            _update(run, asked=True)
            start = yield from start_play(run)
            if run.state.play.attempt == run.state.play.first:
                # A later attempt leaves out what an earlier one has done.
                _update(run, whole=start.whole, stages=start.stages)
            if start.machines == 0:
                run.record("note", "no play: no machine is concerned by any stage")
                return
            attempt = run.state.play.attempt
            text = f"playbook started (attempt {attempt})"
            if not start.whole:
                text += f" on the {start.machines} machines that it concerns"
            run.record("play.started", text, subject=str(attempt))
            _update(run, started=True, since=run.now.isoformat())
        poll = yield from run.call(
            POLL_PLAY,
            PollPlayInput(
                **_input(run).model_dump(),
                events_offset=run.state.play.events_offset,
                log_offset=run.state.play.log_offset,
            ),
        )
        for event in poll.events:
            _record_event(run, event)
        _keep_place(run, poll)
        yield from _handle_silence(run, poll)
        if poll.play_state == "lost":
            _start_again(run)
        elif poll.play_state == "finished" and poll.state == "done":
            _conclude(run, poll)
            return
        else:
            _check_deadline(run)
        yield from run.pause(poll.retry_after)
        run.renew_history()


def repair(run: Run) -> Steps[None]:
    """Runs the playbook on every machine. It is entered again where the history is renewed."""
    if run.state.play.repair == "":
        attempt = run.state.play.attempt + 1
        run.update(play=PlayState(attempt=attempt, first=attempt, repair="running"))
    yield from run_playbook(run)
    _update(run, repair="done")


def _start_play(run: Run) -> Steps[PlayStart]:
    return (yield from run.perform(START_PLAY, _input(run)))


def _input(run: Run) -> PlayInput:
    play = run.state.play
    return PlayInput(**run.ref.model_dump(), attempt=play.attempt, concerned_only=play.repair == "")


def _update(run: Run, **changes: object) -> None:
    run.update(play=run.state.play.model_copy(update=changes))


def _keep_place(run: Run, poll: PollPlayResult) -> None:
    """Stores the offsets that were read. A poll that could not read has none, so the old ones
    remain."""
    offsets = {"events_offset": poll.events_offset, "log_offset": poll.log_offset}
    _update(run, **{name: offset for name, offset in offsets.items() if offset is not None})


def _handle_silence(run: Run, poll: PollPlayResult) -> Steps[None]:
    """Examines a controller that does not answer through Azure.

    A stopped controller is started. A controller that was deleted ends the run, and so does one
    that is silent for too long.

    Raises:
        RunFailedError: the VM does not exist, or it runs and was silent for too long.
    """
    if poll.events_offset is not None:
        _update(run, silent_since="")
        return
    since = run.state.play.silent_since
    if not since:  # a single failure may be a network problem
        _update(run, silent_since=run.now.isoformat())
        return
    yield from run.perform(START_CONTROLLER, run.ref)
    if run.now - datetime.fromisoformat(since) >= PATIENCE:
        raise RunFailedError(
            Cause(
                code="ControllerUnreachable",
                place="controller",
                message="the controller runs and has not answered on SSH for "
                f"{PATIENCE.seconds // 60} minutes; the play may still be running there",
                next_step="look at the VM's boot diagnostics in the portal, restart or delete it, "
                "then send the same spec again",
            )
        )


def _check_deadline(run: Run) -> None:
    """Ends the wait for a play that the controller should have ended long ago.

    Raises:
        RunFailedError: the play has no result after its own deadline and `PATIENCE`.
    """
    since = run.state.play.since
    if not since:
        return
    longest = timedelta(seconds=run.state.play_deadline_seconds) + PATIENCE
    if run.now - datetime.fromisoformat(since) < longest:
        return
    raise RunFailedError(
        Cause(
            code="PlayTimedOut",
            place="controller",
            message=f"the playbook has no result {longest.total_seconds() / 60:.0f} minutes after "
            "its start, although the controller ends it at its own deadline",
            next_step="restart the controller VM in the portal, then send the same spec again; "
            "finished work is kept",
        )
    )


def _start_again(run: Run) -> None:
    attempt = run.state.play.attempt
    if attempt - run.state.play.first + 1 >= ATTEMPTS:
        raise RunFailedError(
            Cause(
                code="PlayLost",
                place="controller",
                message=f"the controller lost the play {ATTEMPTS} times",
                next_step="look at the controller VM, then send the same spec again",
            )
        )
    text = "the controller lost the play; it is started again"
    run.record("play.lost", text, level="warning", subject=str(attempt))
    _update(run, attempt=attempt + 1, started=False, events_offset=0, log_offset=0, stage="")


def _record_event(run: Run, event: PlayEvent) -> None:
    match event.kind:
        case "play":
            _begin_stage(run, event.stage)
        case "task":
            run.record("play.task", event.task, task=event.task, stage=event.stage)
            _update(run, task=event.task, host=event.host)
        case "failed" | "unreachable":
            text = f"task '{event.task}' {event.kind}: {event.message}"
            run.record(
                "play.failed",
                text,
                level="error",
                subject=event.host,
                node=event.host,
                task=event.task,
                stage=event.stage,
            )
            found = (*run.state.play.failures, cut(f"{event.host}: {text}", 600))
            _update(run, failures=found[:5])
        case "recap":
            run.record("play.recap", f"recap: {event.message}")
        case "stage" | "other":
            pass


def _begin_stage(run: Run, stage: str) -> None:
    """Records the first play of a stage.

    A stage has several plays, and a play that runs host by host begins again for each host.
    """
    if stage == run.state.play.stage:
        return
    if not (run.state.upgrade and run.state.upgrade.node):
        # The play of one node in an upgrade is told by the node's own events.
        run.record("play.stage", f"stage {stage} started", subject=stage, stage=stage)
    stages = run.play_stages
    before = stages.index(stage) if stage in stages else 0
    done = max(run.state.play.done, before)
    _update(run, stage=stage, done=done, task="", host="")


def _conclude(run: Run, poll: PollPlayResult) -> None:
    """Ends the step by the play's exit code, and by nothing else."""
    if poll.exit_code == 0:
        run.record("play.finished", "playbook finished", subject=str(run.state.play.attempt))
        return
    failures = run.state.play.failures
    cause = poll.cause or Cause(code="PlayFailed", message="")
    message = failures[0] if failures else cause.message
    place = failures[0].partition(":")[0] if failures else "controller"
    raise RunFailedError(
        Cause(
            code=cause.code,
            message=message or f"the playbook ended with exit code {poll.exit_code}",
            place=cause.place or place,
            log_tail=tail(cause.log_tail),
            next_step=cause.next_step
            or "fix what the log names, then send the same spec again; finished work is kept",
        )
    )
