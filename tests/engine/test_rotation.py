"""The rotation's orchestrator on the engine: order, waiting, failure, cancel."""

import threading

import pytest

from cluster import contracts
from cluster.contracts import ROTATE_CREDENTIAL, RewriteResult, RotationPlan
from cluster.outcomes import Cause, Outcome
from lab.testing.engines import ON_BOTH
from orchestrators.rotate_credential import PHASES
from tests.scripted import Recorder, Run

AWAY = Outcome(state="wait", retry_after=0.01, notes=("demo-etcd-1: no answer",))


def finished(run: Run) -> contracts.FinishInput:
    (found,) = run.app.inputs(contracts.FINISH_RUN)
    return found


def asked(run: Run) -> list[str]:
    reports = ("record_events", "finish_run", "post_slack")
    return [name for name, _ in run.app.calls if name not in reports]


def script(run: Run, credential: str, *, keep_controller: bool = False) -> None:
    plan = RotationPlan(credential=credential, keep_controller=keep_controller)
    run.app.script(contracts.PLAN_ROTATION, lambda _: plan)


@ON_BOTH
def test_secrets_are_written_again_before_the_old_key_is_retired(
    run: Run, recorder: Recorder
) -> None:
    script(run, "encryption-key")
    answers = iter([RewriteResult(state="wait", retry_after=0.01), RewriteResult(total=7)])
    run.app.script(contracts.REWRITE_SECRETS, lambda _: next(answers))
    state = run.complete(ROTATE_CREDENTIAL)
    assert state.get_output() == {"result": "succeeded"}
    assert [(one.name, one.state) for one in finished(run).phases] == [(n, "done") for n in PHASES]
    assert asked(run) == [
        "plan_rotation",
        "start_controller",
        "add_credential",
        "prove_credential",
        "use_credential",
        "rewrite_secrets",
        "rewrite_secrets",
        "retire_credential",
        "stop_controller",
    ]
    assert "etcd has 7 Secrets, all encrypted with the new key" in recorder.texts


@pytest.mark.parametrize("credential", ["ssh-key", "kubeconfig"])
def test_other_credentials_encrypt_nothing(run: Run, credential: str) -> None:
    script(run, credential)
    assert run.complete(ROTATE_CREDENTIAL).get_output() == {"result": "succeeded"}
    assert run.app.count(contracts.REWRITE_SECRETS) == 0
    assert run.app.count(contracts.RETIRE_CREDENTIAL) == 1


@ON_BOTH
def test_a_credential_that_is_not_proven_is_not_used(run: Run, recorder: Recorder) -> None:
    script(run, "ssh-key")
    cause = Cause(code="HostKeyMismatch", place="demo-etcd-0", message="another machine")
    run.app.script(contracts.PROVE_CREDENTIAL, lambda _: Outcome(state="refused", cause=cause))
    assert run.complete(ROTATE_CREDENTIAL).runtime_status.name == "FAILED"
    result = finished(run)
    assert result.cause is not None
    assert (result.cause.code, result.cause.phase) == ("HostKeyMismatch", "prove")
    assert asked(run)[-2:] == ["prove_credential", "stop_controller"]
    assert "credential.added" not in [event.kind for event in recorder.events]


def test_a_refusal_of_the_plan_touches_no_machine(run: Run) -> None:
    cause = Cause(code="DeploymentMissing", message="no network")
    run.app.script(contracts.PLAN_ROTATION, lambda _: RotationPlan(state="refused", cause=cause))
    run.complete(ROTATE_CREDENTIAL)
    assert asked(run) == ["plan_rotation"]


def test_a_controller_that_is_kept_goes_on_running(run: Run) -> None:
    script(run, "ssh-key", keep_controller=True)
    run.complete(ROTATE_CREDENTIAL)
    assert run.app.count(contracts.STOP_CONTROLLER) == 0


def test_a_cancel_retires_nothing(run: Run) -> None:
    began = threading.Event()

    def waiting(_: object) -> Outcome:
        began.set()
        return AWAY

    script(run, "ssh-key")
    run.app.script(contracts.USE_CREDENTIAL, waiting)
    run.begin(ROTATE_CREDENTIAL)
    assert began.wait(60)
    run.cancel()
    assert run.finish().get_output() == {"result": "cancelled"}
    result = finished(run)
    assert result.cause is not None
    assert result.cause.next_step == "request the rotation again"
    assert run.app.count(contracts.RETIRE_CREDENTIAL) == 0
    assert run.app.count(contracts.STOP_CONTROLLER) == 1
