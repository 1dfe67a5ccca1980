"""The journal's waits have an end: for Slack at the run's end, and for the record."""

from typing import Any, cast

import pytest

from cluster.contracts import RunRef
from orchestrators.calls import Calls
from orchestrators.errors import RunFailedError
from orchestrators.journal import SLACK_AT_END, Journal, JournalState
from orchestrators.waiting import Waiting
from tests.orchestrators.backend import LOST, Backend

REF = RunRef(cluster="demo", generation=1)


def closed(seconds: float, answer: Any) -> tuple[Backend, Journal]:
    """A journal with more to post than fits into the time, each post answered like that."""
    backend = Backend()
    backend.answers = [(0.1, {"position": 100}), *[(seconds, answer)] * 200]
    journal = filled(backend, JournalState(slack=True, slack_lines=("x" * 290,) * 50))
    backend.run(journal.close())
    return backend, journal


def filled(backend: Backend, state: JournalState) -> Journal:
    """A journal with one event that is not written yet."""
    waiting = Waiting(cast(Any, backend))
    calls = Calls(cast(Any, backend), waiting)
    journal = Journal(cast(Any, backend), REF, state, waiting, calls)
    journal.add("verify", "phase.done", "done", {})
    return journal


@pytest.mark.parametrize(
    ("seconds", "answer"),
    [
        (8.0, {"posted": "posted"}),
        (0.0, {"posted": "posted"}),
        (0.0, {"posted": "throttled", "retry_after": 0.01}),
        (0.0, ("OSError", "raised")),
        (0.0, LOST),
    ],
)
def test_the_end_waits_for_slack_a_bounded_time_in_few_turns(seconds: float, answer: Any) -> None:
    backend, _ = closed(seconds, answer)
    assert backend.seconds <= SLACK_AT_END.total_seconds() + 8
    assert backend.turns <= 25
    assert len(backend.timers) <= 25


def test_what_slack_was_not_given_in_time_is_counted_as_lost() -> None:
    _, journal = closed(0.0, LOST)
    assert "not delivered" in journal.lost()


def test_a_run_whose_messages_all_went_has_lost_none() -> None:
    _, journal = closed(0.0, {"posted": "posted"})
    assert journal.lost() == ""


def test_no_post_is_begun_when_the_time_for_slack_is_over() -> None:
    """The post would be in flight when the history ends, and its result would be lost."""
    backend, journal = closed(20.1, {"posted": "posted"})
    assert backend.seconds > SLACK_AT_END.total_seconds()
    assert max(backend.called) < SLACK_AT_END.total_seconds()
    assert journal.state.slack_lines


def test_a_post_in_flight_where_a_history_ends_is_counted_as_lost_once() -> None:
    _, journal = closed(300.0, {"posted": "posted"})
    journal.leave()
    assert journal.state.slack_lost == 1
    journal.leave()
    assert journal.state.slack_lost == 1


def test_where_nothing_is_in_flight_a_new_history_loses_no_message() -> None:
    _, journal = closed(20.1, {"posted": "posted"})
    journal.leave()
    assert journal.state.slack_lost == 0


def test_a_record_whose_results_are_lost_holds_a_cancel_for_less_than_half_an_hour() -> None:
    """A cancel takes effect after the write of the events."""
    backend = Backend()
    backend.answers = [(0.0, LOST)] * 10
    journal = filled(backend, JournalState())
    with pytest.raises(RunFailedError) as caught:
        backend.run(journal.flush())
    assert caught.value.cause.code == "ResultLost"
    assert len(backend.called) == 3
    assert backend.seconds < 1800
