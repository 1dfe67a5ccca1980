"""Activities as an orchestrator calls them: what is tried again, how often, what is recorded."""

from typing import Any, cast

import pytest
from durabletask.task import CompletableTask

from cluster.contracts import ENSURE_KEYS, POLL_PLAY, PollPlayInput, RunRef
from orchestrators.calls import DELIVERY_SECONDS, LONGEST_WAIT_SECONDS, RETRY, Calls
from orchestrators.errors import RunFailedError
from orchestrators.waiting import WATCH_SECONDS, Waiting
from tests.orchestrators.backend import LOST, Backend, truncated

REF = RunRef(cluster="demo", generation=1)
PLAY = PollPlayInput(cluster="demo", generation=1)
DEAD = ("Microsoft.Azure.WebJobs.Host.FunctionInvocationException", "Exception while executing")
RAISED = ("ActivityFaultError", "OSError in ssh.py:3 run")
DONE = {"state": "done"}


def gather(backend: Backend, activity: Any, payloads: list[Any], stop: Any = None) -> Any:
    calls = Calls(cast(Any, backend), Waiting(cast(Any, backend)))
    return backend.run(calls.gather(activity, payloads, stop=stop))


def failure(*answers: tuple[float, Any]) -> tuple[RunFailedError, Backend]:
    backend = Backend()
    backend.answers = list(answers)
    with pytest.raises(RunFailedError) as caught:
        gather(backend, ENSURE_KEYS, [REF])
    return caught.value, backend


def test_a_dead_worker_and_a_services_faults_do_not_use_up_each_others_tries() -> None:
    backend = Backend(truncated)
    troubles = [(1.0, DEAD), (1.0, RAISED)] * (RETRY.workers - 1)
    backend.answers = [*troubles, (1.0, DONE)]
    (result,) = gather(backend, ENSURE_KEYS, [REF])
    assert result.state == "done"
    assert backend.answers == []


def test_the_pauses_between_tries_grow() -> None:
    error, backend = failure(*[(0.0, RAISED)] * RETRY.faults)
    gaps = [b - a for a, b in zip(backend.called, backend.called[1:], strict=False)]
    assert gaps == sorted(gaps)
    assert gaps[0] >= 2.0
    assert error.cause.code == "InternalError"
    assert "OSError in ssh.py:3" in error.cause.message


def test_a_cause_says_that_the_worker_process_ended_and_how_often() -> None:
    error, _ = failure(*[(5.0, DEAD)] * RETRY.workers)
    assert error.cause.code == "WorkerLost"
    assert "the worker process ended while activity ensure_keys ran, 4 times" in error.cause.message
    assert "FunctionInvocationException" not in error.cause.message


def test_an_activity_whose_result_is_lost_is_scheduled_again() -> None:
    backend = Backend()
    backend.answers = [(0.0, LOST), (1.0, DONE)]
    (result,) = gather(backend, ENSURE_KEYS, [REF])
    most = ENSURE_KEYS.seconds + DELIVERY_SECONDS
    assert result.state == "done"
    assert most <= backend.called[1] <= most + 2 * WATCH_SECONDS


def test_results_that_are_lost_again_and_again_end_the_run_with_their_own_cause() -> None:
    error, backend = failure(*[(0.0, LOST)] * RETRY.results)
    assert error.cause.code == "ResultLost"
    assert "ensure_keys was scheduled 5 times" in error.cause.message
    assert "number of parallel runs" in error.cause.next_step
    assert backend.turns < 80


def test_each_wait_for_a_result_is_longer_than_the_last_up_to_a_limit() -> None:
    _, backend = failure(*[(0.0, LOST)] * RETRY.results)
    gaps = [b - a for a, b in zip(backend.called, backend.called[1:], strict=False)]
    assert gaps[1] >= 2 * (ENSURE_KEYS.seconds + DELIVERY_SECONDS)
    assert gaps[2] >= 2 * gaps[1] - 4 * WATCH_SECONDS
    assert max(gaps) <= LONGEST_WAIT_SECONDS + 3 * WATCH_SECONDS


def test_an_execution_that_waits_for_its_turn_for_ten_minutes_gives_the_result() -> None:
    """The first results are late, too: the orchestrator no longer waits for them."""
    backend = Backend()
    backend.answers = [(600.0, DONE)] * RETRY.results
    (result,) = gather(backend, ENSURE_KEYS, [REF])
    assert result.state == "done"
    assert len(backend.called) == 3


def test_only_the_activities_without_a_result_are_scheduled_again() -> None:
    backend = Backend()
    backend.answers = [(1.0, DONE), (0.0, LOST), (2.0, RAISED), (1.0, DONE), (1.0, DONE)]
    results = gather(backend, ENSURE_KEYS, [REF] * 3)
    assert [result.state for result in results] == ["done"] * 3
    assert len(backend.called) == 5


def cancelled_after(backend: Backend, seconds: float) -> CompletableTask[str]:
    cancel: CompletableTask[str] = CompletableTask()
    backend.at(seconds, lambda: cancel.complete("ada"))
    return cancel


def test_a_cancel_leaves_an_activity_at_once_that_only_reads() -> None:
    backend = Backend()
    backend.answers = [(100.0, DONE)]
    assert gather(backend, POLL_PLAY, [PLAY], cancelled_after(backend, 3.0)) is None
    assert backend.seconds == 3.0


def test_a_cancel_waits_for_an_activity_that_changes_something() -> None:
    backend = Backend()
    backend.answers = [(100.0, DONE)]
    results = gather(backend, ENSURE_KEYS, [REF], cancelled_after(backend, 3.0))
    assert [result.state for result in results] == ["done"]
    assert backend.seconds == 100.0


@pytest.mark.parametrize("answer", [LOST, DEAD, RAISED])
def test_a_cancel_waits_for_no_second_try(answer: Any) -> None:
    backend = Backend()
    backend.answers = [(10.0, answer)]
    assert gather(backend, ENSURE_KEYS, [REF], cancelled_after(backend, 3.0)) is None
    assert len(backend.called) == 1


def test_nothing_is_scheduled_after_a_cancel() -> None:
    backend = Backend()
    cancel: CompletableTask[str] = CompletableTask()
    cancel.complete("ada")
    assert gather(backend, ENSURE_KEYS, [REF], cancel) is None
    assert backend.called == []
