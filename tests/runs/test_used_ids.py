"""Ids of runs that the record does not name: it was lost, or restored to an older version."""

import pytest

from cluster import names
from cluster.contracts import FinishInput, RunRef
from runs.claims import claim_delete, claim_reconcile
from runs.previous import BusyError
from runs.starts import ClaimContext
from tests.runs.memory import engine, new_context, spec

USED = RunRef(cluster="demo", generation=1)


@pytest.fixture
def context() -> ClaimContext:
    return new_context()


def restore_record(context: ClaimContext) -> None:
    """To what it was when the first run had ended."""
    claim_reconcile(context, spec(), "")
    context.store.save_result(FinishInput(cluster="demo", generation=1, result="succeeded"))
    engine(context).states["demo-000001"] = "COMPLETED"
    record, _ = context.store.need_record("demo")
    claim_reconcile(context, spec(3), "")
    assert engine(context).states["demo-000002"] == "RUNNING"
    _, etag = context.store.need_record("demo")
    context.store.save_record(record, etag)


def test_ids_that_the_engine_knows_from_before_are_not_used_again(context: ClaimContext) -> None:
    engine(context).states |= {"demo-000001": "COMPLETED", "demo-000002": "FAILED"}
    assert claim_reconcile(context, spec(), "").operation.generation == 3
    for skipped in (1, 2):
        assert context.store.result(RunRef(cluster="demo", generation=skipped)) is not None


@pytest.mark.parametrize("file", ["plan.json", "events.jsonl", "result.json", "nodes.json"])
def test_an_id_whose_history_was_purged_is_not_used_again(context: ClaimContext, file: str) -> None:
    found = FinishInput(cluster="demo", generation=1, result="succeeded")
    content = found.model_dump_json().encode() if file == "result.json" else b"{}"
    context.store.blobs.write(names.run_blob("demo", 1, file), content)
    claim = claim_reconcile(context, spec(), "")
    assert engine(context).starts == [("reconcile_cluster", "demo-000002")]
    assert context.store.result(RunRef(cluster="demo", generation=2)) is None
    assert claim.operation.instance_id == "demo-000002"
    ended = context.store.result(USED)
    assert ended is not None
    assert ended.result == ("succeeded" if file == "result.json" else "failed")


def test_the_engine_is_not_asked_about_ids_whose_runs_have_results(context: ClaimContext) -> None:
    for generation in range(1, 51):
        ended = FinishInput(cluster="demo", generation=generation, result="succeeded")
        context.store.save_result(ended)
    asked: list[str] = []
    engine(context).before = asked.append
    assert claim_reconcile(context, spec(), "").operation.generation == 51
    assert asked == ["status", "start"]


def test_an_id_that_was_never_used_does_not_hide_a_later_run_in_progress(
    context: ClaimContext,
) -> None:
    context.store.blobs.write(names.run_blob("demo", 3, "plan.json"), b"{}")
    engine(context).states["demo-000003"] = "RUNNING"
    with pytest.raises(BusyError) as refused:
        claim_reconcile(context, spec(), "")
    assert refused.value.instance_id == "demo-000003"


@pytest.mark.parametrize("workers", [2, 3])
def test_a_launch_is_refused_while_a_run_is_in_progress_that_the_record_does_not_name(
    context: ClaimContext, workers: int
) -> None:
    restore_record(context)
    before = context.store.need_record("demo")
    with pytest.raises(BusyError) as refused:
        claim_reconcile(context, spec(workers), "")
    assert refused.value.instance_id == "demo-000002"
    assert context.store.need_record("demo") == before
    assert context.store.result(RunRef(cluster="demo", generation=2)) is None
    assert [instance for _, instance in engine(context).starts] == ["demo-000001", "demo-000002"]


def test_a_removal_cancels_every_earlier_run_in_progress(context: ClaimContext) -> None:
    restore_record(context)
    removal = claim_delete(context, "demo", "")
    assert removal is not None
    assert removal.operation.generation == 3
    assert engine(context).raised == [("demo-000002", "cancel")]
    assert context.store.without_result(RunRef(cluster="demo", generation=3)) == [
        RunRef(cluster="demo", generation=2)
    ]


def test_a_removal_that_never_started_keeps_a_launch_out_while_an_earlier_run_is_in_progress(
    context: ClaimContext,
) -> None:
    restore_record(context)
    # The run that goes on is not the one just before.
    engine(context).states["demo-000003"] = "FAILED"
    engine(context).lose_next = True
    removal = claim_delete(context, "demo", "")
    assert removal is not None
    assert removal.operation.generation == 4
    record, etag = context.store.need_record("demo")
    assert record.operation is not None
    old = record.operation.model_copy(update={"started_at": "2026-01-01T00:00:00.000+00:00"})
    context.store.save_record(record.model_copy(update={"operation": old}), etag)
    with pytest.raises(BusyError):
        claim_reconcile(context, spec(), "")


def claim_before(context: ClaimContext, method: str, instance_id: str) -> None:
    """Another caller's claim and start, once, just before the backend is asked for this id."""
    status, kept_runs = context.engine.status, context.store.kept_runs

    def others_claim() -> None:
        engine(context).status = status  # type: ignore[method-assign]
        context.store.kept_runs = kept_runs  # type: ignore[method-assign]
        claim_reconcile(context, spec(), "ada")
        context.store.blobs.append_at(names.run_blob("demo", 1, "events.jsonl"), 0, b"told")

    def asked_for_status(asked: str) -> str | None:
        if asked == instance_id:
            others_claim()
        return status(asked)

    def asked_for_traces(cluster: str) -> dict[int, bool]:
        others_claim()
        return kept_runs(cluster)

    if method == "status":
        engine(context).status = asked_for_status  # type: ignore[method-assign]
    else:
        context.store.kept_runs = asked_for_traces  # type: ignore[method-assign]


@pytest.mark.parametrize("method", ["status", "kept_runs"])
def test_a_launch_joins_the_same_one_that_starts_while_it_looks_for_an_id(
    context: ClaimContext, method: str
) -> None:
    claim_before(context, method, "demo-000001")
    claim = claim_reconcile(context, spec(), "bob")
    assert (claim.joined, claim.operation.generation) == (True, 1)
    assert engine(context).starts == [("reconcile_cluster", "demo-000001")]
    assert context.store.result(USED) is None


@pytest.mark.parametrize("method", ["status", "kept_runs"])
def test_another_launch_is_refused_as_busy_with_the_one_that_starts_meanwhile(
    context: ClaimContext, method: str
) -> None:
    claim_before(context, method, "demo-000001")
    with pytest.raises(BusyError) as refused:
        claim_reconcile(context, spec(3), "bob")
    assert "started at" in refused.value.advice
    assert context.store.result(USED) is None
