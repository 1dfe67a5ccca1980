"""Reads of one run by its generation: one that never existed is 404 everywhere."""

import json
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from clients.settings import Settings
from cluster.contracts import FinishInput
from cluster.record import ClusterRecord
from runs.claims import claim_reconcile
from tests.runs.memory import new_context, spec
from triggers import clusters, requests

READS = ("events", "timeline", "operation")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A store with the first run of `demo`, which is in progress, and a group whose tag was
    refused."""
    context = new_context()
    claim_reconcile(context, spec(), "ada")
    context.store.create_record(ClusterRecord(name="refused", uid="00000000", state="failed"))
    found = SimpleNamespace(store=context.store, settings=Settings("s", "v", "c"))
    for module in (clusters, requests):
        monkeypatch.setattr(module, "services", lambda: found)
    return context.store


def status(read: str, generation: str, name: str = "demo") -> int:
    query = f"?generation={generation}" if generation and read != "operation" else ""
    request = func.HttpRequest(
        "GET",
        f"https://app/api/clusters/{name}/{read}{query}",
        route_params={"name": name, "generation": generation},
        body=b"",
    )
    backend: Any = SimpleNamespace(get_orchestration_state=lambda *_, **__: None)
    handlers: dict[str, Any] = {
        "events": lambda: clusters.get_events(request),
        "timeline": lambda: clusters.get_timeline(request, backend),
        "operation": lambda: clusters.get_operation(request, backend),
    }
    answer = handlers[read]()
    assert json.loads(answer.get_body())
    return answer.status_code


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("generation", ["2", "7", "999999999"])
def test_a_run_that_never_was_is_not_found(store: Any, read: str, generation: str) -> None:
    assert status(read, generation) == 404


@pytest.mark.parametrize("read", READS)
def test_a_run_that_a_restored_record_does_not_name_is_found(store: Any, read: str) -> None:
    assert status(read, "1") in (200, 202)
    store.save_result(FinishInput(cluster="demo", generation=2, result="succeeded"))
    assert status(read, "2") == 200


@pytest.mark.parametrize("read", ["events", "timeline"])
@pytest.mark.parametrize("name", ["demo", "refused"])
def test_without_a_generation_it_is_the_latest_run(store: Any, read: str, name: str) -> None:
    assert status(read, "", name) == 200
