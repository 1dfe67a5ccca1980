"""Checks that the systems work, by querying the systems themselves and not Ansible."""

from cluster.contracts import VERIFY_CLUSTER
from cluster.outcomes import Cause
from orchestrators.errors import RunFailedError
from orchestrators.run import Run, Steps


def verify_cluster(run: Run) -> Steps[None]:
    """Runs the checks. The result names the first failures. All checks are in the run's
    checks.json."""
    result = yield from run.perform(VERIFY_CLUSTER, run.ref)
    bad = [check for check in result.checks if not check.ok]
    total = result.total or len(result.checks)
    failed = result.failed or len(bad)
    run.update(checks=result.checks)
    for check in bad:
        text = f"{check.name}: {check.detail}"
        run.record("check.failed", text, level="error", subject=check.name)
    if bad:
        raise RunFailedError(
            Cause(
                code="VerificationFailed",
                place=bad[0].name,
                message=f"{failed} of {total} checks failed: {bad[0].detail}",
                next_step="look at the named node, then send the same spec again",
            )
        )
    run.record("checks.passed", f"{total} checks passed", count=total)
