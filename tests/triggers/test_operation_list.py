"""The list of a cluster's operations."""

from typing import Any

import pytest

from cluster.contracts import FinishInput, PhaseRecord
from cluster.outcomes import Cause
from cluster.record import ClaimedOperation
from tests.triggers.sample_answers import Installation, ask, installation
from triggers import operation_list


def claim(generation: int, **more: Any) -> ClaimedOperation:
    return ClaimedOperation(
        generation=generation,
        kind="reconcile",
        instance_id=f"demo-{generation:06d}",
        started_at="2026-11-29T12:00:00+00:00",
        **more,
    )


def finish(app: Installation, generation: int, result: str, **more: Any) -> None:
    ended = {"cluster": "demo", "generation": generation, "result": result}
    ended |= {"finished_at": f"2026-11-29T1{generation % 10}:00:00+00:00"}
    app.store.save_result(FinishInput.model_validate(ended | more))


def listed(app: Installation, query: str = "") -> dict[str, Any]:
    return ask(operation_list.list_operations, app.client, query=query)["body"]


def test_ended_operations_have_their_results_and_a_running_one_its_state() -> None:
    plan = PhaseRecord(name="plan", state="done", started_at="2026-11-29T10:59:00+00:00")
    removal = PhaseRecord(name="resources", state="done", started_at="2026-11-29T11:59:00+00:00")
    with installation() as app:
        app.instance = "demo-000004"
        app.fill(generation=4, operation=claim(4))
        cause = Cause(code="QuotaExceeded", message="no cores left")
        finish(app, 1, "failed", cause=cause, phases=(plan,))
        finish(app, 2, "cancelled", phases=(plan,))
        finish(app, 3, "succeeded", phases=(removal,))
        body = listed(app)
    assert [(one["generation"], one["kind"], one["state"]) for one in body["operations"]] == [
        (4, "reconcile", "running"),
        (3, "delete", "succeeded"),
        (2, "reconcile", "cancelled"),
        (1, "reconcile", "failed"),
    ]
    newest, *_, oldest = body["operations"]
    assert newest["startedAt"] == "2026-11-29T12:00:00+00:00"
    assert newest["finishedAt"] is None
    assert (oldest["startedAt"], oldest["cause"]) == (plan.started_at, "QuotaExceeded")
    assert oldest["operation"] == "/api/clusters/demo/operations/1"
    assert body["next"] is None


def test_a_lost_operation_has_failed_and_an_old_one_without_result_is_unknown() -> None:
    with installation() as app:
        app.fill(generation=3, operation=claim(3))
        app.status = None
        body = listed(app)
    states = [one["state"] for one in body["operations"]]
    assert states == ["failed", "unknown", "unknown"]


@pytest.mark.parametrize(("count", "pages"), [(20, 1), (21, 2), (45, 3)])
def test_the_pages_together_have_every_operation_once(count: int, pages: int) -> None:
    with installation() as app:
        app.fill(generation=count, operation=claim(count, finished=True))
        for generation in range(1, count + 1):
            finish(app, generation, "succeeded")
        found: list[int] = []
        before, asked = "", 0
        while True:
            body = listed(app, before)
            asked += 1
            found += [one["generation"] for one in body["operations"]]
            if body["next"] is None:
                break
            before = f"?before={body['next']}"
    assert found == list(range(count, 0, -1))
    assert asked == pages


def test_a_cluster_without_operations_has_an_empty_list() -> None:
    with installation() as app:
        app.fill(generation=0, operation=None)
        assert listed(app)["operations"] == []
        assert listed(app, "?before=1")["operations"] == []


@pytest.mark.parametrize("value", ["0", "-1", "x", ""])
def test_a_position_that_is_none_is_refused(value: str) -> None:
    with installation() as app:
        app.fill()
        answer = ask(operation_list.list_operations, app.client, query=f"?before={value}")
    assert answer["status"] == 400
