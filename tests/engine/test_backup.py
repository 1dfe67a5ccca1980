"""The backup's orchestrator on the engine: order, waiting, failure, cancel."""

from cluster import contracts
from cluster.contracts import BACKUP_CLUSTER, BackupPlan, BackupResult, PruneResult
from cluster.outcomes import Cause
from lab.testing.engines import ON_BOTH
from orchestrators.backup_cluster import PHASES
from tests.scripted import Recorder, Run

TAKEN = BackupResult(id="000001", member="demo-etcd-1", bytes=15, revision=42, keys=17)


def finished(run: Run) -> contracts.FinishInput:
    (found,) = run.app.inputs(contracts.FINISH_RUN)
    return found


@ON_BOTH
def test_a_backup_waits_for_its_member_and_passes_through_every_phase(
    run: Run, recorder: Recorder
) -> None:
    answers = iter([BackupResult(state="wait", retry_after=0.01, notes=("no leader",)), TAKEN])
    run.app.script(contracts.TAKE_BACKUP, lambda _: next(answers))
    run.app.script(contracts.PRUNE_BACKUPS, lambda _: PruneResult(count=2, removed=("1", "2")))
    state = run.complete(BACKUP_CLUSTER)
    assert state.get_output() == {"result": "succeeded"}
    assert [(one.name, one.state) for one in finished(run).phases] == [(n, "done") for n in PHASES]
    kinds = [event.kind for event in recorder.events]
    assert kinds.index("backup.taken") < kinds.index("backups.removed")
    assert "no leader" in recorder.texts
    asked = [name for name, _ in run.app.calls if name not in ("record_events", "finish_run")]
    assert asked == [
        "plan_backup",
        "start_controller",
        "take_backup",
        "take_backup",
        "prune_backups",
        "stop_controller",
    ]


@ON_BOTH
def test_a_refusal_ends_the_backup_with_its_cause_and_stops_the_controller(
    run: Run, recorder: Recorder
) -> None:
    cause = Cause(code="BackupTooLarge", place="demo-etcd-0", message="6000 MiB")
    run.app.script(contracts.TAKE_BACKUP, lambda _: BackupResult(state="refused", cause=cause))
    assert run.complete(BACKUP_CLUSTER).runtime_status.name == "FAILED"
    result = finished(run)
    assert result.cause is not None
    assert (result.result, result.cause.code, result.cause.phase) == (
        "failed",
        "BackupTooLarge",
        "snapshot",
    )
    assert run.app.count(contracts.STOP_CONTROLLER) == 1
    assert run.app.count(contracts.PRUNE_BACKUPS) == 0
    assert "backup.taken" not in [event.kind for event in recorder.events]


def test_a_refusal_before_the_controller_was_started_does_not_touch_it(run: Run) -> None:
    cause = Cause(code="DeploymentMissing", message="no network")
    run.app.script(contracts.PLAN_BACKUP, lambda _: BackupPlan(state="refused", cause=cause))
    run.complete(BACKUP_CLUSTER)
    assert finished(run).result == "failed"
    assert run.app.count(contracts.START_CONTROLLER) == 0
    assert run.app.count(contracts.STOP_CONTROLLER) == 0
