"""Deallocates the controller unless the spec keeps it, so that nothing is left running."""

from datetime import timedelta

from cluster.contracts import STOP_CONTROLLER
from orchestrators.errors import RunFailedError
from orchestrators.operation import Phases
from orchestrators.run import Run, Steps

# The longest time that a run that ends early waits for its controller's deallocation.
RELEASE_PATIENCE = timedelta(minutes=10)


def release_controller(run: Run) -> Steps[None]:
    if run.state.keep_controller:
        run.record("note", "the controller keeps running, as asked")
        return
    yield from run.perform(STOP_CONTROLLER, run.ref)
    run.record("note", "controller deallocated")


def release_after(run: Run, phases: Phases, first: str) -> Steps[None]:
    """Deallocates the controller after a run that ends early, if it came to the phase `first`,
    which may have started it.

    Raises:
        RunFailedError: the controller may still be running.
    """
    names = list(phases)
    reached = names.index(run.state.phase or names[0]) >= names.index(first)
    if not reached or run.state.keep_controller:
        return
    try:
        yield from run.perform(STOP_CONTROLLER, run.ref, RELEASE_PATIENCE)
    except RunFailedError as error:
        message = f"the controller may still be running, and billed: {error.cause.message}"
        raise RunFailedError(error.cause.model_copy(update={"message": message})) from None
