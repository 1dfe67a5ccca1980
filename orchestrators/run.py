"""One run of an operation, as its orchestrator sees it.

It is deterministic: time comes from the orchestration's clock, everything else from inputs and
results. Everything that must survive continue-as-new is in `RunState` (`orchestrators/state.py`).
"""

import re
from collections.abc import Generator, Sequence
from datetime import datetime, timedelta
from typing import Any, Unpack

from durabletask.task import CancellableTask, OrchestrationContext, Task

from cluster.contracts import CANCEL_EVENT, SUPERSEDED, Activity, RunRef
from cluster.events import About, Kind
from cluster.model import Contract
from cluster.outcomes import Cause, Outcome, cut_encoded
from cluster.stages import STAGE_IDS, title_of
from orchestrators.calls import SAME_SPEC, Calls
from orchestrators.errors import ContinueAsNewError, RunCancelledError, RunFailedError
from orchestrators.journal import Journal
from orchestrators.state import RunState, WaitState
from orchestrators.waiting import Waiting

DEFAULT_POLL_SECONDS = 15.0
# The longest pause before a service is asked again. Its Retry-After may be any number.
LONGEST_PAUSE_SECONDS = 300.0
# The first few times, an activity that answers "wait" is called again after the pause that it asks
# for. Later pauses grow: half an hour of pauses of two seconds is a history of thousands of events.
PROMPT_WAITS, WAIT_FACTOR, GROWN_SECONDS = 5, 1.5, 15.0
# Each execution replays the whole history. A run continues with a new one at about this length.
HISTORY_EVENTS = 500
# A task is scheduled and completed, and the orchestrator is started and completed for it.
EVENTS_OF_A_TASK = 4
# How long one activity may answer "wait" before the run gives up on it.
PATIENCE = timedelta(minutes=30)
# An activity that waits without a note is named after so many waits.
SILENT_WAITS = 4
# The kinds of waits that a run remembers as told. Numbers in a note do not make another kind.
KINDS_OF_WAITS = 100
NUMBER = re.compile(r"\d+")
# The limit of one text in the custom status, as JSON escapes it. The whole status may have 8,192
# characters.
STATUS_CHARACTERS = 1500
STAGE_CHARACTERS = 100
# The phases of an upgrade in which a play may run.
PLAYING = ("playbook", "fetch", "control-planes", "workers")

type Steps[T] = Generator[Task[Any], Any, T]


