"""POST of a node's replacement: what it starts, joins and refuses before anything is claimed."""

from typing import Any

import pytest

from cluster.plan import make_plan
from cluster.record import ClaimedOperation, ClusterRecord
from cluster.spec_rules import parse_spec
from tests.triggers.sample_answers import SPEC, Installation, ask, installation
from tests.triggers.test_node_removal import filled
from triggers import clusters, node_replacement, operation_list


def three(app: Installation, **changes: Any) -> ClusterRecord:
    """A cluster of three etcd members and three control planes."""
    spec = parse_spec(SPEC | {"etcd": {"count": 3}, "controlPlane": {"count": 3}})
    plan = make_plan(spec, ClusterRecord(name="demo", uid="0a1b2c3d", generation=1), [])
    document = spec.document()
    return filled(app, spec=document, built=document, slots=plan.slots, **changes)


def replace(app: Installation, node: str, query: str = "") -> Any:
    return ask(node_replacement.replace_node, app.client, query=query, node=node)


@pytest.mark.parametrize("node", ["demo-worker-0", "demo-control-plane-2", "demo-etcd-1"])
def test_a_node_is_replaced_and_a_second_request_joins(node: str) -> None:
    with installation() as app:
        before = three(app)
        answer = replace(app, node, "?force=true")
        assert (answer["status"], answer["body"]["joined"]) == (202, False)
        record, _ = app.store.need_record("demo")
        assert record.operation is not None
        operation = record.operation
        assert (operation.kind, operation.replaces, operation.force) == ("replace", node, True)
        assert (record.spec, record.slots) == (before.spec, before.slots)
        again = replace(app, node, "?force=true")
        assert again["body"] == answer["body"] | {"joined": True}
        assert ask(clusters.get_cluster, app.client)["body"]["kind"] == "replace"
        listed = ask(operation_list.list_operations, app.client)["body"]["operations"]
        assert listed[0]["kind"] == "replace"
        other = "demo-worker-1" if node != "demo-worker-1" else "demo-worker-0"
        assert replace(app, other)["status"] == 409


@pytest.mark.parametrize(
    ("node", "status", "told"),
    [
        ("demo-worker-9", 404, "has no node 'demo-worker-9'"),
        ("x" * 5000, 404, "has no node"),
        ("demo-etcd-0", 409, "the only one of etcd"),
        ("demo-control-plane-0", 409, "the only one of control-plane"),
        ("demo-controller", 409, "delete its VM"),
    ],
)
def test_what_cannot_be_replaced_is_refused_with_the_reason(
    node: str, status: int, told: str
) -> None:
    with installation() as app:
        before = filled(app)  # one etcd member, one control plane
        answer = replace(app, node)
        assert answer["status"] == status
        text = f"{answer['body']['title']} {answer['body'].get('detail', '')}"
        assert told in text
        assert len(text) < 400
        assert app.store.need_record("demo")[0] == before


REMOVAL = ClaimedOperation(
    generation=3,
    kind="delete",
    instance_id="demo-000003",
    started_at="2026-11-30T00:00:00Z",
    finished=True,
)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"built": None}, 404),
        ({"state": "deleted"}, 404),
        ({"state": "failed", "operation": REMOVAL}, 409),
    ],
)
def test_a_cluster_that_is_removed_or_was_never_built_has_nothing_to_replace(
    changes: dict[str, Any], status: int
) -> None:
    with installation() as app:
        before = filled(app, **changes)
        assert replace(app, "demo-worker-0")["status"] == status
        assert app.store.need_record("demo")[0] == before


@pytest.mark.parametrize("query", ["?force=", "?force=yes", "?forced=true"])
def test_parameters_are_read_strictly(query: str) -> None:
    with installation() as app:
        before = three(app)
        assert replace(app, "demo-worker-0", query)["status"] == 400
        assert app.store.need_record("demo")[0] == before
