"""Checks that the systems work, by querying the systems themselves and not Ansible.

The play leaves out what it does not concern. If the checks fail then, it runs on every machine, and
the checks are made again.
"""

from cluster.contracts import VERIFY_CLUSTER, Check, VerifyInput, VerifyResult
from cluster.events import Level
from cluster.outcomes import Cause
from orchestrators.errors import RunFailedError
from orchestrators.run import Run, Steps
from orchestrators.steps.run_playbook import repair


def verify_cluster(run: Run) -> Steps[None]:
    """Runs the checks. The result names the first failures. All checks are in the run's
    checks.json."""
    if run.state.play.repair == "":
        result = yield from _verify(run, 1)
        bad = _failed(result)
        if not bad or run.state.play.whole:
            _conclude(run, result)
            return
        _record_failed(run, bad, "warning")
        text = "the playbook runs on every machine, because checks failed"
        run.record("note", text, level="warning")
    if run.state.play.repair != "done":
        yield from repair(run)
    _conclude(run, (yield from _verify(run, 2)))


def _verify(run: Run, attempt: int) -> Steps[VerifyResult]:
    return (
        yield from run.perform(VERIFY_CLUSTER, VerifyInput(**run.ref.model_dump(), attempt=attempt))
    )


def _failed(result: VerifyResult) -> list[Check]:
    return [check for check in result.checks if not check.ok]


def _record_failed(run: Run, bad: list[Check], level: Level) -> None:
    for check in bad:
        text = f"{check.name}: {check.detail}"
        run.record("check.failed", text, level=level, subject=check.name)


def _conclude(run: Run, result: VerifyResult) -> None:
    bad = _failed(result)
    total = result.total or len(result.checks)
    failed = result.failed or len(bad)
    run.update(checks=result.checks)
    _record_failed(run, bad, "error")
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
