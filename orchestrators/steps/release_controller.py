"""Deallocates the controller unless the spec keeps it, so that nothing is left running."""

from cluster.contracts import STOP_CONTROLLER
from orchestrators.run import Run, Steps


def release_controller(run: Run) -> Steps[None]:
    if run.state.keep_controller:
        run.record("note", "the controller keeps running, as asked")
        return
    yield from run.perform(STOP_CONTROLLER, run.ref)
    run.record("note", "controller deallocated")
