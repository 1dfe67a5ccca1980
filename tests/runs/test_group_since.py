"""The record tells since which run its cluster's group is the same: earlier runs are of others."""

from cluster.closing import closed
from cluster.contracts import FinishInput
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from runs.claims import claim_delete, claim_reconcile
from runs.starts import ClaimContext
from tests.runs.memory import engine, new_context


def end(context: ClaimContext) -> ClusterRecord:
    """Ends the operation in progress in order."""
    record, etag = context.store.need_record("demo")
    assert record.operation is not None
    ended = FinishInput(cluster="demo", generation=record.generation, result="succeeded")
    context.store.save_result(ended)
    engine(context).states[record.operation.instance_id] = "COMPLETED"
    context.store.save_record(closed(record, ended), etag)
    return record


def put(context: ClaimContext, group: str) -> int | None:
    claim_reconcile(context, parse_spec({"name": "demo", "resourceGroup": group}), "")
    return end(context).group_since


def delete(context: ClaimContext) -> int | None:
    assert claim_delete(context, "demo", "")
    return end(context).group_since


def test_a_group_in_another_case_is_the_same_and_another_group_begins_anew() -> None:
    context = new_context()
    assert [put(context, group) for group in ("one", "ONE", "two", "Two")] == [1, 1, 3, 3]


def test_a_removed_cluster_leaves_its_runs_to_the_next_one_in_the_same_group_only() -> None:
    context = new_context()
    assert (put(context, "one"), delete(context)) == (1, 1)
    assert put(context, "one") == 1
    assert (delete(context), put(context, "two")) == (1, 5)


def test_a_record_of_an_older_version_learns_it_with_the_next_run() -> None:
    context = new_context()
    put(context, "one")
    record, etag = context.store.need_record("demo")
    context.store.save_record(record.model_copy(update={"group_since": None}), etag)
    assert delete(context) is None
    assert put(context, "one") == 3
