"""Failed checks after a play that left something out lead to one play on every machine."""

from collections.abc import Callable
from typing import Any

import pytest

from cluster.contracts import (
    POLL_PLAY,
    START_PLAY,
    STOP_PLAY,
    VERIFY_CLUSTER,
    Check,
    PlayStart,
    PollPlayResult,
    VerifyResult,
)
from cluster.outcomes import Outcome
from orchestrators.errors import RunFailedError
from orchestrators.reconcile_cluster import _stop  # pyright: ignore[reportPrivateUsage]
from orchestrators.state import PlayState
from orchestrators.steps.run_playbook import run_playbook
from orchestrators.steps.verify_cluster import verify_cluster
from tests.orchestrators.step import Stepping

GOOD = VerifyResult(checks=(Check(name="nodes", ok=True),), total=1)
BAD = VerifyResult(checks=(Check(name="nodes", ok=False, detail="1 of 2"),), total=1, failed=1)
LEFT_OUT = PlayState(attempt=2, whole=False)
PLAYED = (START_PLAY.name, POLL_PLAY.name)


def stepping(*verified: VerifyResult, polls: int = 1, lost: int = 0) -> Stepping:
    """A cluster whose verifications have these results, one after the other.

    `polls`: how often the play is polled. `lost`: how many of its attempts the controller loses.
    """
    results, asked = list(verified), {"polls": 0, "lost": 0}

    def answer(name: str, _: Any) -> Outcome:
        if name == VERIFY_CLUSTER.name:
            return results.pop(0)
        if name == START_PLAY.name:
            return PlayStart(machines=5)
        if name != POLL_PLAY.name:
            return Outcome()
        if asked["lost"] < lost:
            asked["lost"] += 1
            return PollPlayResult(play_state="lost", events_offset=0, log_offset=0)
        asked["polls"] += 1
        over = asked["polls"] >= polls
        state = {"play_state": "finished", "exit_code": 0} if over else {"state": "wait"}
        return PollPlayResult.model_validate({"events_offset": 0, "log_offset": 0} | state)

    return Stepping(answer)


def called(made: Stepping) -> list[tuple[str, int]]:
    names = (VERIFY_CLUSTER.name, *PLAYED)
    return [(name, payload["attempt"]) for name, payload in made.asked if name in names]


def test_checks_that_pass_end_the_step() -> None:
    made = stepping(GOOD)
    made.run(verify_cluster, play=LEFT_OUT)
    assert called(made) == [(VERIFY_CLUSTER.name, 1)]


def test_failed_checks_after_a_play_on_every_machine_end_the_run() -> None:
    made = stepping(BAD)
    with pytest.raises(RunFailedError) as caught:
        made.run(verify_cluster, play=PlayState())
    assert caught.value.cause.code == "VerificationFailed"
    assert called(made) == [(VERIFY_CLUSTER.name, 1)]


def test_failed_checks_after_a_play_that_left_something_out_lead_to_a_play_on_every_machine() -> (
    None
):
    made = stepping(BAD, GOOD)
    state = made.run(verify_cluster, play=LEFT_OUT)
    assert called(made) == [
        (VERIFY_CLUSTER.name, 1),
        (START_PLAY.name, 3),
        (POLL_PLAY.name, 3),
        (VERIFY_CLUSTER.name, 2),
    ]
    (start,) = (payload for name, payload in made.asked if name == START_PLAY.name)
    assert start["concerned_only"] is False
    assert state.checks == GOOD.checks
    levels = {event.level for event in made.events if event.kind == "check.failed"}
    assert levels == {"warning"}


def test_a_repair_is_made_once() -> None:
    made = stepping(BAD, BAD)
    with pytest.raises(RunFailedError) as caught:
        made.run(verify_cluster, play=LEFT_OUT)
    assert caught.value.cause.code == "VerificationFailed"
    assert [name for name, _ in called(made)].count(START_PLAY.name) == 1


def test_a_repair_that_takes_several_histories_is_one_play() -> None:
    made = stepping(BAD, GOOD, polls=300)
    made.run(verify_cluster, play=LEFT_OUT)
    assert made.histories > 1
    assert [one for one in called(made) if one[0] != POLL_PLAY.name] == [
        (VERIFY_CLUSTER.name, 1),
        (START_PLAY.name, 3),
        (VERIFY_CLUSTER.name, 2),
    ]


@pytest.mark.parametrize(("lost", "code"), [(2, ""), (3, "PlayLost")])
def test_a_repair_has_attempts_of_its_own(lost: int, code: str) -> None:
    made = stepping(BAD, GOOD, lost=lost)
    if not code:
        made.run(verify_cluster, play=LEFT_OUT)
        return
    with pytest.raises(RunFailedError) as caught:
        made.run(verify_cluster, play=LEFT_OUT)
    assert caught.value.cause.code == code


@pytest.mark.parametrize(
    ("play", "stops"),
    [
        (PlayState(attempt=3, first=3, asked=True, repair="running"), [3]),
        (PlayState(attempt=3, first=3, asked=True, repair="done"), []),
        (PlayState(asked=True, started=True), []),
    ],
    ids=["during a repair", "after it", "without one"],
)
def test_a_cancel_during_the_verification_stops_the_repair(
    play: PlayState, stops: list[int]
) -> None:
    made = stepping()
    made.run(_stop, phase="verify", play=play)
    assert [payload["attempt"] for name, payload in made.asked if name == STOP_PLAY.name] == stops


def test_an_attempt_after_a_lost_one_leaves_out_what_that_one_did_and_both_are_whole() -> None:
    starts = [PlayStart(machines=8), PlayStart(machines=2, whole=False)]
    ends = [
        PollPlayResult(play_state="lost", events_offset=0, log_offset=0),
        PollPlayResult(play_state="finished", exit_code=0, events_offset=0, log_offset=0),
    ]
    answers = {START_PLAY.name: starts, POLL_PLAY.name: ends}
    made = Stepping(lambda name, _: answers[name].pop(0) if name in answers else Outcome())
    assert made.run(run_playbook).play.whole


def test_the_progress_counts_the_stages_that_run() -> None:
    stages = ("check", "wait", "base", "verify")
    starts = {True: PlayStart(machines=2, whole=False, stages=stages), False: PlayStart(machines=2)}
    for known, start in starts.items():
        made = Stepping(answering(start))
        state = made.run(run_playbook, stages=("check", "wait", "artifacts", "base", "verify"))
        assert len(state.play.stages or state.stages) == (4 if known else 5)


def answering(start: PlayStart) -> Callable[[str, Any], Outcome]:
    finished = PollPlayResult(play_state="finished", exit_code=0, events_offset=0, log_offset=0)
    return lambda name, _: {START_PLAY.name: start, POLL_PLAY.name: finished}.get(name, Outcome())


@pytest.mark.parametrize(
    ("start", "polled", "whole"),
    [
        (PlayStart(machines=0, whole=False), False, False),
        (PlayStart(machines=2, whole=False), True, False),
        (PlayStart(machines=8), True, True),
        (PlayStart(), True, True),
    ],
    ids=["nothing", "some", "all", "an older version"],
)
def test_a_play_without_machines_is_not_waited_for(
    start: PlayStart, polled: bool, whole: bool
) -> None:
    made = Stepping(answering(start))
    state = made.run(run_playbook)
    assert (made.count(POLL_PLAY.name) > 0) == polled
    assert state.play.whole == whole
    (asked,) = (payload for name, payload in made.asked if name == START_PLAY.name)
    assert asked["concerned_only"] is True
