"""What a service's answer means for a run: come again later, or refused for good.

No raw service text leaves the clients: messages are a code and a cut message.
"""

MESSAGE_CHARACTERS = 600


class Transient(Exception):  # noqa: N818 -- named after what the caller does: it comes again
    """Not now. `retry_after` in seconds, where the service said it."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message[:MESSAGE_CHARACTERS])


class Refused(Exception):  # noqa: N818 -- the outcome's name
    """No. `code` is the service's own where it gave one; `details` are the root causes."""

    def __init__(self, code: str, message: str, details: list[str] | None = None) -> None:
        self.code = code
        self.message = message[:MESSAGE_CHARACTERS]
        self.details = [detail[:MESSAGE_CHARACTERS] for detail in details or []]
        super().__init__(f"{code}: {self.message}")
