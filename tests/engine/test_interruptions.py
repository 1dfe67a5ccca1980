"""The reconcile orchestrator when something comes between: a hiccup, a cancel, a lost record."""

import time
from typing import Any

import pytest
from engine import Engine, Recorder

from cluster import contracts

START: dict[str, Any] = {"cluster": "demo", "generation": 1}
HICCUP = "203.0.113.7 does not answer on SSH"


def test_a_poll_that_could_not_read_keeps_its_place_in_the_stream(
    engine: Engine, recorder: Recorder
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

    engine.script(contracts.POLL_PLAY, poll)
    engine.run("reconcile_cluster", START)
    assert polls == [(0, 0), (10, 20), (10, 20)]
    assert recorder.texts.count("install etcd") == 1


def test_a_probe_that_could_not_ask_forgets_no_node(engine: Engine) -> None:
    shown: list[dict[str, Any]] = []

    def probe(_: contracts.ProbeInput) -> contracts.ProbeResult:
        state = engine.client.get_orchestration_state("demo-000001")
        assert state is not None
        shown.append(state.get_custom_status())
        if len(shown) == 1:
            return contracts.ProbeResult(state="wait", retry_after=0.3, ready=5, total=7)
        if len(shown) == 2:
            return contracts.ProbeResult(state="wait", retry_after=0.3, notes=(HICCUP,))
        return contracts.ProbeResult(ready=7, total=7)

    engine.script(contracts.PROBE_NODES, probe)
    engine.run("reconcile_cluster", START)
    assert [status["nodes"]["ready"] for status in shown] == [0, 5, 5]


def test_a_cancel_that_meets_a_new_history_is_not_lost(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrators.steps.run_playbook.POLLS_IN_A_HISTORY", 1)

    def poll(request: contracts.PollPlayInput) -> contracts.PollPlayResult:
        if request.events_offset == 2:
            return contracts.PollPlayResult(play_state="finished", exit_code=0)
        event = contracts.PlayEvent(kind="play", play=f"stage {request.events_offset}")
        return contracts.PollPlayResult(
            state="wait",
            retry_after=0.01,
            events=(event,),
            events_offset=request.events_offset + 1,
        )

    def post(request: contracts.SlackInput) -> contracts.SlackResult:
        if "play: stage 0" in request.lines:  # the old history waits for this message, and ends
            time.sleep(0.3)
            engine.client.raise_orchestration_event("demo-000001", "cancel", data="ada")
            time.sleep(0.3)
        return contracts.SlackResult()

    engine.script(contracts.POLL_PLAY, poll)
    engine.script(contracts.POST_SLACK, post)
    state = engine.run("reconcile_cluster", START | {"journal": {"slack": True}})
    assert state.get_output() == {"result": "cancelled"}
