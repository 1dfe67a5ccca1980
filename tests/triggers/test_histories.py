"""Which histories are purged, whatever the backend lets through its filter."""

import json
import logging
import re
import traceback
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from durabletask.client import OrchestrationStatus

from clients import time_limit
from clients.errors import Refused, Transient
from clients.settings import Settings
from clients.store import Store
from clients.time_limit import left
from cluster.contracts import RunRef
from runs.claims import claim_reconcile
from runs.engine import DurableEngine, EngineAwayError
from runs.starts import start_lost_claim
from tests.runs.memory import engine, new_context, spec
from triggers import histories
from triggers.histories import PurgeError, purge, purge_histories

WORDS = "the-words-of-a-service"
NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Hub:
    """The durable client's edge: instances with a status and the days since they were heard of."""

    def __init__(self, **instances: tuple[str, int]) -> None:
        self.instances = instances
        self.asked: list[Any] = []

    def get_all_orchestration_states(self, query: Any) -> list[Any]:
        self.asked.append(query)
        return [
            SimpleNamespace(
                instance_id=name,
                runtime_status=OrchestrationStatus[status],
                # As the client gives it: in UTC, without a zone.
                last_updated_at=(NOW - timedelta(days=days)).replace(tzinfo=None),
            )
            for name, (status, days) in self.instances.items()
        ]

    def get_orchestration_state(self, instance_id: str, **_: Any) -> Any:
        found = self.instances.get(instance_id)
        return SimpleNamespace(runtime_status=OrchestrationStatus[found[0]]) if found else None

    def purge_orchestration(self, instance_id: str, *, recursive: bool) -> Any:
        assert recursive is False
        found = self.instances.pop(instance_id, None)
        return SimpleNamespace(deleted_instance_count=int(found is not None))


def purged(hub: Any, most: int = histories.MOST, store: Store | None = None) -> tuple[int, int]:
    return purge(DurableEngine(hub), store or new_context().store, NOW - timedelta(days=30), most)


def test_only_what_has_ended_and_is_old_is_purged_and_the_oldest_first() -> None:
    hub = Hub(
        young=("COMPLETED", 29),
        old=("COMPLETED", 31),
        failed=("FAILED", 40),
        ended=("TERMINATED", 35),
        running=("RUNNING", 90),
        pending=("PENDING", 90),
        suspended=("SUSPENDED", 90),
        oldest=("COMPLETED", 400),
    )
    assert purged(hub, most=2) == (2, 2)
    assert "oldest" not in hub.instances
    assert "failed" not in hub.instances
    assert purged(hub) == (2, 0)
    assert sorted(hub.instances) == ["pending", "running", "suspended", "young"]


def test_a_list_is_asked_for_in_pages_without_inputs_and_outputs() -> None:
    hub = Hub()
    purged(hub)
    (query,) = hub.asked
    # 16 KB of custom status, in at most 3 bytes a character, an instance; 4 MiB an answer.
    assert query.max_instance_count * 16 * 1024 * 1.5 < 4 * 1024 * 1024
    assert query.fetch_inputs_and_outputs is False


def test_a_call_ends_in_time_and_leaves_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "SECONDS", -1.0)
    assert purged(Hub(old=("COMPLETED", 31), older=("FAILED", 32))) == (0, 2)


@pytest.mark.parametrize("status", ["FAILED", "TERMINATED", "COMPLETED"])
def test_a_claim_that_ended_without_a_result_is_not_started_once_its_history_is_purged(
    status: str,
) -> None:
    context = new_context()
    claim_reconcile(context, spec(), "event grid")
    hub: Any = Hub(**{"demo-000001": (status, 31)})
    assert purged(hub, store=context.store) == (1, 0)
    engine(context).states.clear()
    engine(context).starts.clear()
    start_lost_claim(context, context.store.need_record("demo")[0])
    assert engine(context).starts == []
    found = context.store.result(RunRef(cluster="demo", generation=1))
    assert found is not None
    assert found.cause is not None
    assert (found.result, found.cause.code) == ("failed", "RunLost")


def test_the_list_is_asked_for_within_the_time_of_the_call() -> None:
    """Each page is a call of its own, and none begins when the time is over."""
    seen: list[float] = []

    class Paged(Hub):
        def get_all_orchestration_states(self, query: Any) -> list[Any]:
            seen.append(left())
            return super().get_all_orchestration_states(query)

    hub: Any = Paged(old=("COMPLETED", 31))
    assert purged(hub) == (1, 0)
    assert 0 < seen[0] <= histories.SECONDS


def run_purge(monkeypatch: pytest.MonkeyPatch, store: Store, hub: Any) -> None:
    found = SimpleNamespace(store=store, settings=Settings("s", "v", "c"))
    monkeypatch.setattr(histories, "services", lambda: found)
    timer: Any = None
    purge_histories(timer, hub)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            Refused("AuthorizationFailure", WORDS, [WORDS], place="storage: x"),
            "AuthorizationFailure at storage: x",
        ),
        (OSError(WORDS), "OSError in "),
        (None, "UnreadableDocument at record of demo"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_history_that_cannot_be_purged_is_logged_and_the_others_are_purged(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception | None,
    said: str,
) -> None:
    store = new_context().store
    read = store.record
    store.blobs.write("clusters/demo/record.json", json.dumps({"name": [WORDS]}).encode())

    def record(cluster: str) -> Any:
        if error and cluster == "demo":
            raise error
        return read(cluster)

    monkeypatch.setattr(store, "record", record)
    hub: Any = Hub(**{"demo-000001": ("FAILED", 10_002), "test-000001": ("FAILED", 10_001)})
    with caplog.at_level(logging.INFO):
        run_purge(monkeypatch, store, hub)
    assert list(hub.instances) == ["demo-000001"]
    assert f"the history of demo-000001 is not purged: {said}" in caplog.text
    assert re.search(r"purged 1 histories .*; 1 are left", caplog.text)
    assert WORDS not in caplog.text


@pytest.mark.parametrize(
    ("error", "said"),
    [(Transient(WORDS), "Transient in "), (EngineAwayError("UNAVAILABLE"), "UNAVAILABLE")],
    ids=lambda value: type(value).__name__,
)
def test_a_purge_while_a_service_is_unavailable_fails_without_its_words(
    monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    store = new_context().store

    def fails(_: str) -> None:
        raise error

    monkeypatch.setattr(store, "record", fails)
    hub: Any = Hub(**{"demo-000001": ("FAILED", 10_000)})
    with pytest.raises(PurgeError, match=said) as caught:
        run_purge(monkeypatch, store, hub)
    assert WORDS not in "".join(traceback.format_exception(caught.value))


def test_a_call_that_reaches_its_time_ends_normally_and_leaves_the_rest(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A call of the backend that begins in the last second raises Transient."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(time_limit, "monotonic", lambda: clock.now)

    class Slow(Hub):
        def purge_orchestration(self, instance_id: str, *, recursive: bool) -> Any:
            time_limit.within(1.0)
            clock.now += 7.0
            time_limit.within(1.0)
            return super().purge_orchestration(instance_id, recursive=recursive)

    hub: Any = Slow(**{f"n{n}": ("COMPLETED", 10_000 + n) for n in range(40)})
    with caplog.at_level(logging.INFO):
        run_purge(monkeypatch, new_context().store, hub)
    assert clock.now < histories.SECONDS
    assert 0 < len(hub.instances) < 40
    assert f"; {len(hub.instances)} are left" in caplog.text
