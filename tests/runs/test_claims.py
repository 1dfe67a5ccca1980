"""Claims: two callers at once, joined and refused operations."""

import threading
from typing import Any

import pytest

from clients.errors import Transient
from cluster.contracts import FinishInput, RunRef
from runs.claims import claim_delete, claim_reconcile
from runs.engine import EngineAwayError
from runs.lifecycle import LOST, end
from runs.previous import BusyError
from runs.starts import ClaimContext, start_lost_claim
from tests.runs.memory import engine, new_context, spec


@pytest.fixture
def context() -> ClaimContext:
    return new_context()


def test_two_different_specs_at_once_start_one_run_and_refuse_the_other(
    context: ClaimContext,
) -> None:
    results: list[str] = []
    gate = threading.Barrier(8)

    def put(count: int) -> None:
        gate.wait()
        try:
            claim_reconcile(context, spec(count), "")
            results.append("started")
        except BusyError:
            results.append("refused")

    threads = [threading.Thread(target=put, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["refused"] * 7 + ["started"]
    assert len(engine(context).starts) == 1


def test_the_same_spec_joins_the_running_operation(context: ClaimContext) -> None:
    first = claim_reconcile(context, spec(), "ada")
    second = claim_reconcile(context, spec(), "bob")
    assert second.joined
    assert second.operation.instance_id == first.operation.instance_id
    assert len(engine(context).starts) == 1
    record = context.store.need_record("demo")[0]
    assert record.operation is not None
    assert record.operation.caller == "ada"


def test_a_full_pass_is_joined_and_does_not_join_a_run_that_makes_none(
    context: ClaimContext,
) -> None:
    claim_reconcile(context, spec(), "")
    with pytest.raises(BusyError):
        claim_reconcile(context, spec(), "", full=True)
    context.store.save_result(
        FinishInput(cluster="demo", generation=1, result="succeeded", finished_at="")
    )
    engine(context).states.clear()
    full = claim_reconcile(context, spec(), "", full=True)
    assert (full.joined, full.operation.full) == (False, True)
    assert claim_reconcile(context, spec(), "").joined
    assert claim_reconcile(context, spec(), "", full=True).joined


def test_a_claim_whose_start_was_lost_is_started_again_under_the_same_id(
    context: ClaimContext,
) -> None:
    engine(context).lose_next = True
    claim_reconcile(context, spec(), "")
    assert engine(context).starts == []
    again = claim_reconcile(context, spec(), "")
    assert again.joined
    assert engine(context).starts == [("reconcile_cluster", again.operation.instance_id)]


def test_a_run_that_the_engine_calls_ended_does_not_block_the_next(context: ClaimContext) -> None:
    first = claim_reconcile(context, spec(), "")
    engine(context).states[first.operation.instance_id] = "FAILED"
    second = claim_reconcile(context, spec(3), "")
    assert second.operation.generation == first.operation.generation + 1


def test_a_run_that_was_lost_with_its_engine_is_gone_on_with_by_a_new_one(
    context: ClaimContext,
) -> None:
    first = claim_reconcile(context, spec(), "")
    context.store.blobs.write("clusters/demo/runs/000001/events.jsonl", b"told")
    engine(context).states.clear()
    second = claim_reconcile(context, spec(), "")
    assert (second.joined, second.operation.generation) == (False, 2)
    told = context.store.result(RunRef(cluster="demo", generation=first.operation.generation))
    assert told is not None
    assert told.cause is not None
    assert (told.result, told.cause.code) == ("failed", "RunLost")


def test_a_removal_that_was_lost_with_its_engine_is_begun_again(context: ClaimContext) -> None:
    claim_reconcile(context, spec(), "")
    lost = claim_delete(context, "demo", "")
    context.store.blobs.write("clusters/demo/runs/000002/events.jsonl", b"told")
    engine(context).states.clear()
    again = claim_delete(context, "demo", "")
    assert lost is not None
    assert again is not None
    assert (again.joined, again.operation.generation) == (False, 3)
    assert context.store.result(RunRef(cluster="demo", generation=2)) is not None


def test_a_removal_cancels_what_runs_and_keeps_others_out(context: ClaimContext) -> None:
    run = claim_reconcile(context, spec(), "")
    removal = claim_delete(context, "demo", "")
    assert removal is not None
    assert engine(context).raised == [(run.operation.instance_id, "cancel")]
    with pytest.raises(BusyError):
        claim_reconcile(context, spec(), "")
    again = claim_delete(context, "demo", "")
    assert again is not None
    assert again.joined


def test_there_is_nothing_to_remove_twice(context: ClaimContext) -> None:
    assert claim_delete(context, "demo", "") is None
    claim_reconcile(context, spec(), "")
    record, etag = context.store.need_record("demo")
    context.store.save_record(
        record.model_copy(update={"state": "deleted", "operation": None}), etag
    )
    assert claim_delete(context, "demo", "") is None


def test_a_name_that_was_removed_begins_again_with_other_secrets(context: ClaimContext) -> None:
    claim_reconcile(context, spec(), "")
    record, etag = context.store.need_record("demo")
    tomb = record.model_copy(update={"state": "deleted", "operation": None})
    context.store.save_record(tomb, etag)
    claim_reconcile(context, spec(), "")
    fresh = context.store.need_record("demo")[0]
    assert fresh.uid != record.uid
    assert fresh.generation == record.generation + 1


def test_results_are_kept_by_run(context: ClaimContext) -> None:
    result = FinishInput(cluster="demo", generation=1, result="succeeded")
    context.store.save_result(result)
    assert context.store.result(result) == result


def test_a_removal_does_not_wait_for_a_run_that_never_started(context: ClaimContext) -> None:
    engine(context).lose_next = True
    run = claim_reconcile(context, spec(), "")
    assert claim_delete(context, "demo", "") is not None
    assert engine(context).raised == []
    found = context.store.result(FinishInput(cluster="demo", generation=1, result="failed"))
    assert found is not None
    assert found.result == "cancelled"
    assert run.operation.generation == 1


def test_a_start_that_comes_after_its_run_was_ended_starts_nothing(context: ClaimContext) -> None:
    engine(context).lose_next = True
    claim_reconcile(context, spec(), "")
    ended = FinishInput(cluster="demo", generation=1, result="failed")
    context.store.save_result(ended)
    start_lost_claim(context, context.store.need_record("demo")[0])
    assert engine(context).starts == []


@pytest.mark.parametrize("kind", ["reconcile", "delete"])
def test_a_claim_that_ended_before_its_first_event_is_followed_by_a_new_one(
    context: ClaimContext, kind: str
) -> None:
    """Its history was purged, and its result written before that."""
    claim_reconcile(context, spec(), "")
    generation = 1
    if kind == "delete":
        claim_delete(context, "demo", "")
        generation = 2
    context.store.save_result(FinishInput(cluster="demo", generation=generation, result="failed"))
    engine(context).states.clear()
    engine(context).starts.clear()
    claim = (
        claim_reconcile(context, spec(), "")
        if kind == "reconcile"
        else claim_delete(context, "demo", "")
    )
    assert claim is not None
    assert (claim.joined, claim.operation.generation) == (False, generation + 1)
    assert [instance for _, instance in engine(context).starts] == [claim.operation.instance_id]


def test_a_removal_continues_where_the_run_ends_while_it_is_asked_to(context: ClaimContext) -> None:
    run = claim_reconcile(context, spec(), "")

    def ends(method: str) -> None:
        if method == "raise_event":
            engine(context).states[run.operation.instance_id] = "FAILED"

    engine(context).before = ends
    removal = claim_delete(context, "demo", "")
    assert removal is not None
    assert ("delete_cluster", removal.operation.instance_id) in engine(context).starts
    assert context.store.result(RunRef(cluster="demo", generation=1)) is not None


def test_a_run_that_is_started_while_a_removal_ends_it_is_cancelled(context: ClaimContext) -> None:
    engine(context).lose_next = True
    claim_reconcile(context, spec(), "")
    contexts: list[ClaimContext] = [context]

    def removes(method: str) -> None:
        if method == "start" and contexts:
            claim_delete(contexts.pop(), "demo", "")

    engine(context).before = removes
    claim_reconcile(context, spec(), "")
    assert engine(context).raised == [("demo-000001", "cancel")]


def test_nothing_is_claimed_where_the_engine_is_unavailable(context: ClaimContext) -> None:
    engine(context).before = away
    with pytest.raises(EngineAwayError):
        claim_reconcile(context, spec(), "")
    assert context.store.record("demo") is None


def test_a_claim_whose_start_failed_says_so_and_the_same_request_starts_it(
    context: ClaimContext,
) -> None:
    engine(context).before = lambda method: away(method) if method == "start" else None
    with pytest.raises(Transient, match=r"demo-000001 is claimed: the same request starts it"):
        claim_reconcile(context, spec(), "")
    engine(context).before = lambda _: None
    assert claim_reconcile(context, spec(), "").joined
    assert engine(context).starts == [("reconcile_cluster", "demo-000001")]


def away(method: str) -> None:
    raise EngineAwayError(f"UNAVAILABLE at {method}")


def test_a_run_that_ends_while_it_is_given_up_keeps_its_own_result(
    context: ClaimContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = RunRef(cluster="demo", generation=1)
    own = FinishInput(**ref.model_dump(), result="succeeded")
    has_ended = context.store.has_ended

    def ends_now(asked: RunRef) -> bool:
        found = has_ended(asked)
        context.store.save_result(own)
        return found

    monkeypatch.setattr(context.store, "has_ended", ends_now)
    end(context.store, FinishInput(**ref.model_dump(), result="failed", cause=LOST), "reconcile")
    assert context.store.result(ref) == own


def test_a_repeated_removal_sends_the_cancel_again(context: ClaimContext) -> None:
    """The first one was cut between its start and the cancel, or the cancel was lost."""
    first = claim_reconcile(context, spec(), "ada")
    removal = claim_delete(context, "demo", "bob")
    assert removal is not None
    engine(context).raised.clear()
    for _ in range(2):
        again = claim_delete(context, "demo", "bob")
        assert again is not None
        assert again.joined
    asked = [event[0] for event in engine(context).raised]
    assert asked == [first.operation.instance_id] * 2


def test_no_launch_starts_beside_a_run_that_a_failed_removal_did_not_end(
    context: ClaimContext,
) -> None:
    first = claim_reconcile(context, spec(), "ada")
    removal = claim_delete(context, "demo", "bob")
    assert removal is not None
    record, etag = context.store.need_record("demo")
    ended = removal.operation.model_copy(update={"finished": True})
    context.store.save_record(
        record.model_copy(update={"operation": ended, "state": "failed"}), etag
    )
    failed = RunRef(cluster="demo", generation=removal.operation.generation)
    context.store.save_result(FinishInput(**failed.model_dump(), result="failed"))
    with pytest.raises(BusyError) as busy:
        claim_reconcile(context, spec(), "ada")
    assert busy.value.instance_id == first.operation.instance_id
    again = claim_delete(context, "demo", "bob")
    assert again is not None
    assert not again.joined
    assert engine(context).raised[-1][0] == first.operation.instance_id


@pytest.mark.parametrize("change", [{"uid": "another"}, {"generation": 7}])
def test_a_removal_of_one_record_leaves_another_one(
    context: ClaimContext, change: dict[str, Any]
) -> None:
    claim_reconcile(context, spec(), "ada")
    record = context.store.need_record("demo")[0]
    with pytest.raises(Transient, match="claimed meanwhile"):
        claim_delete(context, "demo", "", only=record.model_copy(update=change))
    assert context.store.need_record("demo")[0] == record
    assert claim_delete(context, "demo", "", only=record) is not None


def test_a_removal_that_lost_a_race_looks_again_at_which_record_it_is(
    context: ClaimContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_reconcile(context, spec(), "ada")
    judged, etag = context.store.need_record("demo")
    save = context.store.save_record

    def losing(record: Any, old: str) -> str:
        monkeypatch.setattr(context.store, "save_record", save)
        save(judged.model_copy(update={"generation": 2}), etag)
        return save(record, old)

    monkeypatch.setattr(context.store, "save_record", losing)
    with pytest.raises(Transient, match="operation 2"):
        claim_delete(context, "demo", "", only=judged)
    assert [kind for kind, _ in engine(context).starts] == ["reconcile_cluster"]
