"""What a service's answer means for a run: come again later, or refused for good.

Messages are made from a code and cut text, never from a whole answer: what a service quotes may be
what it was sent, and some of that is secret. Anything that looks encoded (a key, customData, a
token) is left out of every message, whoever wrote it.
"""

import re
from pathlib import Path
from traceback import extract_tb

# How many places of a fault are named.
PLACES = 6
MESSAGE_CHARACTERS = 600
LEFT_OUT = "[left out]"
# Base64 and PEM bodies are unbroken runs; the longest Azure name is 90 characters, but ids are
# broken by '-' and '.', and those that are not hold one of the words in PATHS.
_ENCODED = re.compile(r"[A-Za-z0-9+/_]{48,}={0,2}")
_PEM = re.compile(r"-----BEGIN .*?(?:-----END [A-Z ]*-----|$)")
_PATHS = ("resourceGroups/", "providers/", "resourcegroups/")


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


def presentable(text: str) -> str:
    """The text on one line, cut, without what looks like an encoded secret."""
    line = " ".join(text[: 4 * MESSAGE_CHARACTERS].split())
    return _ENCODED.sub(_left_out, _PEM.sub(LEFT_OUT, line))[:MESSAGE_CHARACTERS]


def _left_out(found: re.Match[str]) -> str:
    text = found[0]
    return text if any(word in text for word in _PATHS) else LEFT_OUT
