"""Claims whose run was never started: who starts it later, and whom it keeps out."""

import pytest

from cluster.contracts import RunRef
from runs.claims import Desk, claim_delete, claim_reconcile, start_lost_claim
from runs.engine import EngineAwayError
from runs.previous import BusyError
from tests.runs.memory import engine, new_desk, spec


@pytest.fixture
def desk() -> Desk:
    return new_desk()


@pytest.mark.parametrize("again", ["the same spec", "another spec", "a removal"])
def test_a_claim_that_never_started_does_not_keep_others_out_for_good(
    desk: Desk, again: str
) -> None:
    engine(desk).lose_next = True
    claim_reconcile(desk, spec(), "")
    make_old(desk)
    if again == "a removal":
        assert claim_delete(desk, "demo", "") is not None
    else:
        claim_reconcile(desk, spec(2 if again == "the same spec" else 3), "")
    assert [instance for _, instance in engine(desk).starts] == ["demo-000002"]
    assert desk.store.result(RunRef(cluster="demo", generation=1)) is not None


def test_a_removal_that_never_started_does_not_keep_a_launch_out(desk: Desk) -> None:
    first = claim_reconcile(desk, spec(), "")
    engine(desk).states[first.operation.instance_id] = "COMPLETED"
    engine(desk).lose_next = True
    claim_delete(desk, "demo", "")
    with pytest.raises(BusyError):
        claim_reconcile(desk, spec(), "")
    make_old(desk)
    assert claim_reconcile(desk, spec(), "").operation.generation == 3


@pytest.mark.parametrize("old", [False, True])
def test_a_removal_that_could_not_ask_the_run_to_end_asks_when_it_is_sent_again(
    desk: Desk, *, old: bool
) -> None:
    run = claim_reconcile(desk, spec(), "")
    engine(desk).before = cancels_fail
    with pytest.raises(EngineAwayError):
        claim_delete(desk, "demo", "")
    engine(desk).before = lambda _: None
    if old:
        make_old(desk)
    with pytest.raises(BusyError):  # the run before still runs
        claim_reconcile(desk, spec(3), "")
    again = claim_delete(desk, "demo", "")
    assert again is not None
    assert (again.joined, again.operation.generation) == (True, 2)
    assert engine(desk).raised == [(run.operation.instance_id, "cancel")]
    assert engine(desk).starts[-1] == ("delete_cluster", "demo-000002")


def test_a_claim_of_a_caller_that_comes_again_is_started_however_old(desk: Desk) -> None:
    engine(desk).lose_next = True
    claim_reconcile(desk, spec(), "")
    make_old(desk)
    for _ in range(2):
        start_lost_claim(desk, desk.store.need_record("demo")[0])
    assert engine(desk).starts == [("reconcile_cluster", "demo-000001")]


def test_a_removal_whose_start_was_lost_cancels_what_runs_before_it_is_started(desk: Desk) -> None:
    claim_reconcile(desk, spec(), "ada")
    engine(desk).before = cancels_fail
    with pytest.raises(EngineAwayError):
        claim_delete(desk, "demo", "ada")
    engine(desk).before = lambda _: None
    start_lost_claim(desk, desk.store.need_record("demo")[0])
    assert engine(desk).raised == [("demo-000001", "cancel")]
    assert engine(desk).starts[1:] == [("delete_cluster", "demo-000002")]


def cancels_fail(method: str) -> None:
    if method == "raise_event":
        raise EngineAwayError("UNAVAILABLE")


def make_old(desk: Desk) -> None:
    record, etag = desk.store.need_record("demo")
    assert record.operation is not None
    long_ago = record.operation.model_copy(update={"started_at": "2026-01-01T00:00:00.000+00:00"})
    desk.store.save_record(record.model_copy(update={"operation": long_ago}), etag)
