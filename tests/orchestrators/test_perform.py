"""An activity that answers "wait": how often it is asked again, and what is recorded in the end."""

from typing import Any

import pytest

from cluster.contracts import ENSURE_KEYS
from cluster.outcomes import Outcome
from orchestrators.calls import DELETE_AGAIN
from orchestrators.errors import RunFailedError
from orchestrators.run import (
    HISTORY_EVENTS,
    LONGEST_PAUSE_SECONDS,
    PATIENCE,
    Run,
    Steps,
    not_done,
)
from tests.orchestrators.step import Stepping

AWAY = "storage: status 503"


def perform(run: Run) -> Steps[None]:
    yield from run.perform(ENSURE_KEYS, run.ref)


def waiting(*answers: Outcome) -> Stepping:
    """Stepping through `perform`, answered so, and by the last one for ever."""
    left = list(answers)

    def answer(*_: Any) -> Outcome:
        return left.pop(0) if len(left) > 1 else left[0]

    return Stepping(answer)


def test_a_service_that_asks_for_a_day_is_asked_again_within_minutes() -> None:
    stepping = waiting(Outcome(state="wait", retry_after=86_400.0), Outcome())
    stepping.run(perform)
    assert 0 < stepping.backend.seconds <= LONGEST_PAUSE_SECONDS + 60


def test_an_activity_that_waits_long_is_asked_more_seldom_and_its_history_stays_short() -> None:
    stepping = waiting(Outcome(state="wait", retry_after=2.0))
    with pytest.raises(RunFailedError):
        stepping.run(perform)
    assert stepping.backend.seconds >= PATIENCE.seconds
    assert 4 * (len(stepping.backend.called) + len(stepping.backend.timers)) < 1500


def test_an_activity_that_waits_shortly_is_asked_as_soon_as_it_says() -> None:
    later = Outcome(state="wait", retry_after=2.0)
    stepping = waiting(later, later, later, later, Outcome())
    stepping.run(perform)
    gaps = zip(stepping.backend.called, stepping.backend.called[1:], strict=False)
    assert max(after - before for before, after in gaps) < 5.0


def test_a_long_wait_renews_its_history_and_keeps_its_deadline() -> None:
    stepping = waiting(Outcome(state="wait", retry_after=2.0))
    with pytest.raises(RunFailedError):
        stepping.run(perform)
    assert stepping.histories > 1
    assert PATIENCE.seconds <= stepping.backend.seconds <= PATIENCE.seconds + 60
    events = 4 * (len(stepping.backend.called) + len(stepping.backend.timers))
    assert events / stepping.histories <= HISTORY_EVENTS + 100


def test_each_kind_of_wait_is_told_once_whatever_its_numbers_and_histories() -> None:
    texts = ("storage: status 503", "vault: status 429", "storage: status 500, again in 7 s")
    answers = [
        Outcome(state="wait", retry_after=2.0, notes=(text,)) for _ in range(28) for text in texts
    ]
    stepping = waiting(*answers, Outcome())
    stepping.run(perform)
    assert stepping.histories > 1
    assert stepping.texts == ["storage: status 503", "vault: status 429", texts[2]]


def test_a_wait_without_a_reason_is_told_too() -> None:
    stepping = waiting(*[Outcome(state="wait", retry_after=2.0)] * 30, Outcome())
    stepping.run(perform)
    assert stepping.texts == ["waiting: ensure_keys is not done yet"]


def test_a_removal_that_waited_in_vain_is_sent_again_as_a_removal() -> None:
    cause = not_done("delete_resources", Outcome(state="wait"), DELETE_AGAIN)
    assert "DELETE" in cause.next_step
    assert "spec" not in cause.next_step


def test_a_run_that_waited_in_vain_says_for_what() -> None:
    stepping = waiting(Outcome(state="wait", retry_after=15.0, notes=(AWAY,)))
    with pytest.raises(RunFailedError) as caught:
        stepping.run(perform)
    assert (caught.value.cause.code, caught.value.cause.place) == ("Timeout", "ensure_keys")
    assert AWAY in caught.value.cause.message
    assert caught.value.cause.next_step
