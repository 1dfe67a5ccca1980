"""Exceptions that end a run early."""

from cluster.outcomes import Cause


class RunFailedError(Exception):
    """The run failed for a cause that the user can act on.

    The text of this exception has only the code and the place, because the task hub stores it and
    the host logs it. Messages of services are in the run's record.
    """

    def __init__(self, cause: Cause) -> None:
        self.cause = cause
        super().__init__(f"{cause.code} at {cause.place}" if cause.place else cause.code)


class RunCancelledError(Exception):
    """The run was cancelled. `who` is the caller's name as the platform reports it.

    `superseded`: no cancel arrived; an activity was refused because a newer operation took over.
    """

    def __init__(self, who: str, *, superseded: bool = False) -> None:
        self.who, self.superseded = who, superseded
        super().__init__("cancelled")


class ContinueAsNewError(Exception):
    """The history is long enough: the run continues with a new one."""
