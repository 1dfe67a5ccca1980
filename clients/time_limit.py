"""The time limit of an activity, which ends by itself before the host ends it.

The host ends the worker process, with everything that runs in it, when one function reaches
functionTimeout of host.json. So each request, each SSH connection and each command asks here how
long it may take. When no time is left, `within` raises `Transient`, which becomes the outcome
`wait`, and the next execution continues. Outside an activity there is no limit.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from time import monotonic

from clients.errors import Transient

# With less time left, no request is made.
LEAST_SECONDS = 1.0
SOON = 2.0
_until: ContextVar[float] = ContextVar("until", default=inf)


@contextmanager
def time_limit(seconds: float) -> Generator[None]:
    """Limits what runs inside of it. A limit that is set already is never made longer."""
    token = _until.set(min(_until.get(), monotonic() + seconds))
    try:
        yield
    finally:
        _until.reset(token)


def left() -> float:
    """Seconds that are left; zero or less when the time is over."""
    return _until.get() - monotonic()


def within(seconds: float) -> float:
    """The given number of seconds, or what is left if that is less.

    Raises:
        Transient: less than a second is left.
    """
    if left() < LEAST_SECONDS:
        raise Transient(
            "the time of one execution was not enough; the next execution continues", SOON
        )
    return min(seconds, left())
