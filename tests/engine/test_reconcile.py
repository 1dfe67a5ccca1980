"""The reconcile orchestrator on the engine: order, waiting, failure, cancel, Slack."""

import json
from typing import Any

import pytest

from cluster import contracts
from cluster.contracts import DELETE_CLUSTER
from cluster.outcomes import Cause, Outcome
from cluster.stages import stages_through
from lab.testing.engines import ON_BOTH
from orchestrators import reconcile_cluster as module
from tests.scripted import Recorder, Run, planned


def outcome(state: Any) -> str:
    return state.runtime_status.name


def finish(run: Run) -> contracts.FinishInput:
    found = run.app.inputs(contracts.FINISH_RUN)
    assert found
    return found[-1]


@ON_BOTH
def test_a_run_passes_through_every_phase_in_order(run: Run, recorder: Recorder) -> None:
    state = run.complete()
    assert outcome(state) == "COMPLETED"
    assert state.get_output() == {"result": "succeeded"}
    result = finish(run)
    assert [phase.name for phase in result.phases] == list(module.PHASES)
    assert {phase.state for phase in result.phases} == {"done"}
    assert recorder.texts[0] == "launch of demo started"
    assert recorder.texts[-1] == "demo is as asked"


def test_the_closing_text_says_after_which_stage_the_play_stops(
    run: Run, recorder: Recorder
) -> None:
    stages = stages_through("runtime")
    run.app.script(contracts.PLAN_CLUSTER, lambda _: planned(stages=stages))
    run.complete(journal={"slack": True})
    told = "demo is as asked; it stops after: runtime"
    assert recorder.texts[-1] == told
    assert told in [line for post in run.app.inputs(contracts.POST_SLACK) for line in post.lines]


def test_network_is_deployed_before_the_machines_and_those_at_once(run: Run) -> None:
    run.complete()
    names = [(n, getattr(p, "part", getattr(p, "parts", None))) for n, p in run.app.calls]
    first_poll = names.index(("poll_deployments", ("network",)))
    starts = [i for i, (n, _) in enumerate(names) if n == "start_deployment"]
    assert names[starts[0]][1] == "network"
    assert all(i > first_poll for i in starts[1:])
    second_poll = next(
        i for i, (n, p) in enumerate(names) if n == "poll_deployments" and len(p or ()) > 1
    )
    assert all(i < second_poll for i in starts)


@ON_BOTH
def test_events_are_numbered_without_gaps_and_written_once(run: Run, recorder: Recorder) -> None:
    run.complete()
    seqs = [event.seq for event in recorder.events]
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_refusal_ends_the_run_with_its_cause_and_creates_nothing(
    run: Run, recorder: Recorder
) -> None:
    cause = Cause(code="PreflightFailed", message="quota cores", next_step="ask for more")
    run.app.script(contracts.CHECK_PREFLIGHT, lambda _: Outcome(state="refused", cause=cause))
    state = run.complete()
    assert outcome(state) == "FAILED"
    result = finish(run)
    assert result.result == "failed"
    assert result.cause is not None
    assert (result.cause.code, result.cause.phase) == ("PreflightFailed", "preflight")
    assert run.app.count(contracts.START_DEPLOYMENT) == 0
    assert any("quota cores" in text and "ask for more" in text for text in recorder.texts)


def test_one_failed_deployment_waits_for_the_others_then_fails(run: Run) -> None:
    polls: list[tuple[str, ...]] = []

    def poll(request: contracts.DeploymentsRef) -> contracts.DeploymentsResult:
        polls.append(request.parts)
        if "network" in request.parts:
            return contracts.DeploymentsResult(finished=request.parts)
        if "etcd-0" in request.parts:
            failed = contracts.FailedPart(
                part="etcd-0", cause=Cause(code="SkuNotAvailable", message="no such size")
            )
            return contracts.DeploymentsResult(state="wait", retry_after=0.01, failed=(failed,))
        return contracts.DeploymentsResult(finished=request.parts)

    run.app.script(contracts.POLL_DEPLOYMENTS, poll)
    run.complete()
    result = finish(run)
    assert result.cause is not None
    assert result.cause.code == "SkuNotAvailable"
    assert "etcd-0" not in polls[-1]
    assert "worker-0" in polls[-1]


@ON_BOTH
def test_an_activity_that_raises_is_tried_again(run: Run) -> None:
    tries = []

    def flaky(_: Any) -> Outcome:
        tries.append(1)
        if len(tries) < 2:
            raise RuntimeError("transport")
        return Outcome()

    run.app.script(contracts.ENSURE_KEYS, flaky)
    assert outcome(run.complete()) == "COMPLETED"
    assert len(tries) == 2


def test_a_lost_play_is_started_again_under_a_new_attempt(run: Run) -> None:
    def poll(request: contracts.PollPlayInput) -> contracts.PollPlayResult:
        if request.attempt == 1:
            return contracts.PollPlayResult(state="wait", retry_after=0.01, play_state="lost")
        return contracts.PollPlayResult(play_state="finished", exit_code=0)

    run.app.script(contracts.POLL_PLAY, poll)
    assert outcome(run.complete()) == "COMPLETED"
    assert [p.attempt for p in run.app.inputs(contracts.START_PLAY)] == [1, 2]


