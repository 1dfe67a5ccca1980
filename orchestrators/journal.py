"""Numbers the run's events, writes them in batches at an expected position and posts them to Slack.

The orchestrator is the only writer, so its position is the blob's length, and a batch that is sent
twice is written once. Messages are posted to Slack in parallel with the run, which does not wait
for them, except for a few seconds at its end. There each turn waits for one answer, however long
Slack takes.
"""

import json
from collections.abc import Callable, Generator, Sequence
from datetime import datetime, timedelta
from typing import Any

from durabletask.task import OrchestrationContext, Task, TaskFailedError
from pydantic import Field

from cluster.contracts import POST_SLACK, RECORD_EVENTS, RecordInput, RunRef, SlackInput
from cluster.events import About, Event, Kind, to_line
from cluster.model import Contract
from cluster.names import instance_id
from cluster.outcomes import cut
from orchestrators.calls import DELIVERY_SECONDS, RECORD_RETRY, Calls
from orchestrators.waiting import Waiting

# Slack accepts one message a second. Events in between are combined into the next message. A
# message holds 3,000 characters. Waiting events are part of the run's state.
SLACK_INTERVAL = timedelta(seconds=1)
SLACK_LINE_CHARACTERS = 300
SLACK_CHARACTERS = 2900
SLACK_BACKLOG = 50
SLACK_ATTEMPTS = 5
SLACK_AT_END = timedelta(seconds=20)
# Kinds of events that are posted to Slack.
SLACK_KINDS: frozenset[Kind] = frozenset(
    {
        "run.started",
        "run.cancelling",
        "run.succeeded",
        "run.failed",
        "run.cancelled",
        "phase.done",
        "deployment.failed",
        "nodes.complete",
        "nodes.draining",
        "nodes.removed",
        "nodes.replacing",
        "drain.blocked",
        "play.started",
        "play.stage",
        "play.failed",
        "play.recap",
        "play.lost",
        "check.failed",
        "backup.failed",
        "maintenance.skipped",
        "health.finding",
        "resources.deleted",
        "cleanup.failed",
    }
)
LATE = "Slack did not take it in time"
# The size of a batch as JSON, inside a payload of at most 32 KB.
BATCH_BYTES = 24_000


class JournalState(Contract):
    """The journal's state between executions.

    `seq` is the number of the last event, and `position` the length of the record in bytes. The
    other fields are the state of the posts to Slack.
    """

    seq: int = 0
    position: int = 0
    slack: bool = False
    slack_number: int = 0
    slack_attempt: int = 0
    slack_not_before: str = ""
    slack_lines: tuple[str, ...] = ()
    slack_retry: tuple[str, ...] = Field(default=())
    slack_lost: int = 0
    slack_reason: str = ""


