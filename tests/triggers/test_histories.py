"""Which histories are purged, whatever the backend lets through its filter."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from durabletask.client import OrchestrationStatus

from triggers import histories
from triggers.engine import DurableEngine
from triggers.histories import purge

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

    def purge_orchestration(self, instance_id: str, *, recursive: bool) -> Any:
        assert recursive is False
        found = self.instances.pop(instance_id, None)
        return SimpleNamespace(deleted_instance_count=int(found is not None))


def purged(hub: Any, most: int = histories.MOST) -> tuple[int, int]:
    return purge(DurableEngine(hub), NOW - timedelta(days=30), most)


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
