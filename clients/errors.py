"""The two errors of all clients: Transient (retry later) and Refused (a retry does not help).

A message contains a code and cut text, never a whole answer: a service may quote what it was sent,
and some of that is secret. Text that looks encoded (a key, customData, a token) is removed from
every message.
"""

from pathlib import Path
from traceback import extract_tb

from cluster.presentable import presentable

# The number of stack frames that `type_and_places` names.
PLACES = 6


class Transient(Exception):  # noqa: N818 -- named after what the caller does: it retries
    """The service cannot answer now. `retry_after` in seconds; None if it names no time."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(presentable(message))


class Refused(Exception):  # noqa: N818 -- the outcome's name
    """The service refused the request.

    Attributes:
        code: the code of the service, or of Slipway if the service has none.
        details: further root causes.
        place: the resource that was requested.
        inner: the service's code of the reason, if `code` only names the kind (Key Vault's
            `Forbidden`).
    """

    def __init__(
        self,
        code: str,
        message: str,
        details: list[str] | None = None,
        *,
        place: str = "",
        inner: str = "",
    ) -> None:
        self.code, self.place, self.inner = code, place, inner
        self.message = presentable(message)
        self.details = [presentable(detail) for detail in details or []]
        super().__init__(f"{code}: {self.message}")


def type_and_places(error: Exception) -> str:
    """The error's type and its stack, without its text, which may quote what a service sent or
    received."""
    frames = extract_tb(error.__traceback__)[-PLACES:]
    places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return f"{type(error).__name__} in {' > '.join(places)}"
