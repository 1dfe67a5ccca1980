"""The restore's orchestrator on the engine: order, waiting, failure, cancel."""

import threading

import pytest

from cluster import contracts
from cluster.contracts import (
    RESTORE_CLUSTER,
    KubeletsResult,
    MembersResult,
    ReplaceResult,
    RestorePlan,
    UndoResult,
)
from cluster.outcomes import Cause, Outcome
from lab.testing.engines import ON_BOTH
from orchestrators.restore_cluster import PHASES
from tests.scripted import Recorder, Run

AWAY = Outcome(state="wait", retry_after=0.01, notes=("demo-etcd-1: no answer",))


@pytest.fixture
def run(run: Run) -> Run:
    run.app.script(contracts.PLAN_RESTORE, lambda _: RestorePlan(backup="000007"))
    run.app.script(
        contracts.REPLACE_DATA, lambda _: ReplaceResult(aside={"demo-etcd-0": "/old", "b": ""})
    )
    run.app.script(contracts.START_MEMBERS, lambda _: MembersResult(revision=1_000_000_042))
    run.app.script(contracts.AWAIT_KUBELETS, lambda _: KubeletsResult(ready=3, total=3))
    return run


def finished(run: Run) -> contracts.FinishInput:
    (found,) = run.app.inputs(contracts.FINISH_RUN)
    return found


def asked(run: Run) -> list[str]:
    return [name for name, _ in run.app.calls if name not in ("record_events", "finish_run")]


@ON_BOTH
def test_a_restore_stops_the_api_servers_before_the_data_and_starts_them_after_the_quorum(
    run: Run, recorder: Recorder
) -> None:
    answers = iter([AWAY, Outcome()])
    run.app.script(contracts.PREPARE_RESTORE, lambda _: next(answers))
    state = run.complete(RESTORE_CLUSTER)
    assert state.get_output() == {"result": "succeeded"}
    assert [(one.name, one.state) for one in finished(run).phases] == [(n, "done") for n in PHASES]
    assert asked(run) == [
        "plan_restore",
        "start_controller",
        "prepare_restore",
        "prepare_restore",
        "stop_api_servers",
        "replace_data",
        "start_members",
        "start_api_servers",
        "await_kubelets",
        "stop_controller",
    ]
    assert {one.backup for one in run.app.inputs(contracts.PREPARE_RESTORE)} == {"000007"}
    assert "etcd has the snapshot's data; the old data are kept: /old on demo-etcd-0" in (
        recorder.texts
    )


@ON_BOTH
def test_a_refusal_before_anything_was_stopped_is_undone(run: Run, recorder: Recorder) -> None:
    cause = Cause(code="RestoreToolMissing", place="demo-etcd-0", message="there is no etcdutl")
    run.app.script(contracts.PREPARE_RESTORE, lambda _: Outcome(state="refused", cause=cause))
    assert run.complete(RESTORE_CLUSTER).runtime_status.name == "FAILED"
    result = finished(run)
    assert result.cause is not None
    assert (result.cause.code, result.cause.phase) == ("RestoreToolMissing", "fetch")
    assert asked(run)[-2:] == ["undo_restore", "stop_controller"]
    assert "restore.undone" in [event.kind for event in recorder.events]


def test_a_refusal_of_the_backup_touches_no_machine(run: Run) -> None:
    cause = Cause(code="BackupMissing", message="no such backup")
    run.app.script(contracts.PLAN_RESTORE, lambda _: RestorePlan(state="refused", cause=cause))
    run.complete(RESTORE_CLUSTER)
    assert asked(run) == ["plan_restore"]


def test_members_that_have_the_new_data_are_not_called_undone(run: Run, recorder: Recorder) -> None:
    cause = Cause(code="HostKeyMismatch", message="another machine")
    run.app.script(contracts.START_MEMBERS, lambda _: MembersResult(state="refused", cause=cause))
    run.app.script(contracts.UNDO_RESTORE, lambda _: UndoResult(restored=True))
    assert run.complete(RESTORE_CLUSTER).runtime_status.name == "FAILED"
    assert "restore.undone" not in [event.kind for event in recorder.events]
    assert any("request the restore again" in text for text in recorder.texts)
    assert run.app.count(contracts.START_API_SERVERS) == 0


def test_the_controller_is_stopped_also_if_nothing_could_be_undone(run: Run) -> None:
    cause = Cause(code="HostKeyMismatch", message="another machine")
    run.app.script(contracts.PREPARE_RESTORE, lambda _: Outcome(state="refused", cause=cause))
    run.app.script(contracts.UNDO_RESTORE, lambda _: UndoResult(state="refused", cause=cause))
    run.complete(RESTORE_CLUSTER)
    assert run.app.count(contracts.STOP_CONTROLLER) == 1


def test_a_cancel_is_answered_by_an_undo(run: Run) -> None:
    began = threading.Event()

    def waiting(_: object) -> Outcome:
        began.set()
        return AWAY

    run.app.script(contracts.STOP_API_SERVERS, waiting)
    run.begin(RESTORE_CLUSTER)
    assert began.wait(60)
    run.cancel()
    assert run.finish().get_output() == {"result": "cancelled"}
    result = finished(run)
    assert result.cause is not None
    assert result.cause.next_step == "request the restore again"
    assert run.app.count(contracts.UNDO_RESTORE) == 1
    assert run.app.count(contracts.REPLACE_DATA) == 0
