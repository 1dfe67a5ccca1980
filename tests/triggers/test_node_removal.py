"""DELETE of one node: what it starts, and what it refuses before anything is claimed."""

import json
from typing import Any

import azure.functions as func
import pytest

from cluster.plan import make_plan
from cluster.record import ClaimedOperation, ClusterRecord
from cluster.spec_rules import parse_spec
from tests.triggers.sample_answers import SPEC, Installation, ask, installation
from triggers import clusters, node_removal


def filled(app: Installation, **changes: Any) -> ClusterRecord:
    """A cluster of one etcd member, one control plane and two workers, which is as asked."""
    spec = parse_spec(SPEC)
    plan = make_plan(spec, ClusterRecord(name="demo", uid="0a1b2c3d", generation=1), [])
    document = spec.document()
    state: dict[str, Any] = {"spec": document, "built": document, "slots": plan.slots}
    subnets = {"worker": plan.subnets["worker"]}
    return app.fill(**(state | {"state": "ready", "subnets": subnets, "operation": None} | changes))


def delete(app: Installation, node: str, query: str = "") -> Any:
    return ask(node_removal.delete_node, app.client, query=query, node=node)


def test_a_worker_is_removed_and_the_answer_is_the_operation() -> None:
    with installation() as app:
        before = filled(app)
        answer = delete(app, "demo-worker-0", "?force=true")
        assert (answer["status"], answer["body"]["joined"]) == (202, False)
        record, _ = app.store.need_record("demo")
        assert record.generation == before.generation + 1
        assert answer["body"]["operation"].endswith(f"/operations/{record.generation}")
        assert record.operation is not None
        assert (record.operation.removes, record.operation.force) == ("demo-worker-0", True)
        assert record.spec["workers"][0]["count"] == 1
        assert [slot.name for slot in record.slots if slot.leaving] == ["demo-worker-0"]
        detail = ask(clusters.get_cluster, app.client)["body"]
        states = {node["name"]: node["state"] for node in detail["nodes"]}
        assert states["demo-worker-0"] == "removing"
        assert states["demo-worker-1"] != "removing"


@pytest.mark.parametrize(
    ("node", "status", "told"),
    [
        ("demo-worker-9", 404, "has no node 'demo-worker-9'"),
        ("demo-other-0", 404, "has no node"),
        ("", 404, "has no node"),
        ("x" * 5000, 404, "has no node"),
        ("demo-etcd-0", 409, "majority"),
        ("demo-control-plane-0", 409, "majority"),
        ("demo-controller", 409, "playbook"),
    ],
)
def test_what_is_no_worker_is_refused_with_the_reason(node: str, status: int, told: str) -> None:
    with installation() as app:
        before = filled(app)
        answer = delete(app, node)
        assert answer["status"] == status
        text = f"{answer['body']['title']} {answer['body'].get('detail', '')}"
        assert told in text
        assert len(text) < 400
        assert app.store.need_record("demo")[0] == before


def test_a_node_that_was_only_planned_is_not_there() -> None:
    with installation() as app:
        filled(app, built=None)
        assert delete(app, "demo-worker-0")["status"] == 404


def test_a_deleted_cluster_has_no_nodes() -> None:
    with installation() as app:
        filled(app, state="deleted")
        assert delete(app, "demo-worker-0")["status"] == 404


def test_a_cluster_whose_removal_failed_is_not_created_again() -> None:
    with installation() as app:
        removal = ClaimedOperation(
            generation=3,
            kind="delete",
            instance_id="demo-000003",
            started_at="2026-11-30T00:00:00Z",
            finished=True,
        )
        before = filled(app, state="failed", operation=removal)
        answer = delete(app, "demo-worker-0")
        assert (answer["status"], "removed" in answer["body"]["title"]) == (409, True)
        assert app.store.need_record("demo")[0] == before


@pytest.mark.parametrize("query", ["?force=", "?force=yes", "?forced=true"])
def test_parameters_are_read_strictly(query: str) -> None:
    with installation() as app:
        before = filled(app)
        assert delete(app, "demo-worker-0", query)["status"] == 400
        assert app.store.need_record("demo")[0] == before


@pytest.mark.parametrize("query", ["", "?plan=true"])
def test_a_document_that_leaves_the_pools_out_removes_nothing(query: str) -> None:
    spec = SPEC | {"workers": [{"name": "worker", "count": 5}]}
    with installation() as app:
        before = filled(app, built=parse_spec(spec).document())
        body = json.dumps({"name": "demo", "etcd": {"count": 1}}).encode()
        request = func.HttpRequest(
            "PUT", f"https://app/api/clusters/demo{query}", route_params={"name": "demo"}, body=body
        )
        answer = clusters.put_cluster(request, app.client)
        faults = json.loads(answer.get_body())["faults"]
        assert (answer.status_code, faults[0]["path"]) == (400, "workers")
        assert "3 nodes of pool 'worker'" in faults[0]["message"]
        assert app.store.need_record("demo")[0] == before
