"""The API while the durable backend or storage is unavailable, and what the backend's errors
mean."""

import json
from types import SimpleNamespace
from typing import Any, cast

import azure.functions as func
import grpc
import pytest

from activities import delete_cluster
from clients.errors import Transient
from clients.settings import Settings
from cluster.contracts import FinishInput, PhaseRecord, RunRef
from cluster.events import Event, to_line
from cluster.record import ClusterRecord
from runs import lifecycle
from runs.claims import claim_reconcile
from runs.engine import DurableEngine, EngineAwayError
from tests.runs.memory import new_context, spec
from triggers import clusters, removal

SETTINGS = Settings("s", "https://slipway-test.vault.azure.net", "c")
AWAY = ("UNAVAILABLE", "INTERNAL", "UNKNOWN", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED")
EVENTS = "clusters/demo/runs/000001/events.jsonl"


class BackendError(grpc.RpcError):
    """Its text is a service's and may quote what it was sent."""

    def __init__(self, name: str) -> None:
        self._code = grpc.StatusCode[name]
        super().__init__("the-canary: Exception was thrown by handler.")

    def code(self) -> grpc.StatusCode:
        return self._code


class Backend:
    """The durable client's edge: every call fails with `error`, or is answered from `states`."""

    def __init__(self, error: str = "") -> None:
        self.error = error
        self.states: dict[str, str] = {}
        self.started: list[str] = []

    def _fail(self) -> None:
        if self.error:
            raise BackendError(self.error)

    def get_orchestration_state(self, instance_id: str, **_: Any) -> Any:
        self._fail()
        if instance_id not in self.states:
            return None
        status = SimpleNamespace(name=self.states[instance_id])
        return SimpleNamespace(runtime_status=status, serialized_custom_status=None)

    def schedule_new_orchestration(self, name: str, *, instance_id: str, **_: Any) -> None:
        self._fail()
        if instance_id in self.states:
            raise BackendError("ALREADY_EXISTS")
        self.started.append(name)
        self.states[instance_id] = "RUNNING"

    def raise_orchestration_event(self, instance_id: str, *_: Any, **__: Any) -> None:
        self._fail()
        if instance_id not in self.states:
            raise BackendError("NOT_FOUND")
        raise BackendError("FAILED_PRECONDITION")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A store with a run of `demo` that has recorded an event of its network."""
    context = new_context()
    claim_reconcile(context, spec(), "ada")
    event = Event(seq=1, time="2026-01-02T03:04:05.678Z", phase="network", text="recorded")
    context.store.blobs.write(EVENTS, to_line(event).encode())
    found = SimpleNamespace(store=context.store, settings=SETTINGS)
    for module in ("triggers.clusters", "triggers.requests", "planning.dry_run"):
        monkeypatch.setattr(f"{module}.services", lambda: found)
    return context.store


def ask(handler: Any, backend: Backend, name: str = "demo", workers: int = 2) -> tuple[Any, Any]:
    body = {"name": name, "workers": [{"name": "worker", "count": workers}]}
    request = func.HttpRequest(
        "PUT",
        f"https://app/api/clusters/{name}",
        headers={"content-type": "application/json"},
        route_params={"name": name, "generation": "1"},
        body=json.dumps(body).encode(),
    )
    takes = handler.__wrapped__.__annotations__
    answer = handler(req=request, **({"client": backend} if "client" in takes else {}))
    return answer, json.loads(answer.get_body())


@pytest.mark.parametrize("code", AWAY)
@pytest.mark.parametrize("name", ["put_cluster", "remove_cluster", "cancel_cluster"])
def test_what_needs_the_engine_is_503_with_what_is_unavailable(
    store: Any, code: str, name: str
) -> None:
    before = store.need_record("demo")
    answer, document = ask(getattr(clusters, name), Backend(code))
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "the durable backend" in document["detail"]
    assert code in document["detail"]
    assert "own" not in document["detail"]
    assert "the-canary" not in json.dumps(document)
    assert store.need_record("demo") == before


def test_a_new_cluster_is_not_claimed_while_the_engine_is_unavailable(store: Any) -> None:
    assert ask(clusters.put_cluster, Backend("UNKNOWN"), "other")[0].status_code == 503
    assert store.record("other") is None


@pytest.mark.parametrize("code", AWAY)
def test_reads_answer_from_the_record_and_say_that_the_engine_was_not_asked(
    store: Any, code: str
) -> None:
    answer, document = ask(clusters.get_cluster, Backend(code))
    assert (answer.status_code, document["state"]) == (200, "running")
    assert document["phase"] == "network"
    assert "cannot be asked" in document["note"]
    assert "from the record" in document["note"]
    answer, document = ask(clusters.get_operation, Backend(code))
    assert (answer.status_code, document["status"], document["phase"]) == (
        202,
        "running",
        "network",
    )
    assert "cannot be asked" in document["note"]
    for handler in (clusters.list_clusters, clusters.get_events, clusters.get_timeline):
        assert ask(handler, Backend(code))[0].status_code == 200
    assert store.result(RunRef(cluster="demo", generation=1)) is None


def test_an_ended_run_reads_the_same_after_the_engine_purged_it(store: Any) -> None:
    phases = (
        PhaseRecord(name="plan", state="done", started_at="2026-01-02T03:04:05Z", seconds=1.0),
        PhaseRecord(name="preflight", state="failed", started_at="2026-01-02T03:04:06Z"),
        PhaseRecord(name="keys"),
    )
    store.save_result(FinishInput(cluster="demo", generation=1, result="failed", phases=phases))
    for backend in (Backend(), Backend("UNAVAILABLE")):
        document = ask(clusters.get_cluster, backend)[1]
        assert document["note"] is None
        assert [phase["name"] for phase in document["phases"]] == ["plan", "preflight", "keys"]
    assert ask(clusters.get_cluster, Backend())[1]["phase"] == "preflight"


@pytest.mark.parametrize("states", [{}, {"demo-000001": "COMPLETED"}, {"demo-000001": "FAILED"}])
def test_a_cancel_that_meets_the_end_of_the_run_is_409(store: Any, states: dict[str, str]) -> None:
    backend = Backend()
    backend.states = states
    answer, document = ask(clusters.cancel_cluster, backend)
    assert (answer.status_code, document["title"]) == (409, "nothing is running")
    backend.states = {"demo-000001": "RUNNING"}  # by the time of the event it has ended
    assert ask(clusters.cancel_cluster, backend)[0].status_code == 409


def test_a_removal_that_meets_the_end_of_the_run_continues(store: Any) -> None:
    backend = Backend()
    backend.states = {"demo-000001": "RUNNING"}  # by the time of the event it has ended
    answer, _ = ask(clusters.remove_cluster, backend)
    assert answer.status_code == 202
    assert backend.started == ["delete_cluster"]
    assert store.result(RunRef(cluster="demo", generation=1)).result == "cancelled"


def test_storage_that_is_unavailable_is_503_with_its_name(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise Transient("storage: clusters/demo/record.json: ServiceRequestError", 1.5)

    monkeypatch.setattr(store, "record", fails)
    for handler in (clusters.get_cluster, clusters.put_cluster, clusters.get_events):
        answer, document = ask(handler, Backend())
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert document["detail"].startswith("storage: ")


def test_an_instance_that_is_there_already_counts_as_started() -> None:
    backend: Any = Backend()
    backend.states = {"demo-000001": "COMPLETED"}
    DurableEngine(backend).start("reconcile_cluster", "demo-000001", {})
    assert backend.started == []


def test_an_error_without_an_answer_is_a_backend_that_is_unavailable() -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise grpc.RpcError

    client: Any = SimpleNamespace(get_orchestration_state=fails)
    with pytest.raises(EngineAwayError, match="no code"):
        DurableEngine(client).status("demo-000001")


@pytest.mark.parametrize("status", lifecycle.ENDED)
def test_a_run_that_ended_between_two_looks_is_not_lost(store: Any, status: str) -> None:
    record: ClusterRecord = store.need_record("demo")[0]
    backend: Any = Backend()
    backend.states = {"demo-000001": status}
    engine = DurableEngine(backend)
    assert lifecycle.is_lost(engine, store, record, 1)
    store.save_result(FinishInput(cluster="demo", generation=1, result="failed"))
    assert not lifecycle.is_lost(engine, store, record, 1)


def test_a_result_is_told_while_the_engine_is_unavailable(store: Any) -> None:
    """Whether its run is about to close the record is not known then."""
    result = FinishInput(cluster="demo", generation=1, result="failed")
    store.save_result(result)
    engine = Backend()
    engine.states = {"demo-000001": "RUNNING"}
    assert lifecycle.is_closing(DurableEngine(cast("Any", engine)), store, result)
    engine.error = "UNAVAILABLE"
    assert not lifecycle.is_closing(DurableEngine(cast("Any", engine)), store, result)


def wait_for_previous(
    store: Any, monkeypatch: pytest.MonkeyPatch, backend: Any, generation: int = 2
) -> str:
    found = SimpleNamespace(store=store, settings=SETTINGS)
    for module in ("triggers.removal", "activities.delete_cluster", "activities.registration"):
        monkeypatch.setattr(f"{module}.services", lambda: found)
    payload = {"cluster": "demo", "generation": generation}
    wait = removal.with_engine(delete_cluster.awaiting_runs)
    return wait(payload, backend)["state"]


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ({"demo-000001": "RUNNING"}, "wait"),
        ({"demo-000001": "PENDING"}, "wait"),
        ({"demo-000001": "TERMINATED"}, "done"),
        ({"demo-000001": "COMPLETED"}, "done"),
        ({}, "done"),
    ],
)
def test_a_removal_waits_for_a_run_that_can_still_end_and_for_no_other(
    store: Any, monkeypatch: pytest.MonkeyPatch, states: dict[str, str], state: str
) -> None:
    backend = Backend()
    backend.states = states
    assert wait_for_previous(store, monkeypatch, backend) == state
    assert (store.result(RunRef(cluster="demo", generation=1)) is not None) is (state == "done")


def test_a_removal_waits_while_the_engine_cannot_be_asked(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wait_for_previous(store, monkeypatch, Backend("UNKNOWN")) == "wait"


def test_a_removal_waits_for_every_earlier_run_without_a_result(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs can be in progress if the record was restored to an older version."""
    store.save_result(FinishInput(cluster="demo", generation=2, result="cancelled"))
    backend = Backend()
    backend.states = {"demo-000001": "RUNNING", "demo-000002": "COMPLETED"}
    assert wait_for_previous(store, monkeypatch, backend, generation=3) == "wait"
    store.save_result(FinishInput(cluster="demo", generation=1, result="cancelled"))
    assert wait_for_previous(store, monkeypatch, backend, generation=3) == "done"
