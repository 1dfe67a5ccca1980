"""Simulated time: it stands still while code runs, and advances by the assumed duration of what the
code does."""

import heapq
import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class Clock:
    """The seconds since the simulation's start, and the callbacks that are due later."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._lock = threading.Lock()

    @property
    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.seconds)

    def spend(self, seconds: float) -> None:
        """Makes the caller busy for so many seconds. Threads of one activity add up."""
        with self._lock:
            self.seconds += seconds

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (seconds, next(self._order), action))

    def advance(self) -> bool:
        """Advances to the next due callback and runs it. Returns False if there is none."""
        if not self._due:
            return False
        seconds, _, action = heapq.heappop(self._due)
        self.seconds = max(self.seconds, seconds)
        action()
        return True

    def stopwatch(self) -> float:
        """In place of `time.monotonic`: returns simulated seconds."""
        return self.seconds
