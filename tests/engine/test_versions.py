"""Versions of orchestrations: what the host is told, what starts get, and who runs what."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from durabletask.client import OrchestrationStatus
from engine import Backend, Engine

from cluster.contracts import DELETE_CLUSTER, ORCHESTRATION_VERSION
from orchestrators import delete_cluster, reconcile_cluster
from orchestrators.operation import phases_of
from triggers.engine import DurableEngine

ROOT = Path(__file__).parents[2]
START: dict[str, Any] = {"cluster": "demo", "generation": 1}


def test_the_host_is_told_the_codes_own_version() -> None:
    durable = json.loads((ROOT / "host.json").read_text())["extensions"]["durableTask"]
    assert durable["defaultVersion"] == ORCHESTRATION_VERSION
    assert durable["versionMatchStrategy"] == "CurrentOrOlder"
    assert durable["versionFailureStrategy"] == "Reject"


@pytest.mark.parametrize("module", [reconcile_cluster, delete_cluster])
def test_there_is_a_table_for_the_codes_own_version(module: Any) -> None:
    assert phases_of(module.VERSIONS, ORCHESTRATION_VERSION) is module.PHASES


def test_a_run_gets_the_table_that_it_began_with() -> None:
    second, fourth = {"a": lambda _: None}, {"b": lambda _: None}
    versions: Any = {2: second, 4: fourth}
    assert [phases_of(versions, v) for v in ("2", "3", "4")] == [second, second, fourth]


@pytest.mark.parametrize(("version", "kind"), [("5", "newer"), ("1", "older"), (None, "older")])
def test_a_run_that_is_too_new_or_too_old_is_refused(version: str | None, kind: str) -> None:
    versions: Any = {2: {}, 4: {}}
    with pytest.raises(ValueError, match=rf"is {kind} than this app, which knows 2 to 4"):
        phases_of(versions, version)


def test_a_start_carries_the_codes_own_version() -> None:
    backend = Backend()
    engine = Engine(backend.start())
    try:
        DurableEngine(engine.client).start(DELETE_CLUSTER, "demo-000001", START)
        assert backend._instances["demo-000001"].version == ORCHESTRATION_VERSION
    finally:
        engine.client.close()
        backend.stop()


def test_a_run_of_a_newer_version_waits_for_a_worker_that_knows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As while an app is replaced, one instance after the other."""
    backend = Backend()
    address = backend.start()
    current = int(ORCHESTRATION_VERSION)
    older, newer = Engine(address, str(current)), Engine(address, str(current + 1))
    try:
        older.start()
        older.client.schedule_new_orchestration(
            DELETE_CLUSTER, input=START, instance_id="demo-000001", version=str(current + 1)
        )
        time.sleep(1.0)
        waiting = older.client.get_orchestration_state("demo-000001")
        assert waiting is not None
        assert waiting.runtime_status == OrchestrationStatus.PENDING
        monkeypatch.setitem(delete_cluster.VERSIONS, current + 1, delete_cluster.PHASES)
        newer.start()
        ended = newer.client.wait_for_orchestration_completion("demo-000001", timeout=60)
        assert ended is not None
        assert ended.runtime_status == OrchestrationStatus.COMPLETED
    finally:
        older.stop()
        newer.stop()
        backend.stop()
