"""Timers as an orchestrator may use them: no wait is shorter than two seconds, none is endless.

What the Azure Storage backend does with a timer (docs/faults.md): it counts whole seconds and drops
the rest, so that a timer of one second fires at once, and others fire up to a second early; and it
may lose a message for good when its queues are away, a timer's or an activity's, until the host
restarts. So nothing here waits for one message alone: a second timer, the watch, is always under
way, and whoever wakes up looks at the clock.
"""

from collections.abc import Generator, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from durabletask.task import OrchestrationContext, Task, TimerTask, when_all, when_any

type Waits = Generator[Task[Any], Any]

SHORTEST_SECONDS = 2.0
# Added to every timer: what is left of the dropped fraction is then seldom less than was asked for.
TRUNCATED_SECONDS = 0.5
# A timer that fires early is followed by another for the rest, but not for ever.
TIMERS_OF_A_PAUSE = 3
# One watch is under way at a time. It wakes whoever waits, once in so long.
WATCH_SECONDS = 60.0


class Waiting:
    """The timers of one execution. `timers`: how many it made, for the length of the history."""

    def __init__(self, ctx: OrchestrationContext) -> None:
        self._ctx = ctx
        self._watch: TimerTask | None = None
        self._watch_due = ctx.current_utc_datetime
        self.timers = 0

    @property
    def now(self) -> datetime:
        return self._ctx.current_utc_datetime

    def timer(self, seconds: float) -> TimerTask:
        """One that its maker cancels when it is not needed any more."""
        self.timers += 1
        wanted = max(seconds, SHORTEST_SECONDS) + TRUNCATED_SECONDS
        return self._ctx.create_timer(timedelta(seconds=wanted))

    def pause(self, seconds: float, *others: Task[Any]) -> Waits:
        """For so long, or until one of the others is complete."""
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
        """Until all tasks are complete, one of the others is, or the time is over."""
        until = self.now + timedelta(seconds=seconds)
        for _ in range(_turns(seconds)):
            pending = [task for task in tasks if not task.is_complete]
            if not pending or self.now >= until or _any_complete(others):
                return
            yield when_any([when_all(pending), self.watch(), *others])

    def watch(self) -> TimerTask:
        """Made anew when it has fired, and when it is so late that its message must be lost."""
        lost = self.now >= self._watch_due + timedelta(seconds=WATCH_SECONDS)
        if self._watch is None or self._watch.is_complete or lost:
            cancel(self._watch)
            self._watch = self.timer(WATCH_SECONDS)
            self._watch_due = self.now + timedelta(seconds=WATCH_SECONDS)
        return self._watch

    def close(self) -> None:
        """An execution that ends leaves no timer behind that somebody waits for."""
        cancel(self._watch)
        self._watch = None


def cancel(timer: TimerTask | None) -> None:
    if timer is not None and not timer.is_complete:
        timer.cancel()


def _turns(seconds: float) -> int:
    """How often a wait may wake up: timers that fire at once are to make no loop without end."""
    return ceil(seconds / WATCH_SECONDS) + 2


def _any_complete(tasks: Sequence[Task[Any]]) -> bool:
    return any(task.is_complete for task in tasks)
