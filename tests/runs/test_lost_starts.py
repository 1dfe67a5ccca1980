"""Claims whose run was never started: who starts it later, and whom it keeps out."""

import pytest

from cluster.contracts import RunRef
from runs.claims import claim_delete, claim_reconcile
from runs.engine import EngineAwayError
from runs.previous import BusyError
from runs.starts import ClaimContext, start_lost_claim
from tests.runs.memory import engine, new_context, spec


@pytest.fixture
def context() -> ClaimContext:
    return new_context()


@pytest.mark.parametrize("again", ["the same spec", "another spec", "a removal"])
def test_a_claim_that_never_started_does_not_keep_others_out_for_good(
    context: ClaimContext, again: str
) -> None:
    engine(context).lose_next = True
    claim_reconcile(context, spec(), "")
    make_old(context)
    if again == "a removal":
        assert claim_delete(context, "demo", "") is not None
    else:
        claim_reconcile(context, spec(2 if again == "the same spec" else 3), "")
    assert [instance for _, instance in engine(context).starts] == ["demo-000002"]
    assert context.store.result(RunRef(cluster="demo", generation=1)) is not None


def test_a_removal_that_never_started_does_not_keep_a_launch_out(context: ClaimContext) -> None:
    first = claim_reconcile(context, spec(), "")
    engine(context).states[first.operation.instance_id] = "COMPLETED"
    engine(context).lose_next = True
    claim_delete(context, "demo", "")
    with pytest.raises(BusyError):
        claim_reconcile(context, spec(), "")
    make_old(context)
    assert claim_reconcile(context, spec(), "").operation.generation == 3


@pytest.mark.parametrize("old", [False, True])
def test_a_removal_that_could_not_ask_the_run_to_end_asks_when_it_is_sent_again(
    context: ClaimContext, *, old: bool
) -> None:
    run = claim_reconcile(context, spec(), "")
    engine(context).before = cancels_fail
    with pytest.raises(EngineAwayError):
        claim_delete(context, "demo", "")
    engine(context).before = lambda _: None
    if old:
        make_old(context)
    with pytest.raises(BusyError):  # the run before still runs
        claim_reconcile(context, spec(3), "")
    again = claim_delete(context, "demo", "")
    assert again is not None
    assert (again.joined, again.operation.generation) == (True, 2)
    assert engine(context).raised == [(run.operation.instance_id, "cancel")]
    assert engine(context).starts[-1] == ("delete_cluster", "demo-000002")


def test_a_claim_of_a_caller_that_comes_again_is_started_however_old(context: ClaimContext) -> None:
    engine(context).lose_next = True
    claim_reconcile(context, spec(), "")
    make_old(context)
    for _ in range(2):
        start_lost_claim(context, context.store.need_record("demo")[0])
    assert engine(context).starts == [("reconcile_cluster", "demo-000001")]


def test_a_removal_whose_start_was_lost_cancels_what_runs_before_it_is_started(
    context: ClaimContext,
) -> None:
    claim_reconcile(context, spec(), "ada")
    engine(context).before = cancels_fail
    with pytest.raises(EngineAwayError):
        claim_delete(context, "demo", "ada")
    engine(context).before = lambda _: None
    start_lost_claim(context, context.store.need_record("demo")[0])
    assert engine(context).raised == [("demo-000001", "cancel")]
    assert engine(context).starts[1:] == [("delete_cluster", "demo-000002")]


def cancels_fail(method: str) -> None:
    if method == "raise_event":
        raise EngineAwayError("UNAVAILABLE")


def make_old(context: ClaimContext) -> None:
    record, etag = context.store.need_record("demo")
    assert record.operation is not None
    long_ago = record.operation.model_copy(update={"started_at": "2026-01-01T00:00:00.000+00:00"})
    context.store.save_record(record.model_copy(update={"operation": long_ago}), etag)
