"""Claims of backups and restores: what the record holds meanwhile, who joins, who has to wait."""

from typing import Any

import pytest

from cluster.closing import closed
from cluster.contracts import FinishInput, PhaseRecord
from cluster.outcomes import Cause
from cluster.record import ClusterRecord
from runs.backup_claims import claim_backup, claim_restore
from runs.claims import claim_delete, claim_reconcile
from runs.previous import BusyError
from runs.starts import Claim, ClaimContext
from tests.runs.memory import engine, new_context, spec

FAILED = Cause(code="PlayFailed", message="a host failed")


@pytest.fixture
def context() -> ClaimContext:
    """A cluster whose launch has ended."""
    made = new_context()
    claim_reconcile(made, spec(3), "")
    finish(made, "succeeded")
    return made


def finish(context: ClaimContext, result: Any, cause: Cause | None = None) -> None:
    record, etag = context.store.need_record("demo")
    assert record.operation is not None
    ended = FinishInput(cluster="demo", generation=record.generation, result=result, cause=cause)
    context.store.save_result(ended)
    context.store.save_record(closed(record, ended), etag)
    engine(context).states[record.operation.instance_id] = "COMPLETED"


def record_of(context: ClaimContext) -> ClusterRecord:
    return context.store.need_record("demo")[0]


def back_up(context: ClaimContext) -> Claim:
    claim = claim_backup(context, "demo", "ada")
    assert claim is not None
    return claim


@pytest.mark.parametrize("result", ["succeeded", "failed", "cancelled"])
def test_the_cluster_is_as_it_was_however_the_backup_ends(
    context: ClaimContext, result: str
) -> None:
    before = record_of(context)
    back_up(context)
    assert (record_of(context).state, record_of(context).spec) == ("running", before.spec)
    finish(context, result, FAILED if result == "failed" else None)
    after = record_of(context)
    assert (after.state, after.cause, after.generation) == ("ready", None, 2)
    assert after.operation is not None
    assert after.operation.finished


def test_a_failed_cluster_keeps_its_cause(context: ClaimContext) -> None:
    claim_reconcile(context, spec(4), "")
    finish(context, "failed", FAILED)
    back_up(context)
    finish(context, "succeeded")
    assert (record_of(context).state, record_of(context).cause) == ("failed", FAILED)


def test_a_second_request_joins_and_another_operation_has_to_wait(context: ClaimContext) -> None:
    first, second = back_up(context), back_up(context)
    assert (first.joined, second.joined) == (False, True)
    assert first.operation == second.operation
    with pytest.raises(BusyError, match="demo-000002"):
        claim_reconcile(context, spec(3), "")


def test_a_backup_has_to_wait_for_another_operation(context: ClaimContext) -> None:
    claim_reconcile(context, spec(4), "")
    with pytest.raises(BusyError, match="demo-000002"):
        claim_backup(context, "demo", "ada")


def test_a_removal_takes_over(context: ClaimContext) -> None:
    back_up(context)
    assert claim_delete(context, "demo", "ada") is not None
    assert record_of(context).state == "deleting"


def test_a_backup_after_a_run_that_the_engine_lost_keeps_it_as_failed(
    context: ClaimContext,
) -> None:
    lost = claim_reconcile(context, spec(4), "")
    engine(context).states[lost.operation.instance_id] = "TERMINATED"
    back_up(context)
    operation = record_of(context).operation
    assert operation is not None
    assert operation.state_before == "failed"
    assert operation.cause_before is not None
    assert operation.cause_before.code == "RunLost"


def test_there_is_no_backup_of_nothing() -> None:
    assert claim_backup(new_context(), "demo", "ada") is None


def restore(context: ClaimContext, backup: str) -> Claim:
    claim = claim_restore(context, "demo", "ada", backup)
    assert claim is not None
    return claim


def ended(context: ClaimContext, result: Any, reached: Any) -> ClusterRecord:
    """The record after a restore whose phase `stop` is in that state."""
    record = record_of(context)
    phases = (PhaseRecord(name="fetch", state="done"), PhaseRecord(name="stop", state=reached))
    finish = FinishInput(
        cluster="demo", generation=record.generation, result=result, cause=FAILED, phases=phases
    )
    return closed(record, finish)


def test_the_same_restore_is_joined_and_another_has_to_wait(context: ClaimContext) -> None:
    first, second = restore(context, "000002"), restore(context, "000002")
    assert (first.joined, second.joined) == (False, True)
    assert record_of(context).operation == first.operation
    assert first.operation.backup == "000002"
    for other in (lambda: restore(context, "000001"), lambda: back_up(context)):
        with pytest.raises(BusyError, match="demo-000002"):
            other()
    with pytest.raises(BusyError, match="demo-000002"):
        claim_reconcile(context, spec(3), "")


@pytest.mark.parametrize(
    ("result", "reached", "state"),
    [
        ("succeeded", "done", "ready"),
        ("failed", "pending", "ready"),
        ("cancelled", "pending", "ready"),
        ("failed", "running", "failed"),
        ("failed", "done", "failed"),
        ("cancelled", "cancelled", "cancelled"),
    ],
)
def test_a_restore_that_stopped_something_and_did_not_succeed_is_the_clusters_state(
    context: ClaimContext, result: str, reached: str, state: str
) -> None:
    restore(context, "000002")
    after = ended(context, result, reached)
    assert (after.state, after.cause) == (state, None if state == "ready" else FAILED)


def test_a_restore_that_succeeds_ends_the_fault_of_the_one_that_failed(
    context: ClaimContext,
) -> None:
    for result, reached, state in (
        ("failed", "failed", "failed"),
        ("failed", "pending", "failed"),
        ("succeeded", "done", "ready"),
    ):
        restore(context, "000002")
        after = ended(context, result, reached)
        finish(context, result, FAILED)
        _, etag = context.store.need_record("demo")
        context.store.save_record(after, etag)
        assert (after.state, after.cause) == (state, None if state == "ready" else FAILED)


def test_a_restore_that_was_lost_leaves_the_cluster_failed(context: ClaimContext) -> None:
    restore(context, "000002")
    record = record_of(context)
    lost = FinishInput(cluster="demo", generation=2, result="failed", cause=FAILED)
    assert closed(record, lost).state == "failed"


@pytest.mark.parametrize("claim", [claim_backup, lambda c, n, w: claim_restore(c, n, w, "1")])
def test_a_removed_cluster_has_nothing_to_claim(context: ClaimContext, claim: Any) -> None:
    record, etag = context.store.need_record("demo")
    context.store.save_record(record.model_copy(update={"state": "deleted"}), etag)
    assert claim(context, "demo", "ada") is None
    assert claim(context, "other", "ada") is None
    assert record_of(context).generation == record.generation
