"""Timers for orchestrators: no wait is shorter than two seconds, and none is endless.

The Azure Storage backend treats timers as follows (docs/faults.md). It counts whole seconds and
drops the rest, so a timer of one second fires immediately, and others fire up to a second early. It
may also lose a message of a timer or an activity if its queues are unavailable, and does not
deliver it until the host restarts. So nothing here waits for one message alone: a second timer, the
watch, is always pending, and every wake-up compares the clock.
"""

from collections.abc import Generator, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from durabletask.task import OrchestrationContext, Task, TimerTask, when_all, when_any

type Waits = Generator[Task[Any], Any]

SHORTEST_SECONDS = 2.0
# Added to every timer, so that the dropped fraction rarely makes it shorter than requested.
TRUNCATED_SECONDS = 0.5
# The number of timers that one pause may use. A timer that fires early is followed by another.
TIMERS_OF_A_PAUSE = 3
# The interval of the watch. One watch is pending at a time, and it wakes every wait.
WATCH_SECONDS = 60.0


class Waiting:
    """The timers of one execution. `timers` counts them, for the length of the history."""

    def __init__(self, ctx: OrchestrationContext) -> None:
        self._ctx = ctx
        self._watch: TimerTask | None = None
        self._watch_due = ctx.current_utc_datetime
        self.timers = 0

    @property
    def now(self) -> datetime:
        return self._ctx.current_utc_datetime

    def timer(self, seconds: float) -> TimerTask:
        """Creates a timer. Its creator cancels it when it is no longer needed."""
        self.timers += 1
        wanted = max(seconds, SHORTEST_SECONDS) + TRUNCATED_SECONDS
        return self._ctx.create_timer(timedelta(seconds=wanted))

    def pause(self, seconds: float, *others: Task[Any]) -> Waits:
        """Waits for `seconds`, or until one of the others is complete."""
        wanted = max(seconds, SHORTEST_SECONDS)
        due = self.now + timedelta(seconds=wanted)
        timer: TimerTask | None = None
        for _ in range(_turns(wanted) + TIMERS_OF_A_PAUSE):
            if self.now >= due or _any_complete(others):
                break
            if timer is None or timer.is_complete:
                timer = self.timer((due - self.now).total_seconds())
            yield when_any([timer, self.watch(), *others])
        cancel(timer)

    def together(self, tasks: Sequence[Task[Any]], seconds: float, *others: Task[Any]) -> Waits:
        """Waits until all tasks are complete, until one of the others is, or until the time is
        over."""
        until = self.now + timedelta(seconds=seconds)
        for _ in range(_turns(seconds)):
            pending = [task for task in tasks if not task.is_complete]
            if not pending or self.now >= until or _any_complete(others):
                return
            yield when_any([when_all(pending), self.watch(), *others])

    def watch(self) -> TimerTask:
        """Returns the watch. Creates a new one if it has fired or is so late that its message must
        be lost."""
        lost = self.now >= self._watch_due + timedelta(seconds=WATCH_SECONDS)
        if self._watch is None or self._watch.is_complete or lost:
            cancel(self._watch)
            self._watch = self.timer(WATCH_SECONDS)
            self._watch_due = self.now + timedelta(seconds=WATCH_SECONDS)
        return self._watch

    def close(self) -> None:
        """Cancels the watch, so that no timer outlives the execution."""
        cancel(self._watch)
        self._watch = None


def cancel(timer: TimerTask | None) -> None:
    if timer is not None and not timer.is_complete:
        timer.cancel()


def _turns(seconds: float) -> int:
    """Returns how often a wait may wake up.

    The limit prevents an endless loop of timers that fire immediately.
    """
    return ceil(seconds / WATCH_SECONDS) + 2


def _any_complete(tasks: Sequence[Task[Any]]) -> bool:
    return any(task.is_complete for task in tasks)
