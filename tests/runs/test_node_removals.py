"""Claims of a node's removal: what the record holds, who joins, what a later spec does with it."""

from typing import Any

import pytest

from clients.errors import Transient
from cluster.closing import closed
from cluster.contracts import FinishInput
from cluster.faults import SpecRefusedError
from cluster.plan import Plan, make_plan
from cluster.record import ClusterRecord, PlannedNode
from cluster.slots import spec_without
from runs.claims import claim_node_removal, claim_reconcile
from runs.previous import BusyError
from runs.run_requests import NodeRemoval
from runs.starts import Claim, ClaimContext
from tests.runs.memory import engine, new_context, spec


@pytest.fixture
def context() -> ClaimContext:
    """A cluster of three workers whose launch has ended."""
    made = new_context()
    claim_reconcile(made, spec(3), "")
    record, etag = made.store.need_record("demo")
    plan = make_plan(spec(3), record, [])
    built: dict[str, Any] = {"built": spec(3).document(), "slots": plan.slots}
    subnets = {"worker": plan.subnets["worker"]}
    made.store.save_record(record.model_copy(update=built | {"subnets": subnets}), etag)
    finish(made, "succeeded")
    return made


def finish(context: ClaimContext, result: Any) -> None:
    """Ends the run as it ends itself."""
    record, etag = context.store.need_record("demo")
    assert record.operation is not None
    ended = FinishInput(cluster="demo", generation=record.generation, result=result)
    context.store.save_result(ended)
    context.store.save_record(closed(record, ended), etag)
    engine(context).states[record.operation.instance_id] = "COMPLETED"


def record_of(context: ClaimContext) -> ClusterRecord:
    return context.store.need_record("demo")[0]


def slot(context: ClaimContext, number: int) -> PlannedNode:
    name = f"demo-worker-{number}"
    return next(one for one in record_of(context).slots if one.name == name)


def remove(context: ClaimContext, number: int, *, force: bool = False) -> Claim:
    """As the API does for DELETE of the node."""
    record, node = record_of(context), slot(context, number)
    wanted = spec_without(node, context.store.spec(record), record)
    return claim_node_removal(context, wanted, "ada", NodeRemoval(node.name, force, record))


def planned(context: ClaimContext) -> Plan:
    record = record_of(context)
    return make_plan(context.store.spec(record), record, {slot.name for slot in record.slots})


def count(context: ClaimContext) -> int:
    return record_of(context).spec["workers"][0]["count"]


def test_what_an_earlier_version_accepted_refuses_no_removal(context: ClaimContext) -> None:
    record, etag = context.store.need_record("demo")
    stored = record.spec | {"tags": {"windows-team": "x"}}
    context.store.save_record(record.model_copy(update={"spec": stored}), etag)
    assert remove(context, 1).operation.removes == "demo-worker-1"
    assert record_of(context).spec["tags"] == {"windows-team": "x"}


def test_the_spec_has_one_worker_fewer_and_the_named_node_leaves(context: ClaimContext) -> None:
    claim = remove(context, 1, force=True)
    assert (claim.joined, claim.operation.removes, claim.operation.force) == (
        False,
        "demo-worker-1",
        True,
    )
    assert count(context) == 2
    plan = planned(context)
    assert [one.name for one in plan.leaving] == ["demo-worker-1"]
    assert plan.force


def test_the_same_request_joins_and_one_for_another_node_does_not(context: ClaimContext) -> None:
    first = remove(context, 1)
    again = remove(context, 1)
    assert (again.joined, again.operation) == (True, first.operation)
    with pytest.raises(BusyError):
        remove(context, 2)
    assert count(context) == 2


def test_the_spec_that_the_removal_made_joins_it(context: ClaimContext) -> None:
    remove(context, 1)
    assert claim_reconcile(context, spec(2), "bob").joined


def test_after_a_failure_the_same_spec_goes_on_with_the_same_node(context: ClaimContext) -> None:
    remove(context, 0)
    finish(context, "failed")
    claim = claim_reconcile(context, spec(2), "bob")
    assert (claim.operation.removes, claim.operation.force) == ("", False)
    assert [one.name for one in planned(context).leaving] == ["demo-worker-0"]


def test_after_a_failure_the_same_request_does_not_make_the_pool_smaller_again(
    context: ClaimContext,
) -> None:
    remove(context, 0)
    finish(context, "failed")
    remove(context, 0)
    assert count(context) == 2
    assert [one.name for one in planned(context).leaving] == ["demo-worker-0"]


def test_a_second_node_leaves_beside_one_whose_removal_failed(context: ClaimContext) -> None:
    remove(context, 0)
    finish(context, "failed")
    remove(context, 1)
    assert count(context) == 1
    assert {one.name for one in planned(context).leaving} == {"demo-worker-0", "demo-worker-1"}


def test_the_old_count_takes_the_node_back(context: ClaimContext) -> None:
    remove(context, 0)
    finish(context, "failed")
    claim_reconcile(context, spec(3), "bob")
    plan = planned(context)
    assert (plan.leaving, plan.returning) == ((), ("demo-worker-0",))


def test_a_removal_that_was_decided_on_an_older_record_is_decided_again(
    context: ClaimContext,
) -> None:
    record, node = record_of(context), slot(context, 1)
    claim_reconcile(context, spec(5), "bob")
    finish(context, "succeeded")
    wanted = spec_without(node, context.store.spec(record), record)
    with pytest.raises(Transient, match="operation 2 of cluster 'demo' was claimed meanwhile"):
        claim_node_removal(context, wanted, "ada", NodeRemoval(node.name, False, record))
    assert count(context) == 5


def test_a_pool_is_not_rolled_without_room_for_its_surge(context: ClaimContext) -> None:
    """The pool's subnet is as large as its three workers."""
    record, etag = context.store.need_record("demo")
    narrow = record.model_copy(update={"subnets": {"worker": "10.0.16.0/29"}})
    context.store.save_record(narrow, etag)
    (pool,) = spec(3).workers
    larger = pool.model_copy(update={"os_disk_gib": 128})
    with pytest.raises(SpecRefusedError, match="maxSurge"):
        claim_reconcile(context, spec(3).model_copy(update={"workers": (larger,)}), "")
    shrinking = larger.model_copy(update={"max_surge": 0, "max_unavailable": 1})
    wanted = spec(3).model_copy(update={"workers": (shrinking,)})
    assert claim_reconcile(context, wanted, "").operation.kind == "replace"
