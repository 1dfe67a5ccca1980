"""A run on the engine: cancelled while it waits, and what its output says of a failure."""

import threading
import time

import pytest

from cluster import contracts
from cluster.outcomes import Cause, Outcome
from lab.testing.engines import ON_BOTH
from tests.scripted import Recorder, Run

WORDS = "the-words-of-a-service"


@ON_BOTH
def test_a_cancel_is_heard_while_a_reading_activity_is_awaited(run: Run) -> None:
    ended = threading.Event()

    def probe(_: contracts.ProbeInput) -> contracts.ProbeResult:
        run.cancel()
        ended.wait(20)
        return contracts.ProbeResult(ready=7, total=7)

    run.app.script(contracts.PROBE_NODES, probe)
    state = run.complete()
    assert not ended.is_set()
    ended.set()
    assert state.get_output() == {"result": "cancelled"}
    assert run.app.count(contracts.STOP_CONTROLLER) == 1


@ON_BOTH
def test_a_cancel_stops_deployments_only_after_those_that_start_have_started(
    run: Run,
) -> None:
    """One that is put after the others were cancelled would run on."""
    order: list[str] = []

    def start(request: contracts.DeploymentRef) -> Outcome:
        if request.part != "network":
            run.cancel()
            time.sleep(0.5)
            order.append("started")
        return Outcome(retry_after=0.01)

    def cancel(_: contracts.DeploymentsRef) -> Outcome:
        order.append("cancelled")
        return Outcome()

    run.app.script(contracts.START_DEPLOYMENT, start)
    run.app.script(contracts.CANCEL_DEPLOYMENTS, cancel)
    state = run.complete()
    assert state.get_output() == {"result": "cancelled"}
    assert order == ["started"] * 4 + ["cancelled"]


@ON_BOTH
@pytest.mark.parametrize("kind", ["refused", "raised", "failed deployment"])
def test_the_output_of_a_failed_run_has_its_code_and_place_and_the_record_the_words(
    run: Run, recorder: Recorder, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrators.calls.Retry.pause", lambda *_: 0.01)
    cause = Cause(code="QuotaExceeded", place="westeurope", message=WORDS)

    def preflight(_: contracts.RunRef) -> Outcome:
        if kind == "raised":
            raise OSError(WORDS)
        return Outcome(state="refused", cause=cause) if kind == "refused" else Outcome()

    def poll(request: contracts.DeploymentsRef) -> contracts.DeploymentsResult:
        failed = tuple(contracts.FailedPart(part=part, cause=cause) for part in request.parts)
        return contracts.DeploymentsResult(failed=failed)

    run.app.script(contracts.CHECK_PREFLIGHT, preflight)
    run.app.script(contracts.POLL_DEPLOYMENTS, poll)
    state = run.complete()
    assert state.runtime_status.name == "FAILED"
    text = f"{state.serialized_output} {state.failure_details}"
    assert WORDS not in text
    assert ("InternalError at check_preflight" if kind == "raised" else cause.code) in text
    assert any(WORDS in text for text in recorder.texts)
    assert WORDS in run.app.inputs(contracts.FINISH_RUN)[-1].cause.message
