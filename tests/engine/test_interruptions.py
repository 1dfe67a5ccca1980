"""The reconcile orchestrator when something comes between: a hiccup, a cancel, a lost record."""

import time
from datetime import timedelta
from typing import Any

import pytest

from cluster import contracts
from cluster.contracts import DELETE_CLUSTER
from cluster.outcomes import Cause, Outcome
from lab.testing.engines import ON_BOTH
from orchestrators.calls import Retry
from tests.scripted import Recorder, Run, planned

HICCUP = "203.0.113.7 does not answer on SSH"


def test_a_poll_that_could_not_read_keeps_its_place_in_the_stream(
    run: Run, recorder: Recorder
) -> None:
    polls: list[tuple[int, int]] = []

    def poll(request: contracts.PollPlayInput) -> contracts.PollPlayResult:
        polls.append((request.events_offset, request.log_offset))
        if len(polls) == 2:  # as the activity answers where the connection broke
            return contracts.PollPlayResult(state="wait", retry_after=0.01, notes=(HICCUP,))
        if request.events_offset == 0:
            event = contracts.PlayEvent(kind="task", task="install etcd")
            return contracts.PollPlayResult(
                state="wait", retry_after=0.01, events=(event,), events_offset=10, log_offset=20
            )
        return contracts.PollPlayResult(
            play_state="finished", exit_code=0, events_offset=10, log_offset=20
        )

    run.app.script(contracts.POLL_PLAY, poll)
    run.complete()
    assert polls == [(0, 0), (10, 20), (10, 20)]
    assert recorder.texts.count("install etcd") == 1


@ON_BOTH
def test_a_probe_that_failed_loses_no_node(run: Run) -> None:
    shown: list[dict[str, Any]] = []

    def probe(_: contracts.ProbeInput) -> contracts.ProbeResult:
        shown.append(run.state().get_custom_status())
        if len(shown) == 1:
            return contracts.ProbeResult(state="wait", retry_after=0.3, ready=5, total=7)
        if len(shown) == 2:
            return contracts.ProbeResult(state="wait", retry_after=0.3, notes=(HICCUP,))
        return contracts.ProbeResult(ready=7, total=7)

    run.app.script(contracts.PROBE_NODES, probe)
    run.complete()
    assert [status["nodes"]["ready"] for status in shown] == [0, 5, 5]


