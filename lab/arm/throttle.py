"""ARM's request limits: token buckets for reads, writes and deletes.

Source: ARM's request limits, per principal, subscription and region: 200 writes and 10 more each
second, the same for deletes, 250 reads and 25 more each second.
"""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

from lab.arm.faults import InjectedError


@dataclass
class Bucket:
    """A token bucket with at most `size` tokens and `rate` new tokens per second."""

    size: int
    rate: float
    tokens: float = 0
    seen: float = 0

    def take(self, now: float) -> int | None:
        """Takes a token. Returns the number of tokens left, or None if there was none."""
        self.tokens = min(self.size, self.tokens + (now - self.seen) * self.rate)
        self.seen = now
        if self.tokens < 1:
            return None
        self.tokens -= 1
        return int(self.tokens)


class Throttle:
    """The buckets of one subscription. `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._buckets = {
            "reads": Bucket(250, 25, 250, clock()),
            "writes": Bucket(200, 10, 200, clock()),
            "deletes": Bucket(200, 10, 200, clock()),
        }

    def pass_one(self, method: str) -> dict[str, str]:
        """Counts a request. Returns the header with the number of requests left. Raises
        InjectedError (429) if there is none."""
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
