"""How long the work at hand may still go on: an activity ends by itself, in time.

The host ends the worker process, with all that runs in it, when one function reaches host.json's
functionTimeout. So whatever waits for somebody asks here how long it may: each request, each SSH
connection and each command. When nothing is left it raises `Transient`, which becomes the outcome
`wait`, and the next execution goes on. Outside of an activity there is no limit.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from time import monotonic

from clients.errors import Transient

# Less is not worth to ask anybody.
LEAST_SECONDS = 1.0
SOON = 2.0
_until: ContextVar[float] = ContextVar("until", default=inf)


@contextmanager
def time_limit(seconds: float) -> Generator[None]:
    token = _until.set(monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def left() -> float:
    """Seconds; not above zero where the time is over."""
    return _until.get() - monotonic()


def within(seconds: float) -> float:
    """So many seconds, or as many as are left.

    Raises:
        Transient: next to nothing is left.
    """
    if left() < LEAST_SECONDS:
        raise Transient("the time of one execution was not enough; the next one goes on", SOON)
    return min(seconds, left())
