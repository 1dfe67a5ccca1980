"""Makes all checks that can refuse a run before anything is created in the group."""

from cluster.contracts import CHECK_PREFLIGHT, ENSURE_GROUP
from orchestrators.run import Run, Steps


def check_preflight(run: Run) -> Steps[None]:
    """Creates the group, then runs the checks. ARM validates templates only in an existing
    group."""
    yield from run.perform(ENSURE_GROUP, run.ref)
    yield from run.perform(CHECK_PREFLIGHT, run.ref)
    run.record("note", "quota, VM sizes and templates accepted")
