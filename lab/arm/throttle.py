"""ARM's own limits: token buckets for reads and writes.

Source: ARM's request limits, per principal, subscription and region: writes 200 and 10 more each
second, deletes alike, reads 250 and 25 more each second.
"""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

from lab.arm.faults import InjectedError


@dataclass
class Bucket:
    """`size` tokens at most, `rate` new ones a second."""

    size: int
    rate: float
    tokens: float = 0
    seen: float = 0

    def take(self, now: float) -> int | None:
        """What is left afterwards, or None where there was nothing to take."""
        self.tokens = min(self.size, self.tokens + (now - self.seen) * self.rate)
        self.seen = now
        if self.tokens < 1:
            return None
        self.tokens -= 1
        return int(self.tokens)


class Throttle:
    """`clock` in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._buckets = {
            "reads": Bucket(250, 25, 250, clock()),
            "writes": Bucket(200, 10, 200, clock()),
            "deletes": Bucket(200, 10, 200, clock()),
        }

    def pass_one(self, method: str) -> dict[str, str]:
        """The header that tells what is left; raises InjectedError (429) where nothing is."""
        kind = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}.get(method, "writes")
        with self._lock:
            bucket = self._buckets[kind]
            left = bucket.take(self._clock())
        if left is None:
            wait = max(1, math.ceil((1 - bucket.tokens) / bucket.rate))
            raise InjectedError(
                429, "TooManyRequests",
                f"The request is being throttled as the limit has been reached for {kind}.", wait,
            )  # fmt: skip
        return {f"x-ms-ratelimit-remaining-subscription-{kind}": str(left)}
