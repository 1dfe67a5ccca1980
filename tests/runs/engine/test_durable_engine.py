"""What the durable engine answers the triggers, and what it does: on both engines."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from runs import engine as module
from tests.runs.engine.conftest import Backend
from tests.runs.memory import new_context
from triggers.histories import purge

LATER, EARLIER = timedelta(days=1), timedelta(days=-1)


def test_an_instance_that_nobody_started_is_not_there(backend: Backend) -> None:
    assert backend.engine.status("nobody-000001") is None
    assert backend.engine.custom_status("nobody-000001") == {}
    assert backend.engine.raise_event("nobody-000001", "cancel", "") is False
    assert backend.engine.purge("nobody-000001") is False


def test_an_id_that_ended_does_not_run_again(backend: Backend) -> None:
    backend.begin("ended-000001")
    for _ in range(3):
        backend.start("ended-000001")
    # A later instance has ended: so would have the earlier one.
    backend.begin("after-000001")
    assert backend.ran.count("ended-000001") == 1
    assert backend.engine.status("ended-000001") == "COMPLETED"


def test_several_starts_of_one_id_at_once_run_once(backend: Backend) -> None:
    gate = threading.Barrier(8)
    errors: list[Exception] = []

    def start() -> None:
        gate.wait()
        try:
            backend.start("once-000001")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    backend.begin("once-000001")
    backend.begin("after-000002")
    assert (errors, backend.ran.count("once-000001")) == ([], 1)


def test_an_event_reaches_what_runs_and_not_what_ended(backend: Backend) -> None:
    backend.begin("event-000001", waits=True)
    assert backend.engine.raise_event("event-000001", "cancel", "ada") is True
    backend.begin("event-000001")
    assert backend.engine.raise_event("event-000001", "cancel", "ada") is False


def test_old_histories_of_ended_runs_are_purged_page_by_page(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    purge(backend.engine, new_context().store, datetime.now(UTC) + LATER)
    ended = [f"old-{number:06d}" for number in range(1, 6)]
    for instance_id in ended:
        backend.begin(instance_id)
    backend.begin("busy-000001", waits=True)
    assert purge(backend.engine, new_context().store, datetime.now(UTC) + EARLIER) == (0, 0)
    now = datetime.now(UTC) + LATER
    assert backend.engine.ended_before(now) == ended
    assert purge(backend.engine, new_context().store, now, most=3) == (3, 2)
    assert [backend.engine.status(i) for i in ended] == [None] * 3 + ["COMPLETED"] * 2
    assert purge(backend.engine, new_context().store, now) == (2, 0)
    assert backend.engine.ended_before(now) == []
    assert backend.engine.status("busy-000001") == "RUNNING"


def test_what_runs_is_not_purged_though_it_is_asked_for(backend: Backend) -> None:
    backend.begin("kept-000001", waits=True)
    assert backend.engine.purge("kept-000001") is False
    assert backend.engine.status("kept-000001") == "RUNNING"
