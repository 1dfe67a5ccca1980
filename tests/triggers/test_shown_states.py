"""The state that is shown of a cluster is never that of a run which does not run."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from durabletask.client import OrchestrationStatus

from cluster.contracts import FinishInput
from cluster.record import ClaimedOperation
from tests.triggers.sample_answers import Installation, ask, installation
from triggers import clusters, forget

STATUS = OrchestrationStatus


def show(app: Installation) -> tuple[str, str, str, str, Any]:
    """Returns the states of the cluster in full and in the list, its operation's status and note,
    and the timeline's end."""
    detail = ask(clusters.get_cluster, app.client)["body"]
    listed = ask(clusters.list_clusters, app.client, query="?deleted=true")["body"]["clusters"]
    operation = ask(clusters.get_operation, app.client, generation="1")
    timeline = ask(clusters.get_timeline, app.client)["body"]
    note = detail["note"] or ""
    return detail["state"], listed[0]["state"], operation["status"], note, timeline["endedAt"]


def engine_has(app: Installation, status: STATUS | None) -> None:
    shown = SimpleNamespace(serialized_custom_status=None, runtime_status=status)
    app.client.get_orchestration_state = lambda *_, **__: shown if status else None


def claim(age: str = "young", kind: Any = "reconcile") -> ClaimedOperation:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return ClaimedOperation(
        generation=1,
        kind=kind,
        instance_id="demo-000001",
        started_at=now if age == "young" else "2026-01-01T00:00:00.000+00:00",
    )


@pytest.mark.parametrize("status", [STATUS.RUNNING, STATUS.PENDING])
def test_what_runs_is_running(status: STATUS) -> None:
    with installation() as app:
        app.fill()
        engine_has(app, status)
        assert show(app) == ("running", "running", 202, "", None)


@pytest.mark.parametrize("status", [STATUS.TERMINATED, STATUS.FAILED, STATUS.COMPLETED, None])
def test_what_was_terminated_or_purged_failed(status: STATUS | None) -> None:
    with installation() as app:
        app.fill()
        engine_has(app, status)
        state, listed, operation, note, ended = show(app)
        assert (state, listed, operation) == ("failed", "failed", 424)
        assert ended is not None
        assert "send the same spec again" in note


def test_what_is_suspended_says_so_and_what_to_do() -> None:
    with installation() as app:
        app.fill()
        engine_has(app, STATUS.SUSPENDED)
        state, listed, operation, note, _ = show(app)
        assert (state, listed, operation) == ("suspended", "suspended", 202)
        assert "demo-000001" in note
        assert "resume" in note


@pytest.mark.parametrize(
    ("age", "kind", "state", "status", "step"),
    [
        ("young", "reconcile", "pending", 202, "send the same spec again"),
        ("young", "delete", "pending", 202, "send DELETE again"),
        ("old", "reconcile", "failed", 424, "send the same spec again"),
        ("old", "delete", "failed", 424, "send DELETE again"),
    ],
)
def test_what_was_claimed_and_never_started_is_pending_and_then_failed(
    age: str, kind: str, state: str, status: int, step: str
) -> None:
    with installation() as app:
        app.fill(operation=claim(age, kind), state="running")
        app.store.blobs.delete("clusters/demo/runs/000001/events.jsonl")
        engine_has(app, None)
        shown = show(app)
        assert shown[:3] == (state, state, status)
        assert step in shown[3]


@pytest.mark.parametrize(
    ("kind", "result", "state"),
    [
        ("reconcile", "succeeded", "ready"),
        ("reconcile", "failed", "failed"),
        ("reconcile", "cancelled", "cancelled"),
        ("delete", "succeeded", "deleted"),
        ("delete", "failed", "failed"),
    ],
)
def test_the_result_counts_where_the_record_was_not_closed(
    kind: str, result: Any, state: str
) -> None:
    with installation() as app:
        app.fill(operation=claim("old", kind), state="deleting" if kind == "delete" else "running")
        app.store.save_result(
            FinishInput(cluster="demo", generation=1, result=result, finished_at="2026-11-29T13:00")
        )
        engine_has(app, STATUS.COMPLETED)
        shown = show(app)
        assert shown[:2] == (state, state)
        assert shown[4] == "2026-11-29T13:00"


def test_an_unreadable_record_is_shown_with_its_way_out_and_refused_by_what_needs_it() -> None:
    with installation() as app:
        app.store.blobs.write("clusters/demo/record.json", b"{")
        detail = ask(clusters.get_cluster, app.client)
        assert (detail["status"], detail["body"]["state"]) == (200, "unreadable")
        assert "forget" in detail["body"]["cause"]["nextStep"]
        reads = (clusters.get_events, clusters.get_timeline, clusters.get_operation)
        changes = (clusters.remove_cluster, clusters.cancel_cluster)
        for handler in (*reads, *changes):
            needs_client = handler is not clusters.get_events
            answer = ask(handler, *([app.client] if needs_client else []), generation="1")
            assert answer["status"] == 409, handler
            assert "forget" in answer["body"]["detail"], handler


@pytest.mark.parametrize("query", ["", "?confirm=", "?confirm=other", "?confirm=DEMO"])
def test_a_record_is_forgotten_only_if_its_name_is_repeated(query: str) -> None:
    with installation() as app:
        app.store.blobs.write("clusters/demo/record.json", b"{")
        assert ask(forget.post_forget, query=query)["status"] == 400
        assert app.store.blobs.read("clusters/demo/record.json")
        answer = ask(forget.post_forget, query="?confirm=demo")
        assert answer["status"] == 200
        found = app.store.blobs.read(answer["body"]["copiedTo"])
        assert found is not None
        assert found[0] == b"{"
        assert ask(forget.post_forget, query="?confirm=demo")["status"] == 404


def test_a_record_that_can_be_read_is_not_forgotten() -> None:
    with installation() as app:
        app.fill()
        answer = ask(forget.post_forget, query="?confirm=demo")
        assert answer["status"] == 409
        assert "DELETE" in json.dumps(answer["body"])


ENDED = FinishInput(cluster="demo", generation=1, result="succeeded")


@pytest.mark.parametrize(
    ("claimed", "status", "answer"),
    [
        (claim(), STATUS.RUNNING, 202),
        (claim(kind="delete"), STATUS.RUNNING, 202),
        (claim().model_copy(update={"finished": True}), STATUS.RUNNING, 200),
        (
            claim().model_copy(update={"generation": 2, "instance_id": "demo-000002"}),
            STATUS.RUNNING,
            200,
        ),
        # Nothing will close the record any more.
        (claim(), STATUS.COMPLETED, 200),
        (claim(), STATUS.TERMINATED, 200),
        (claim(), None, 200),
    ],
    ids=["closing", "removal", "closed", "older", "completed", "terminated", "unknown"],
)
def test_an_operation_ends_when_a_request_no_longer_joins_it(
    claimed: ClaimedOperation, status: STATUS | None, answer: int
) -> None:
    with installation() as app:
        app.fill(generation=claimed.generation, operation=claimed)
        app.store.save_result(ENDED)
        engine_has(app, status)
        found = ask(clusters.get_operation, app.client, generation="1")
    assert found["status"] == answer
    assert ("note" in found["body"]) is False


def test_an_operation_that_is_suspended_before_it_closed_the_record_says_so() -> None:
    with installation() as app:
        app.fill(operation=claim())
        app.store.save_result(ENDED)
        engine_has(app, STATUS.SUSPENDED)
        found = ask(clusters.get_operation, app.client, generation="1")
    assert found["status"] == 202
    assert "demo-000001" in found["body"]["note"]