class Journal:
    """Collects events and writes them in order."""

    def __init__(
        self,
        ctx: OrchestrationContext,
        ref: RunRef,
        state: JournalState,
        waiting: Waiting,
        calls: Calls,
    ) -> None:
        self._ctx = ctx
        self._ref = ref
        self.state = state
        self._waiting = waiting
        self._calls = calls
        self._lines: list[str] = []
        self._posting: Task[Any] | None = None
        self._posting_until = ctx.current_utc_datetime
        self._posted_lines: tuple[str, ...] = ()

    def add(self, phase: str, kind: Kind, text: str, about: About) -> None:
        """Creates the next event and keeps it for the next `flush`."""
        seq = self.state.seq + 1
        event = Event(
            seq=seq,
            time=self._now.isoformat(timespec="milliseconds") + "Z",
            phase=phase,
            text=text,
            kind=kind,
            operation=instance_id(self._ref.cluster, self._ref.generation),
            **about,
        )
        self._lines.append(to_line(event))
        changes: dict[str, Any] = {"seq": seq}
        if event.kind in SLACK_KINDS and self.state.slack:
            lines = (*self.state.slack_lines, _slack_line(event))
            changes["slack_lines"] = lines[-SLACK_BACKLOG:]
        self._update(**changes)

    def flush(self, *, post: bool = True) -> Generator[Task[Any], Any]:
        """Writes the added events, then lets Slack post without waiting for it."""
        while self._lines:
            batch = RecordInput(
                **self._ref.model_dump(),
                position=self.state.position,
                lines=tuple(self._next_batch()),
            )
            done = yield from self._calls.gather(RECORD_EVENTS, [batch], RECORD_RETRY)
            if done:
                self._update(position=done[0].position)
        self._take_posted()
        if post:
            self._post()

    def close(self) -> Generator[Task[Any], Any]:
        """Writes the remaining events, and gives Slack's last messages a limited time.

        Each turn waits for an answer of Slack, or until the next message may be sent.
        """
        until = self._now + SLACK_AT_END
        yield from self.flush()
        while (self._posting or self._unposted()) and self._now < until:
            left = (until - self._now).total_seconds()
            if self._posting:
                yield from self._waiting.pause(left, self._posting)
            else:
                yield from self._waiting.pause(min(left, self._slack_pause()))
            yield from self.flush(post=self._now < until)

    @property
    def _now(self) -> datetime:
        return self._ctx.current_utc_datetime

    def _slack_pause(self) -> float:
        """Returns the seconds until Slack accepts the next message."""
        text = self.state.slack_not_before
        return (datetime.fromisoformat(text) - self._now).total_seconds() if text else 0.0

    def _next_batch(self) -> list[str]:
        count = _fitting(self._lines, lambda line: len(json.dumps(line)), BATCH_BYTES)
        batch, self._lines = self._lines[:count], self._lines[count:]
        return batch

    def _unposted(self) -> bool:
        return bool(self.state.slack_lines or self.state.slack_retry)

    def _post(self) -> None:
        state = self.state
        if self._posting or not self._unposted() or self._slack_pause() > 0:
            return
        if state.slack_retry:
            lines, attempt, number = state.slack_retry, state.slack_attempt, state.slack_number
        else:
            count = _fitting(state.slack_lines, lambda line: len(line) + 1, SLACK_CHARACTERS)
            lines, attempt, number = state.slack_lines[:count], 0, state.slack_number + 1
            self._update(slack_lines=state.slack_lines[count:])
        self._posted_lines = lines
        self._update(
            slack_number=number,
            slack_attempt=attempt,
            slack_retry=(),
            slack_not_before=(self._now + SLACK_INTERVAL).isoformat(),
        )
        message = SlackInput(**self._ref.model_dump(), number=number, lines=lines, attempt=attempt)
        self._posting = self._calls.schedule(POST_SLACK, message)
        most = timedelta(seconds=POST_SLACK.seconds + DELIVERY_SECONDS)
        self._posting_until = self._now + most

    def _take_posted(self) -> None:
        """Reads the result of the post in flight. A post that raised counts as lost, because it was
        claimed."""
        task, lines = self._posting, self._posted_lines
        if task is not None and not task.is_complete and self._now >= self._posting_until:
            self._posting, self._posted_lines = None, ()
            self._lose("no result of the post came back")
        if task is None or not task.is_complete:
            return
        self._posting, self._posted_lines = None, ()
        try:
            result = POST_SLACK.result(task.get_result())
        except TaskFailedError as error:
            self._lose(error.details.error_type)
            return
        if result.state != "done":
            self._lose("what became of the post is not known")
        elif result.posted == "lost":
            self._lose(result.reason)
        elif result.posted == "throttled" and self.state.slack_attempt + 1 >= SLACK_ATTEMPTS:
            self._lose(f"throttled {SLACK_ATTEMPTS} times")
        elif result.posted == "throttled":
            later = self._now + timedelta(seconds=result.retry_after or 1)
            self._update(
                slack_retry=lines,
                slack_attempt=self.state.slack_attempt + 1,
                slack_not_before=later.isoformat(),
            )

    def _lose(self, reason: str) -> None:
        self._update(slack_lost=self.state.slack_lost + 1, slack_reason=cut(reason, 200))

    def leave(self) -> None:
        """Prepares the state for a new history.

        Nothing receives the answer of a post in flight, so it counts as lost. Events that were not
        posted yet remain in the state.
        """
        if self._posting is not None:
            self._posting, self._posted_lines = None, ()
            self._lose(LATE)

    def lost(self) -> str:
        """Returns a sentence about what Slack has not received, or "" if it has received
        everything."""
        late = bool(self._posting) or self._unposted()
        count = self.state.slack_lost + late
        if not count:
            return ""
        reason = LATE if late else self.state.slack_reason
        return f"{count} Slack messages were not delivered, the last for: {reason}"

    def _update(self, **changes: Any) -> None:
        self.state = self.state.model_copy(update=changes)


def _slack_line(event: Event) -> str:
    mark = {"error": ":x: ", "warning": ":warning: "}.get(event.level, "")
    where = f"*{event.node}* " if event.node else ""
    return cut(f"{mark}{where}{event.text}", SLACK_LINE_CHARACTERS)


def _fitting(lines: Sequence[str], size: Callable[[str], int], limit: int) -> int:
    """Returns how many lines, from the first on, fit within the limit together; at least one."""
    total = 0
    for count, line in enumerate(lines):
        total += size(line)
        if count and total > limit:
            return count
    return len(lines)