def test_the_plays_exit_code_decides(run: Run) -> None:
    failing = contracts.PlayEvent(kind="failed", host="demo-etcd-1", task="join", message="boom")

    def poll(request: contracts.PollPlayInput) -> contracts.PollPlayResult:
        if request.events_offset == 0:
            return contracts.PollPlayResult(
                state="wait", retry_after=0.01, events=(failing,), events_offset=10
            )
        cause = Cause(code="PlayFailed", message="", log_tail="last lines")
        return contracts.PollPlayResult(
            play_state="finished", exit_code=2, events_offset=10, cause=cause
        )

    run.app.script(contracts.POLL_PLAY, poll)
    assert outcome(run.complete()) == "FAILED"
    cause = finish(run).cause
    assert cause is not None
    assert cause.place == "demo-etcd-1"
    assert "boom" in cause.message
    assert cause.log_tail == "last lines"
    assert run.app.count(contracts.STOP_CONTROLLER) == 1


@ON_BOTH
def test_a_long_play_continues_as_new_and_loses_no_event(
    run: Run, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrators.run.HISTORY_EVENTS", 1)
    polls = []

    def poll(request: contracts.PollPlayInput) -> contracts.PollPlayResult:
        polls.append(request.events_offset)
        event = contracts.PlayEvent(kind="task", task=f"task {request.events_offset}")
        if request.events_offset >= 8:
            return contracts.PollPlayResult(
                play_state="finished", exit_code=0, events_offset=request.events_offset
            )
        return contracts.PollPlayResult(
            state="wait",
            retry_after=0.01,
            events=(event,),
            events_offset=request.events_offset + 1,
        )

    run.app.script(contracts.POLL_PLAY, poll)
    assert outcome(run.complete()) == "COMPLETED"
    assert polls == list(range(9))
    assert run.app.count(contracts.START_PLAY) == 1
    assert [t for t in recorder.texts if t.startswith("task ")] == [f"task {i}" for i in range(8)]


def test_cancel_stops_the_play_and_releases_the_controller(run: Run) -> None:
    asked = []

    def poll(_: contracts.PollPlayInput) -> contracts.PollPlayResult:
        if not asked:
            asked.append(1)
            run.cancel()
        return contracts.PollPlayResult(state="wait", retry_after=0.05)

    run.app.script(contracts.POLL_PLAY, poll)
    state = run.complete()
    assert state.get_output() == {"result": "cancelled"}
    assert run.app.count(contracts.STOP_PLAY) == 1
    assert run.app.count(contracts.STOP_CONTROLLER) == 1
    result = finish(run)
    assert result.cause is not None
    assert "ada" in result.cause.message


def test_slack_being_down_neither_fails_nor_delays_and_each_message_goes_once(
    run: Run,
) -> None:
    run.app.script(
        contracts.POST_SLACK, lambda _: contracts.SlackResult(posted="lost", reason="down")
    )
    state = run.complete(journal={"slack": True})
    assert outcome(state) == "COMPLETED"
    lines = [line for post in run.app.inputs(contracts.POST_SLACK) for line in post.lines]
    assert len(lines) == len(set(lines))
    assert any("is as asked" in line for line in lines)
    numbers = [post.number for post in run.app.inputs(contracts.POST_SLACK)]
    assert numbers == sorted(set(numbers))


def test_slack_messages_hold_what_slack_shows_and_batches_what_travels(
    run: Run, recorder: Recorder
) -> None:
    failing = tuple(
        contracts.PlayEvent(kind="failed", host=f"n{number}", task="join", message="é" * 1200)
        for number in range(30)
    )

    def poll(request: contracts.PollPlayInput) -> contracts.PollPlayResult:
        if request.events_offset == 0:
            return contracts.PollPlayResult(
                state="wait", retry_after=0.01, events=failing, events_offset=10
            )
        return contracts.PollPlayResult(play_state="finished", exit_code=2, events_offset=10)

    run.app.script(contracts.POLL_PLAY, poll)
    run.complete(journal={"slack": True})
    for post in run.app.inputs(contracts.POST_SLACK):
        assert len("\n".join(post.lines)) <= 3000
    for batch in run.app.inputs(contracts.RECORD_EVENTS):
        assert len(json.dumps(batch.model_dump(mode="json"))) <= 32 * 1024
    assert sum("join" in text for text in recorder.texts) >= 30


@ON_BOTH
def test_a_throttled_message_is_posted_again_with_the_same_number(run: Run) -> None:
    def post(request: contracts.SlackInput) -> contracts.SlackResult:
        if request.number == 1 and request.attempt == 0:
            return contracts.SlackResult(posted="throttled", retry_after=0.1)
        return contracts.SlackResult()

    run.app.script(contracts.POST_SLACK, post)
    run.complete(journal={"slack": True})
    first = [p for p in run.app.inputs(contracts.POST_SLACK) if p.number == 1]
    assert [p.attempt for p in first] == [0, 1]
    assert first[0].lines == first[1].lines


def test_a_controller_that_is_kept_is_not_stopped(run: Run) -> None:
    run.app.script(contracts.PLAN_CLUSTER, lambda _: planned(keep_controller=True))
    run.complete()
    assert run.app.count(contracts.STOP_CONTROLLER) == 0


@ON_BOTH
def test_removal_waits_for_the_run_before_it(run: Run) -> None:
    asked: list[int] = []

    def previous(_: Any) -> Outcome:
        asked.append(1)
        return Outcome(state="wait", retry_after=0.01) if len(asked) < 3 else Outcome()

    run.app.script(contracts.AWAIT_PREVIOUS_RUN, previous)
    state = run.complete(DELETE_CLUSTER)
    assert outcome(state) == "COMPLETED"
    names = [name for name, _ in run.app.calls]
    assert names.index("delete_resources") > names.index("await_previous_run")
    assert names.index("delete_secrets") > names.index("delete_resources")
