"""The maintenance's orchestrator on the engine: order, findings, waiting, failure, cancel."""

from cluster import contracts
from cluster.contracts import (
    MAINTAIN_CLUSTER,
    BackupResult,
    Check,
    ExamineResult,
    MaintenancePlan,
    PlayStart,
    PollPlayResult,
    VerifyResult,
)
from cluster.health import finding
from cluster.outcomes import Cause, Outcome
from lab.testing.engines import ON_BOTH
from orchestrators.maintain_cluster import PHASES
from tests.scripted import Recorder, Run

PLAN = MaintenancePlan(nodes=5, stages=("etcd", "verify"))
ENDED = PollPlayResult(play_state="finished", exit_code=0)


def finished(run: Run) -> contracts.FinishInput:
    (found,) = run.app.inputs(contracts.FINISH_RUN)
    return found


def asked(run: Run) -> list[str]:
    reports = ("record_events", "finish_run", "post_slack")
    return [name for name, _ in run.app.calls if name not in reports]


def script(run: Run, plan: MaintenancePlan = PLAN) -> None:
    run.app.script(contracts.PLAN_MAINTENANCE, lambda _: plan)
    run.app.script(contracts.START_PLAY, lambda _: PlayStart(machines=5))
    run.app.script(contracts.POLL_PLAY, lambda _: ENDED)


@ON_BOTH
def test_a_maintenance_passes_through_every_phase_in_order(run: Run, recorder: Recorder) -> None:
    script(run)
    waits = iter([ExamineResult(state="wait", retry_after=0.01), ExamineResult()])
    run.app.script(contracts.EXAMINE_MACHINES, lambda _: next(waits))
    state = run.complete(MAINTAIN_CLUSTER)
    assert state.get_output() == {"result": "succeeded"}
    assert [(one.name, one.state) for one in finished(run).phases] == [(n, "done") for n in PHASES]
    assert asked(run) == [
        "plan_maintenance",
        "start_controller",
        "take_backup",
        "prune_backups",
        "start_controller",
        "start_play",
        "poll_play",
        "verify_cluster",
        "examine_machines",
        "examine_machines",
        "stop_controller",
    ]
    assert "health.checked" in [event.kind for event in recorder.events]


@ON_BOTH
def test_what_is_found_travels_to_the_result_and_the_events(run: Run, recorder: Recorder) -> None:
    script(run, PLAN.model_copy(update={"findings": (finding("MachineMissing", "demo-w-1"),)}))
    check = Check(name="containerd on demo-w-0", ok=False, detail="no answer")
    run.app.script(contracts.VERIFY_CLUSTER, lambda _: VerifyResult(checks=(check,)))
    off = finding("MachineOff", "demo-w-0", "deallocated")
    run.app.script(contracts.EXAMINE_MACHINES, lambda _: ExamineResult(findings=(off,)))
    run.complete(MAINTAIN_CLUSTER)
    (examined,) = run.app.inputs(contracts.EXAMINE_MACHINES)
    assert examined.suspects == ("demo-w-0",)
    found = [(one.code, one.subject) for one in finished(run).findings]
    assert found == [("MachineMissing", "demo-w-1"), ("MachineOff", "demo-w-0")]
    told = [(e.subject, e.node) for e in recorder.events if e.kind == "health.finding"]
    assert told == found


def test_a_backup_that_cannot_be_taken_does_not_stop_the_maintenance(
    run: Run, recorder: Recorder
) -> None:
    script(run)
    cause = Cause(code="BackupTooLarge", place="demo-etcd-0", message="6000 MiB")
    run.app.script(contracts.TAKE_BACKUP, lambda _: BackupResult(state="refused", cause=cause))
    assert run.complete(MAINTAIN_CLUSTER).get_output() == {"result": "succeeded"}
    (told,) = [event for event in recorder.events if event.kind == "backup.failed"]
    assert told.subject == "BackupTooLarge"
    assert run.app.count(contracts.PRUNE_BACKUPS) == 0
    assert run.app.count(contracts.START_PLAY) == 1


def test_a_play_that_fails_is_a_finding(run: Run) -> None:
    script(run)
    run.app.script(contracts.POLL_PLAY, lambda _: ENDED.model_copy(update={"exit_code": 2}))
    assert run.complete(MAINTAIN_CLUSTER).get_output() == {"result": "succeeded"}
    assert [one.code for one in finished(run).findings] == ["DriftNotCorrected"]
    assert run.app.count(contracts.VERIFY_CLUSTER) == 1


def test_a_cluster_whose_machines_are_off_is_left_alone(run: Run) -> None:
    script(run, PLAN.model_copy(update={"resting": True}))
    run.complete(MAINTAIN_CLUSTER)
    assert asked(run) == ["plan_maintenance"]
    assert (finished(run).skipped, finished(run).findings) == ("MachinesOff", ())


def test_a_controller_that_cannot_be_started_fails_the_maintenance(run: Run) -> None:
    script(run)
    cause = Cause(code="ControllerMissing", message="gone")
    run.app.script(contracts.START_CONTROLLER, lambda _: Outcome(state="refused", cause=cause))
    assert run.complete(MAINTAIN_CLUSTER).runtime_status.name == "FAILED"
    found = finished(run).cause
    assert found
    assert (found.code, found.phase) == ("ControllerMissing", "save")
    assert run.app.count(contracts.STOP_CONTROLLER) == 1


def test_a_cluster_without_etcd_gets_no_backup(run: Run) -> None:
    script(run, PLAN.model_copy(update={"stages": ("base", "runtime")}))
    run.complete(MAINTAIN_CLUSTER)
    assert run.app.count(contracts.TAKE_BACKUP) == 0
    assert run.app.count(contracts.START_PLAY) == 1