@ON_BOTH
def test_a_cancel_that_meets_a_new_history_is_not_lost(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrators.run.HISTORY_EVENTS", 1)

    def poll(request: contracts.PollPlayInput) -> contracts.PollPlayResult:
        if request.events_offset == 2:
            return contracts.PollPlayResult(play_state="finished", exit_code=0)
        event = contracts.PlayEvent(kind="play", stage=f"{request.events_offset}")
        return contracts.PollPlayResult(
            state="wait",
            retry_after=0.01,
            events=(event,),
            events_offset=request.events_offset + 1,
        )

    def post(request: contracts.SlackInput) -> contracts.SlackResult:
        if "stage 0 started" in request.lines:  # the old history waits for this message, and ends
            time.sleep(0.3)
            run.cancel()
            time.sleep(0.3)
        return contracts.SlackResult()

    run.app.script(contracts.POLL_PLAY, poll)
    run.app.script(contracts.POST_SLACK, post)
    state = run.complete(journal={"slack": True})
    assert state.get_output() == {"result": "cancelled"}


@ON_BOTH
def test_a_cancelled_run_is_closed_even_where_its_events_cannot_be_written(
    run: Run, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrators.journal.RECORD_RETRY", Retry(faults=1))
    asked: list[int] = []

    def poll(_: contracts.PollPlayInput) -> contracts.PollPlayResult:
        if not asked:
            asked.append(1)
            run.cancel()
        return contracts.PollPlayResult(state="wait", retry_after=0.3)

    def record(request: contracts.RecordInput) -> contracts.RecordResult:
        if run.app.count(contracts.STOP_PLAY):
            raise OSError("the storage account is away")
        return recorder(request)

    run.app.script(contracts.POLL_PLAY, poll)
    run.app.script(contracts.RECORD_EVENTS, record)
    run.app.script(contracts.STOP_PLAY, lambda _: Outcome(state="wait", retry_after=0.01))
    run.complete()
    assert [result.result for result in run.app.inputs(contracts.FINISH_RUN)] == ["cancelled"]


def test_a_failed_removal_is_closed_even_where_its_events_cannot_be_written(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrators.journal.RECORD_RETRY", Retry(faults=1))

    def record(_: contracts.RecordInput) -> contracts.RecordResult:
        raise OSError("the storage account is away")

    run.app.script(contracts.RECORD_EVENTS, record)
    run.complete(DELETE_CLUSTER)
    assert [result.result for result in run.app.inputs(contracts.FINISH_RUN)] == ["failed"]


def test_a_failed_deployment_leaves_no_controller_running(run: Run) -> None:
    def poll(request: contracts.DeploymentsRef) -> contracts.DeploymentsResult:
        if "etcd-0" not in request.parts:
            return contracts.DeploymentsResult(finished=request.parts)
        failed = contracts.FailedPart(
            part="etcd-0", cause=Cause(code="SkuNotAvailable", message="")
        )
        others = tuple(part for part in request.parts if part != "etcd-0")
        return contracts.DeploymentsResult(finished=others, failed=(failed,))

    run.app.script(contracts.POLL_DEPLOYMENTS, poll)
    run.complete()
    assert run.app.count(contracts.STOP_CONTROLLER) == 1


def test_a_play_that_cannot_be_stopped_leaves_no_controller_running(run: Run) -> None:
    def poll(_: contracts.PollPlayInput) -> contracts.PollPlayResult:
        run.cancel()
        return contracts.PollPlayResult(state="wait", retry_after=0.3)

    cause = Cause(code="HostKeyMismatch", message="")
    run.app.script(contracts.POLL_PLAY, poll)
    run.app.script(contracts.STOP_PLAY, lambda _: Outcome(state="refused", cause=cause))
    state = run.complete()
    assert state.get_output() == {"result": "cancelled"}
    assert run.app.count(contracts.STOP_CONTROLLER) == 1


def test_a_play_whose_start_was_not_answered_is_stopped_too(run: Run) -> None:
    def start(_: contracts.PlayInput) -> Outcome:  # it runs; the answer was cut off
        run.cancel()
        return Outcome(state="wait", retry_after=0.3)

    run.app.script(contracts.PLAN_CLUSTER, lambda _: planned(keep_controller=True))
    run.app.script(contracts.START_PLAY, start)
    state = run.complete()
    assert state.get_output() == {"result": "cancelled"}
    assert run.app.count(contracts.STOP_PLAY) == 1


def test_a_controller_that_is_lost_during_the_play_ends_the_run_with_its_cause(
    run: Run,
) -> None:
    def look(_: contracts.RunRef) -> Outcome:
        if run.app.count(contracts.POLL_PLAY) < 2:
            return Outcome()
        cause = Cause(code="ControllerMissing", message="the controller VM is gone")
        return Outcome(state="refused", cause=cause)

    silent = contracts.PollPlayResult(state="wait", retry_after=0.01)
    run.app.script(contracts.POLL_PLAY, lambda _: silent)
    run.app.script(contracts.START_CONTROLLER, look)
    run.complete()
    cause = run.app.inputs(contracts.FINISH_RUN)[0].cause
    assert (cause.code, cause.phase) == ("ControllerMissing", "playbook")
    assert run.app.count(contracts.POLL_PLAY) == 2


def test_a_controller_that_stays_silent_ends_the_run_after_its_time(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrators.steps.run_playbook.PATIENCE", timedelta(seconds=0.5))
    monkeypatch.setattr("orchestrators.run.HISTORY_EVENTS", 1)
    silent = contracts.PollPlayResult(state="wait", retry_after=0.05)
    run.app.script(contracts.POLL_PLAY, lambda _: silent)
    run.complete()
    assert run.app.inputs(contracts.FINISH_RUN)[0].cause.code == "ControllerUnreachable"


def test_silence_that_ends_is_forgotten(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrators.steps.run_playbook.PATIENCE", timedelta(seconds=0))
    answers = [contracts.PollPlayResult(state="wait", retry_after=0.01)]
    answers += [answers[0].model_copy(update={"events_offset": 0, "log_offset": 0}), answers[0]]

    def poll(_: contracts.PollPlayInput) -> contracts.PollPlayResult:
        done = contracts.PollPlayResult(play_state="finished", exit_code=0, events_offset=0)
        return answers.pop(0) if answers else done

    run.app.script(contracts.POLL_PLAY, poll)
    state = run.complete()
    assert state.get_output() == {"result": "succeeded"}


def test_what_slack_did_not_get_stands_in_the_note(run: Run) -> None:
    lost = contracts.SlackResult(posted="lost", reason="status 503")
    run.app.script(contracts.POST_SLACK, lambda _: lost)
    run.complete(journal={"slack": True})
    note = run.app.inputs(contracts.FINISH_RUN)[0].note
    assert "Slack messages were not delivered" in note
    assert "status 503" in note
