"""Claims: two callers at once, joined and refused operations."""

import threading

import pytest

from clients.errors import Transient
from cluster.contracts import FinishInput, RunRef
from runs.claims import (
    Desk,
    claim_delete,
    claim_reconcile,
    start_lost_claim,
)
from runs.engine import EngineAwayError
from runs.lifecycle import LOST, end
from runs.previous import BusyError
from tests.runs.memory import engine, new_desk, spec


@pytest.fixture
def desk() -> Desk:
    return new_desk()


def test_two_different_specs_at_once_start_one_run_and_refuse_the_other(desk: Desk) -> None:
    results: list[str] = []
    gate = threading.Barrier(8)

    def put(count: int) -> None:
        gate.wait()
        try:
            claim_reconcile(desk, spec(count), "")
            results.append("started")
        except BusyError:
            results.append("refused")

    threads = [threading.Thread(target=put, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["refused"] * 7 + ["started"]
    assert len(engine(desk).starts) == 1


def test_the_same_spec_joins_the_running_operation(desk: Desk) -> None:
    first = claim_reconcile(desk, spec(), "ada")
    second = claim_reconcile(desk, spec(), "bob")
    assert second.joined
    assert second.operation.instance_id == first.operation.instance_id
    assert len(engine(desk).starts) == 1
    record = desk.store.need_record("demo")[0]
    assert record.operation is not None
    assert record.operation.caller == "ada"


def test_a_claim_whose_start_was_lost_is_started_again_under_the_same_id(desk: Desk) -> None:
    engine(desk).lose_next = True
    claim_reconcile(desk, spec(), "")
    assert engine(desk).starts == []
    again = claim_reconcile(desk, spec(), "")
    assert again.joined
    assert engine(desk).starts == [("reconcile_cluster", again.operation.instance_id)]


def test_a_run_that_the_engine_calls_ended_does_not_block_the_next(desk: Desk) -> None:
    first = claim_reconcile(desk, spec(), "")
    engine(desk).states[first.operation.instance_id] = "FAILED"
    second = claim_reconcile(desk, spec(3), "")
    assert second.operation.generation == first.operation.generation + 1


def test_a_run_that_was_lost_with_its_engine_is_gone_on_with_by_a_new_one(desk: Desk) -> None:
    first = claim_reconcile(desk, spec(), "")
    desk.store.blobs.write("clusters/demo/runs/000001/events.jsonl", b"told")
    engine(desk).states.clear()
    second = claim_reconcile(desk, spec(), "")
    assert (second.joined, second.operation.generation) == (False, 2)
    told = desk.store.result(RunRef(cluster="demo", generation=first.operation.generation))
    assert told is not None
    assert told.cause is not None
    assert (told.result, told.cause.code) == ("failed", "RunLost")


def test_a_removal_that_was_lost_with_its_engine_is_begun_anew(desk: Desk) -> None:
    claim_reconcile(desk, spec(), "")
    lost = claim_delete(desk, "demo", "")
    desk.store.blobs.write("clusters/demo/runs/000002/events.jsonl", b"told")
    engine(desk).states.clear()
    again = claim_delete(desk, "demo", "")
    assert lost is not None
    assert again is not None
    assert (again.joined, again.operation.generation) == (False, 3)
    assert desk.store.result(RunRef(cluster="demo", generation=2)) is not None


def test_a_removal_cancels_what_runs_and_keeps_others_out(desk: Desk) -> None:
    run = claim_reconcile(desk, spec(), "")
    removal = claim_delete(desk, "demo", "")
    assert removal is not None
    assert engine(desk).raised == [(run.operation.instance_id, "cancel")]
    with pytest.raises(BusyError):
        claim_reconcile(desk, spec(), "")
    again = claim_delete(desk, "demo", "")
    assert again is not None
    assert again.joined


def test_there_is_nothing_to_remove_twice(desk: Desk) -> None:
    assert claim_delete(desk, "demo", "") is None
    claim_reconcile(desk, spec(), "")
    record, etag = desk.store.need_record("demo")
    desk.store.save_record(record.model_copy(update={"state": "deleted", "operation": None}), etag)
    assert claim_delete(desk, "demo", "") is None


def test_a_name_that_was_removed_begins_anew_with_other_secrets(desk: Desk) -> None:
    claim_reconcile(desk, spec(), "")
    record, etag = desk.store.need_record("demo")
    tomb = record.model_copy(update={"state": "deleted", "operation": None})
    desk.store.save_record(tomb, etag)
    claim_reconcile(desk, spec(), "")
    fresh = desk.store.need_record("demo")[0]
    assert fresh.uid != record.uid
    assert fresh.generation == record.generation + 1


def test_results_are_kept_by_run(desk: Desk) -> None:
    result = FinishInput(cluster="demo", generation=1, result="succeeded")
    desk.store.save_result(result)
    assert desk.store.result(result) == result


def test_a_removal_does_not_wait_for_a_run_that_never_started(desk: Desk) -> None:
    engine(desk).lose_next = True
    run = claim_reconcile(desk, spec(), "")
    assert claim_delete(desk, "demo", "") is not None
    assert engine(desk).raised == []
    found = desk.store.result(FinishInput(cluster="demo", generation=1, result="failed"))
    assert found is not None
    assert found.result == "cancelled"
    assert run.operation.generation == 1


def test_a_start_that_comes_after_its_run_was_ended_starts_nothing(desk: Desk) -> None:
    engine(desk).lose_next = True
    claim_reconcile(desk, spec(), "")
    ended = FinishInput(cluster="demo", generation=1, result="failed")
    desk.store.save_result(ended)
    start_lost_claim(desk, desk.store.need_record("demo")[0])
    assert engine(desk).starts == []


@pytest.mark.parametrize("kind", ["reconcile", "delete"])
def test_a_claim_that_ended_before_its_first_event_is_followed_by_a_new_one(
    desk: Desk, kind: str
) -> None:
    """Its history was purged, and its result written before that."""
    claim_reconcile(desk, spec(), "")
    generation = 1
    if kind == "delete":
        claim_delete(desk, "demo", "")
        generation = 2
    desk.store.save_result(FinishInput(cluster="demo", generation=generation, result="failed"))
    engine(desk).states.clear()
    engine(desk).starts.clear()
    claim = (
        claim_reconcile(desk, spec(), "") if kind == "reconcile" else claim_delete(desk, "demo", "")
    )
    assert claim is not None
    assert (claim.joined, claim.operation.generation) == (False, generation + 1)
    assert [instance for _, instance in engine(desk).starts] == [claim.operation.instance_id]


def test_a_removal_goes_on_where_the_run_ends_while_it_is_asked_to(desk: Desk) -> None:
    run = claim_reconcile(desk, spec(), "")

    def ends(method: str) -> None:
        if method == "raise_event":
            engine(desk).states[run.operation.instance_id] = "FAILED"

    engine(desk).before = ends
    removal = claim_delete(desk, "demo", "")
    assert removal is not None
    assert ("delete_cluster", removal.operation.instance_id) in engine(desk).starts
    assert desk.store.result(RunRef(cluster="demo", generation=1)) is not None


def test_a_run_that_is_started_while_a_removal_ends_it_is_cancelled(desk: Desk) -> None:
    engine(desk).lose_next = True
    claim_reconcile(desk, spec(), "")
    desks: list[Desk] = [desk]

    def removes(method: str) -> None:
        if method == "start" and desks:
            claim_delete(desks.pop(), "demo", "")

    engine(desk).before = removes
    claim_reconcile(desk, spec(), "")
    assert engine(desk).raised == [("demo-000001", "cancel")]


def test_nothing_is_claimed_where_the_engine_is_away(desk: Desk) -> None:
    engine(desk).before = away
    with pytest.raises(EngineAwayError):
        claim_reconcile(desk, spec(), "")
    assert desk.store.record("demo") is None


def test_a_claim_whose_start_failed_says_so_and_the_same_request_starts_it(desk: Desk) -> None:
    engine(desk).before = lambda method: away(method) if method == "start" else None
    with pytest.raises(Transient, match=r"demo-000001 is claimed: the same request starts it"):
        claim_reconcile(desk, spec(), "")
    engine(desk).before = lambda _: None
    assert claim_reconcile(desk, spec(), "").joined
    assert engine(desk).starts == [("reconcile_cluster", "demo-000001")]


def away(method: str) -> None:
    raise EngineAwayError(f"UNAVAILABLE at {method}")


def test_a_run_that_ends_while_it_is_given_up_keeps_its_own_result(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = RunRef(cluster="demo", generation=1)
    own = FinishInput(**ref.model_dump(), result="succeeded")
    has_ended = desk.store.has_ended

    def ends_now(asked: RunRef) -> bool:
        found = has_ended(asked)
        desk.store.save_result(own)
        return found

    monkeypatch.setattr(desk.store, "has_ended", ends_now)
    end(desk.store, FinishInput(**ref.model_dump(), result="failed", cause=LOST), "reconcile")
    assert desk.store.result(ref) == own
