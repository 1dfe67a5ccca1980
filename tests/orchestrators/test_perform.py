"""An activity that answers "wait": how often it is asked again, and what is recorded in the end."""

from typing import Any

import pytest

from cluster.contracts import ENSURE_KEYS
from cluster.outcomes import Outcome
from orchestrators.errors import RunFailedError
from orchestrators.run import LONGEST_PAUSE_SECONDS, PATIENCE, Run, Steps
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


def test_a_run_that_waited_in_vain_says_for_what() -> None:
    stepping = waiting(Outcome(state="wait", retry_after=15.0, notes=(AWAY,)))
    with pytest.raises(RunFailedError) as caught:
        stepping.run(perform)
    assert (caught.value.cause.code, caught.value.cause.place) == ("Timeout", "ensure_keys")
    assert AWAY in caught.value.cause.message
    assert caught.value.cause.next_step