class Run:
    """The tools of a step: call an activity, pause, record an event."""

    def __init__(self, ctx: OrchestrationContext, state: RunState, again: str = SAME_SPEC) -> None:
        """`again`: what a user sends to go on after a failure."""
        self.ctx, self.again = ctx, again
        self.state = state
        self.ref = RunRef(cluster=state.cluster, generation=state.generation)
        self._waiting = Waiting(ctx)
        self._calls = Calls(ctx, self._waiting, again)
        self.journal = Journal(ctx, self.ref, state.journal, self._waiting, self._calls)
        self._cancel: CancellableTask[Any] = ctx.wait_for_external_event(CANCEL_EVENT)
        self.cancellable = True

    @property
    def now(self) -> datetime:
        return self.ctx.current_utc_datetime

    def timestamp(self) -> str:
        return self.now.isoformat(timespec="milliseconds") + "Z"

    def renew_history(self) -> None:
        """Ends a history that is too long. For loops that wait long, in steps that can be entered
        again.

        Raises:
            ContinueAsNewError: the history is long enough.
        """
        tasks = self._calls.scheduled + self._waiting.timers
        if tasks * EVENTS_OF_A_TASK >= HISTORY_EVENTS:
            raise ContinueAsNewError

    def update(self, **changes: Any) -> None:
        self.state = self.state.model_copy(update=changes)

    def record(self, kind: Kind, text: str, **about: Unpack[About]) -> None:
        """Adds an event; it is written with the next `flush` or `pause`."""
        self.journal.add(self.state.phase, kind, text, about)

    @property
    def stages(self) -> tuple[str, ...]:
        """Returns the ids of the stages that the spec asks for.

        A run that an older version planned does not know them. Then all stages of the table are
        returned.
        """
        return self.state.stages or STAGE_IDS

    @property
    def play_stages(self) -> tuple[str, ...]:
        """Returns the ids of the stages that the play runs on any machine."""
        return self.state.play.stages or self.stages

    def call[In: Contract, Out: Outcome](
        self, activity: Activity[In, Out], payload: In
    ) -> Steps[Out]:
        """Executes an activity once and returns its result. The outcome may be `wait`.

        Raises:
            RunFailedError: the activity refused, or kept failing.
            RunCancelledError: a cancel was requested, before or during the execution, or a newer
                operation took over.
        """
        result = (yield from self.call_all(activity, [payload]))[0]
        if result.state == "refused":
            raise RunFailedError(result.cause or Cause(code="Refused", message=activity.name))
        for note in result.notes:
            self.record_note(note)
        return result

    def record_note(self, note: str) -> None:
        """Records an activity's note. A run tells each kind of note once."""
        kind = NUMBER.sub("#", note)
        if kind not in self.state.noted:
            self.record("note", note, level="warning")
            self.update(noted=(*self.state.noted, kind)[-KINDS_OF_WAITS:])

    def call_all[In: Contract, Out: Outcome](
        self, activity: Activity[In, Out], payloads: Sequence[In]
    ) -> Steps[list[Out]]:
        """Executes an activity once for each payload, in parallel, and returns the results.

        The caller handles each outcome, refusals included. Otherwise this raises what `call`
        raises.
        """
        stop = self._cancel if self.cancellable else None
        results = yield from self._calls.gather(activity, payloads, stop=stop)
        if results is None:
            self.check_cancelled()
            raise RuntimeError("only a cancel ends the wait for an activity")
        if self.cancellable and any(map(_superseded, results)):
            self.cancellable = False
            raise RunCancelledError("", superseded=True)
        return results

    def perform[In: Contract, Out: Outcome](
        self, activity: Activity[In, Out], payload: In, patience: timedelta = PATIENCE
    ) -> Steps[Out]:
        """Repeats an activity at the pace of its answers until it is done or the time is over.

        A long wait renews the history: the step is entered again, and the time that is left is
        kept. At the end of a run nothing is entered again, so the history is not renewed there.

        Raises:
            RunFailedError: the activity refused, kept raising, or was not done in time.
            RunCancelledError: a cancel was requested.
            ContinueAsNewError: the history is long enough.
        """
        key = activity.name if self.cancellable else f"{activity.name} at the end"
        wait = self.state.waiting.get(key)
        wait = wait or WaitState(until=(self.now + patience).isoformat())
        while True:
            result = yield from self.call(activity, payload)
            if result.state == "done":
                self._forget_wait(key)
                return result
            if self.now >= datetime.fromisoformat(wait.until):
                self._forget_wait(key)
                raise RunFailedError(not_done(activity.name, result, self.again, patience))
            if wait.waits == SILENT_WAITS and not result.notes:
                self.record_note(f"waiting: {activity.name} is not done yet")
            pause = _grown(result.retry_after, wait.waits)
            wait = wait.model_copy(update={"waits": wait.waits + 1})
            self.update(waiting=self.state.waiting | {key: wait})
            yield from self.pause(pause)
            if self.cancellable:
                self.renew_history()

    def _forget_wait(self, key: str) -> None:
        if key in self.state.waiting:
            left = {name: wait for name, wait in self.state.waiting.items() if name != key}
            self.update(waiting=left)

    def pause(self, seconds: float | None = None) -> Steps[None]:
        """Writes the added events, then waits on a durable timer.

        A pause that a service asks for is respected up to a limit.

        Raises:
            RunCancelledError: a cancel was requested meanwhile.
        """
        yield from self.flush()
        stop = [self._cancel] if self.cancellable else []
        wanted = min(seconds or DEFAULT_POLL_SECONDS, LONGEST_PAUSE_SECONDS)
        yield from self._waiting.pause(wanted, *stop)
        self.check_cancelled()

    def flush(self) -> Steps[None]:
        """Appends the buffered events to the record and shows the status."""
        yield from self.journal.flush()
        self.update(journal=self.journal.state)
        self.ctx.set_custom_status(self.status())

    def check_cancelled(self) -> None:
        """Checks for a cancel between steps that do not pause.

        Raises:
            RunCancelledError: a cancel was requested.
        """
        if self.cancellable and self._cancel.is_complete:
            self.cancellable = False
            raise RunCancelledError(str(self._cancel.get_result() or ""))

    def close(self) -> None:
        """Cancels this execution's own timers at its end."""
        self._waiting.close()

    def status(self) -> dict[str, Any]:
        """Returns the custom status, for the portal and the API.

        A run whose status takes more than 16 KB of UTF-16 fails, so every text from outside is cut
        at its encoded length.
        """
        state = self.state
        stage = cut_encoded(state.play.stage, STAGE_CHARACTERS)
        upgrade = state.upgrade
        shown = {"done": upgrade.done, "total": upgrade.total} if upgrade else None
        playing = state.phase == "playbook" or (upgrade and state.phase in PLAYING)
        return ({"upgrade": shown} if shown else {}) | {
            "phase": state.phase,
            "phases": [phase.model_dump(mode="json") for phase in state.phases],
            "startedAt": state.started_at,
            "nodes": {"total": state.nodes, "ready": state.ready},
            "play": {
                "stage": stage,
                "title": title_of(stage),
                "done": state.play.done,
                "total": len(self.play_stages),
                "task": cut_encoded(state.play.task, STATUS_CHARACTERS),
                "host": cut_encoded(state.play.host, STATUS_CHARACTERS),
            }
            if playing or state.play.repair == "running"
            else None,
            "events": {"count": state.journal.seq, "bytes": state.journal.position},
        }


def _superseded(result: Outcome) -> bool:
    return result.cause is not None and result.cause.code == SUPERSEDED


def not_done(
    place: str, result: Outcome, again: str = SAME_SPEC, patience: timedelta = PATIENCE
) -> Cause:
    """Returns the cause of failure of an activity that answered "wait" for too long.

    Its last note explains why.
    """
    message = f"not done after {patience.seconds // 60} minutes"
    return Cause(
        code="Timeout",
        place=place,
        message=f"{message}: {result.notes[-1]}" if result.notes else message,
        next_step=f"{again}; the run resumes where it stopped",
    )


def _grown(seconds: float | None, waits: int) -> float:
    """Returns the pause in seconds after `waits` earlier pauses."""
    asked = seconds or DEFAULT_POLL_SECONDS
    grown = asked * WAIT_FACTOR ** min(max(0, waits - PROMPT_WAITS), 20)
    return max(asked, min(grown, GROWN_SECONDS))
