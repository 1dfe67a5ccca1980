"""Every kind of answer of the API, from the app's own handlers over a store that a test fills."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import azure.functions as func
from durabletask.client import OrchestrationStatus

from clients import services
from clients.errors import Refused, Transient
from clients.settings import Settings
from clients.store import Store
from cluster import names
from cluster.contracts import Check, FinishInput, PhaseRecord, RunRef
from cluster.events import Event, to_line
from cluster.findings import Finding
from cluster.outcomes import Cause
from cluster.plan import make_plan
from cluster.record import Access, ClaimedOperation, ClusterRecord
from cluster.spec_rules import parse_spec
from runs.previous import BusyError
from tests.runs.memory import MemoryBlobs
from triggers import clusters, doctor
from triggers.problems import ProblemError, as_problem

SPEC = {"name": "demo", "etcd": {"count": 1}, "workers": [{"name": "worker", "count": 2}]}
CAUSE = Cause(
    code="PlayFailed",
    message="etcd did not start",
    place="demo-etcd-0",
    next_step="read the log, then apply again",
    log_tail="line one\nno space left on device",
    phase="playbook",
)
PHASES = (
    PhaseRecord(name="plan", state="done", started_at="2026-11-29T12:00:00+00:00", seconds=1.5),
    PhaseRecord(name="playbook", state="running", started_at="2026-11-29T12:03:00+00:00"),
    PhaseRecord(name="verify"),
)
EVENTS = (
    Event(seq=1, time="2026-11-29T12:00:00+00:00", phase="plan", text="run started"),
    Event(
        seq=2,
        time="2026-11-29T12:03:00+00:00",
        phase="playbook",
        text="etcd : Start: failed",
        level="error",
        node="demo-etcd-0",
        task="Start",
        operation="demo-000001",
    ),
)
STATUS = {
    "phase": "playbook",
    "phases": [phase.model_dump(mode="json") for phase in PHASES],
    "startedAt": "2026-11-29T12:00:00+00:00",
    "nodes": {"total": 4, "ready": 4},
    "play": {"stage": "etcd", "task": "Start", "host": "demo-etcd-0"},
    "events": {"count": 2, "bytes": 400},
}
type Shown = dict[str, Any]


class Installation:
    """`status`: what the durable engine knows of the run in progress, `instance`; None: nothing."""

    def __init__(self) -> None:
        blobs: Any = MemoryBlobs()
        self.store = Store(blobs)
        self.status: dict[str, Any] | None = STATUS
        self.instance = "demo-000001"
        self.client: Any = SimpleNamespace(
            get_orchestration_state=self._state,
            raise_orchestration_event=lambda *_, **__: None,
            schedule_new_orchestration=lambda *_, **__: None,
        )

    def _state(self, instance_id: str, **_: Any) -> Any:
        if self.status is None or instance_id != self.instance:
            return None
        return SimpleNamespace(
            serialized_custom_status=json.dumps(self.status),
            runtime_status=OrchestrationStatus.RUNNING,
        )

    def fill(self, **changes: Any) -> ClusterRecord:
        """The record of `demo` in the middle of its first run, with these changes."""
        spec = parse_spec(SPEC)
        record = ClusterRecord(
            name="demo",
            uid="abc",
            generation=1,
            group="demo-rg",
            spec=spec.model_dump(mode="json", by_alias=True),
            updated_at="2026-11-29T12:00:00+00:00",
            operation=ClaimedOperation(
                generation=1,
                kind="reconcile",
                instance_id="demo-000001",
                spec_hash="x",
                started_at="2026-11-29T12:00:00+00:00",
                caller="ada",
            ),
        )
        record = record.model_copy(update={"slots": make_plan(spec, record, []).slots} | changes)
        self.store.create_record(record)
        ref = RunRef(cluster="demo", generation=1)
        lines = "".join(map(to_line, EVENTS)).encode()
        self.store.blobs.append_at(names.run_blob("demo", 1, "events.jsonl"), 0, lines)
        self.store.add_node_states(ref, {"demo-etcd-0": "ready", "demo-worker-0": "failed"})
        return record


def ended(record: ClusterRecord, **changes: Any) -> dict[str, Any]:
    assert record.operation
    return {"operation": record.operation.model_copy(update={"finished": True})} | changes


@contextmanager
def installation() -> Iterator[Installation]:
    made = Installation()
    settings = Settings("sub", "https://vault.example", "storage")
    found = SimpleNamespace(store=made.store, settings=settings)
    with patch.object(services, "_services", lambda: found):
        yield made


def ask(handler: Any, *more: Any, query: str = "", generation: str = "", **route: str) -> Shown:
    """`route`: further parameters of the route, such as `node`."""
    parameters = {"name": "demo", **route}
    parameters |= {"generation": generation} if generation else {}
    request = func.HttpRequest(
        "GET", f"https://app/api/clusters/demo{query}", route_params=parameters, body=b""
    )
    return shown(handler(request, *more)) | {"handler": handler.__name__}


def shown(answer: func.HttpResponse) -> Shown:
    return {
        "status": answer.status_code,
        "type": answer.mimetype,
        "headers": dict(answer.headers),
        "body": json.loads(answer.get_body()),
    }


def all_answers() -> dict[str, Shown]:
    return dict(_answers())


def _answers() -> Iterator[tuple[str, Shown]]:
    with installation() as app:
        app.fill()
        yield "list", ask(clusters.list_clusters, app.client)
        yield "running cluster", ask(clusters.get_cluster, app.client)
        yield "events", ask(clusters.get_events)
        yield "events after", ask(clusters.get_events, query="?after=1")
        yield "timeline", ask(clusters.get_timeline, app.client)
        yield "running operation", ask(clusters.get_operation, app.client, generation="1")
        yield "cancel", ask(clusters.cancel_cluster, app.client)
        yield "delete", ask(clusters.remove_cluster, app.client)
        yield "no such operation", ask(clusters.get_operation, app.client, generation="7")
        app.status = None
        yield "cancel of a lost run", ask(clusters.cancel_cluster, app.client)
    with installation() as app:
        app.fill()
        app.status = None  # its events say that it has begun
        yield "lost cluster", ask(clusters.get_cluster, app.client)
        yield "lost operation", ask(clusters.get_operation, app.client, generation="1")
    for name, result, state in (
        ("succeeded", "succeeded", "ready"),
        ("failed", "failed", "failed"),
        ("cancelled", "cancelled", "cancelled"),
    ):
        with installation() as app:
            record = app.fill()
            cause = None if result == "succeeded" else CAUSE
            access = Access(kubeconfig="demo-abc-kubeconfig", public_address="203.0.113.9")
            changes = ended(record, state=state, cause=cause, access=access)
            found = app.store.record("demo")
            assert found
            app.store.save_record(record.model_copy(update=changes), found[1])
            app.store.save_result(
                FinishInput(
                    cluster="demo",
                    generation=1,
                    result=result,  # type: ignore[arg-type]
                    cause=cause,
                    phases=PHASES,
                    checks=(Check(name="etcd", ok=True, detail="3 members"),),
                    note="Slack was away",
                    finished_at="2026-11-29T12:09:00+00:00",
                )
            )
            yield f"{name} cluster", ask(clusters.get_cluster, app.client)
            yield f"{name} list", ask(clusters.list_clusters, app.client)
            yield f"{name} operation", ask(clusters.get_operation, app.client, generation="1")
            yield f"{name} timeline", ask(clusters.get_timeline, app.client)
    with installation() as app:
        app.store.create_record(
            ClusterRecord(name="demo", uid="00000000", state="failed", cause=CAUSE)
        )
        yield "refused tag", ask(clusters.get_cluster, app.client)
        yield "refused tag's events", ask(clusters.get_events)
        yield "refused tag's timeline", ask(clusters.get_timeline, app.client)
    yield from _problems()
    yield from _reports()


def _problems() -> Iterator[tuple[str, Shown]]:
    try:
        parse_spec({"name": "demo", "etcd": {"count": 2}})
    except Exception as error:
        yield "refused spec", shown(as_problem(error, "test"))
    errors = {
        "problem": ProblemError(404, "no such cluster", "never heard of it"),
        "problem without detail": ProblemError(409, "a removal cannot be cancelled"),
        "busy": BusyError("demo-000002", "wait for it"),
        "transient": Transient("storage is away", 7.2),
        "refusal": Refused("AuthorizationFailed", "not allowed", details=("x", "y")),
        "fault of our own": ZeroDivisionError("x"),
        "missing package": ImportError("no module", name="paramiko"),
    }
    for name, error in errors.items():
        yield name, shown(as_problem(error, "test"))


def _reports() -> Iterator[tuple[str, Shown]]:
    findings = [Finding(name="engine", state="ok", seen="the durable backend answers")]
    yield "sound installation", shown(doctor._reply(findings))
