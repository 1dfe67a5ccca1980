"""Simulated time: it stands still while code runs, and moves by what the code is said to take."""

import heapq
import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class Clock:
    """Seconds since the simulation's start, and what is due later."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._lock = threading.Lock()

    @property
    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.seconds)

    def spend(self, seconds: float) -> None:
        """Whoever calls is busy for so long. Threads of one activity add up."""
        with self._lock:
            self.seconds += seconds

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (seconds, next(self._order), action))

    def advance(self) -> bool:
        """To the next thing that is due, and does it; False where there is none."""
        if not self._due:
            return False
        seconds, _, action = heapq.heappop(self._due)
        self.seconds = max(self.seconds, seconds)
        action()
        return True

    def stopwatch(self) -> float:
        """In place of `time.monotonic`."""
        return self.seconds
