"""Pauses and bounded waits of an orchestrator, whatever the backend does with its timers."""

from typing import Any, cast

import pytest
from durabletask.task import CompletableTask
from hypothesis import given
from hypothesis import strategies as st

from orchestrators.waiting import SHORTEST_SECONDS, WATCH_SECONDS, Waiting
from tests.orchestrators.backend import Backend, at_once, exactly, truncated


def waiting(backend: Backend) -> Waiting:
    return Waiting(cast(Any, backend))


@pytest.mark.parametrize("fires", [exactly, truncated])
@given(seconds=st.floats(0.0, 400.0))
def test_a_pause_is_never_shorter_than_asked_nor_than_two_seconds(
    fires: Any, seconds: float
) -> None:
    backend = Backend(fires)
    backend.run(waiting(backend).pause(seconds))
    assert backend.seconds >= max(seconds, SHORTEST_SECONDS)
    assert min(backend.timers) >= SHORTEST_SECONDS


def test_a_truncated_timer_seldom_takes_a_second_one() -> None:
    backend = Backend(truncated)
    backend.run(waiting(backend).pause(15.0))
    assert backend.turns == 1


def test_a_loop_of_pauses_is_bounded_where_timers_fire_at_once() -> None:
    backend = Backend(at_once)
    backend.run(waiting(backend).pause(15.0))
    assert backend.turns <= 6


def test_a_pause_survives_the_loss_of_its_timer() -> None:
    never = 1e9
    backend = Backend(lambda seconds: never if seconds < WATCH_SECONDS else seconds)
    backend.run(waiting(backend).pause(15.0))
    assert 15.0 <= backend.seconds <= WATCH_SECONDS + 1


def test_a_pause_ends_with_what_it_was_to_hear_and_leaves_no_timer_behind() -> None:
    backend = Backend()
    heard: CompletableTask[str] = CompletableTask()
    backend.at(3.0, lambda: heard.complete("cancel"))
    one = waiting(backend)
    backend.run(one.pause(300.0, heard))
    one.close()
    assert backend.seconds == 3.0
    assert backend.left_behind == 0


def test_a_wait_for_tasks_ends_with_the_last_of_them() -> None:
    backend = Backend()
    tasks: list[CompletableTask[int]] = [CompletableTask() for _ in range(300)]
    for number, task in enumerate(tasks):
        backend.at(number / 10, lambda task=task: task.complete(0))
    backend.run(waiting(backend).together(tasks, 200.0))
    assert all(task.is_complete for task in tasks)
    assert backend.turns == 1


def test_a_wait_for_a_task_that_never_ends_is_bounded_and_turns_once_a_minute() -> None:
    backend = Backend()
    never: CompletableTask[int] = CompletableTask()
    backend.run(waiting(backend).together([never], 250.0))
    assert 250.0 <= backend.seconds <= 250.0 + WATCH_SECONDS + 1
    assert backend.turns <= 6


def test_many_waits_share_one_timer() -> None:
    backend = Backend()
    one = waiting(backend)
    for _ in range(50):
        task: CompletableTask[int] = CompletableTask()
        backend.at(0.5, lambda task=task: task.complete(0))
        backend.run(one.together([task], 120.0))
    assert len(backend.timers) == 1


def test_a_watch_whose_message_was_lost_is_replaced() -> None:
    fired = iter([1e9])
    backend = Backend(lambda seconds: next(fired, seconds))
    one = waiting(backend)
    first = one.watch()
    done: CompletableTask[int] = CompletableTask()
    backend.at(2 * WATCH_SECONDS + 1, lambda: done.complete(0))
    backend.run(one.together([done], 1000.0, done))
    assert one.watch() is not first
