"""How a run ends early."""

from cluster.outcomes import Cause


class RunFailedError(Exception):
    """A cause that the user can act on. The text of this exception has only the code and the
    place, because the hub stores it and the host logs it; messages of services are in the run's
    record."""

    def __init__(self, cause: Cause) -> None:
        self.cause = cause
        super().__init__(f"{cause.code} at {cause.place}" if cause.place else cause.code)


class RunCancelledError(Exception):
    """The run was cancelled. `who`: the caller as the platform names them."""

    def __init__(self, who: str) -> None:
        self.who = who
        super().__init__("cancelled")


class ContinueAsNewError(Exception):
    """The history has grown enough: the run goes on with a fresh one."""
