"""What a service's answer means for a run: come again later, or refused for good.

Messages are made from a code and cut text, never from a whole answer: what a service quotes may be
what it was sent, and some of that is secret. Anything that looks encoded (a key, customData, a
token) is left out of every message, whoever wrote it.
"""

from pathlib import Path
from traceback import extract_tb

from cluster.presentable import presentable

# How many places of a fault are named.
PLACES = 6


class Transient(Exception):  # noqa: N818 -- named after what the caller does: it comes again
    """Not now. `retry_after` in seconds, where the service said it."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(presentable(message))


class Refused(Exception):  # noqa: N818 -- the outcome's name
    """No. `code` is the service's own where it gave one; `details` are further root causes;
    `place` is what was asked for, or where."""

    def __init__(
        self, code: str, message: str, details: list[str] | None = None, *, place: str = ""
    ) -> None:
        self.code, self.place = code, place
        self.message = presentable(message)
        self.details = [presentable(detail) for detail in details or []]
        super().__init__(f"{code}: {self.message}")


def type_and_places(error: Exception) -> str:
    """The error's type and the places from the function to where it was raised. Its own text may
    quote what a service said or was given."""
    frames = extract_tb(error.__traceback__)[-PLACES:]
    places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return f"{type(error).__name__} in {' > '.join(places)}"
