"""The wait for a play has an end, whatever the controller answers."""

import pytest

from cluster.contracts import POLL_PLAY, PollPlayResult
from cluster.outcomes import Outcome
from orchestrators.errors import RunFailedError
from orchestrators.run import HISTORY_EVENTS, PATIENCE
from orchestrators.steps.run_playbook import run_playbook
from tests.orchestrators.step import Stepping

DEADLINE = 600


def test_a_play_that_never_ends_ends_the_run_after_its_deadline_in_short_histories() -> None:
    running = PollPlayResult(state="wait", retry_after=5.0, events_offset=0, log_offset=0)
    stepping = Stepping(lambda name, _: running if name == POLL_PLAY.name else Outcome())
    with pytest.raises(RunFailedError) as caught:
        stepping.run(run_playbook, play_deadline_seconds=DEADLINE)
    assert caught.value.cause.code == "PlayTimedOut"
    longest = DEADLINE + PATIENCE.seconds
    assert longest <= stepping.backend.seconds <= longest + 60
    assert stepping.histories > 1
    events = 4 * (len(stepping.backend.called) + len(stepping.backend.timers))
    assert events / stepping.histories <= HISTORY_EVENTS + 100


def test_a_play_that_was_lost_has_its_whole_time_again() -> None:
    def answer(name: str, _: object) -> Outcome:
        if name != POLL_PLAY.name:
            return Outcome()
        if 1200 < stepping.backend.seconds < 1230:
            return PollPlayResult(play_state="lost", events_offset=0, log_offset=0)
        if stepping.backend.seconds > DEADLINE + PATIENCE.seconds + 600:
            return PollPlayResult(play_state="finished", exit_code=0, events_offset=0, log_offset=0)
        return PollPlayResult(state="wait", retry_after=15.0, events_offset=0, log_offset=0)

    stepping = Stepping(answer)
    stepping.run(run_playbook, play_deadline_seconds=DEADLINE)
    assert "playbook finished" in stepping.texts
