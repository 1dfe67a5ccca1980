"""What ages out: records of removed clusters and files of ended runs, and never a run in flight."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.record_store import to_json
from clients.record_summary import RecordSummary
from clients.time_limit import time_limit
from cluster.closing import closed
from cluster.contracts import FinishInput, RunRef
from cluster.record import ClusterRecord
from runs.aging import Aged, remove_old
from runs.claims import claim_delete, claim_reconcile
from runs.starts import ClaimContext
from tests.runs.memory import MemoryBlobs, engine, new_context, spec

NOW = datetime.now(UTC)
BEFORE = NOW - timedelta(days=365)


@pytest.fixture
def context() -> ClaimContext:
    return new_context()


def blobs(context: ClaimContext) -> MemoryBlobs:
    found: Any = context.store.blobs
    return found


def run(context: ClaimContext, kind: str = "reconcile") -> int:
    """A whole run of demo, with its files. Returns its generation."""
    claim = (
        claim_reconcile(context, spec(), "ada")
        if kind == "reconcile"
        else claim_delete(context, "demo", "ada")
    )
    assert claim is not None
    generation = claim.operation.generation
    for file in ("plan.json", "events.jsonl", "play-1.log"):
        blobs(context).write(f"clusters/demo/runs/{generation:06d}/{file}", b"{}")
    end(context, generation)
    return generation


def end(context: ClaimContext, generation: int) -> None:
    ended = FinishInput(cluster="demo", generation=generation, result="succeeded")
    context.store.save_result(ended)
    record, etag = context.store.need_record("demo")
    context.store.save_record(closed(record, ended), etag)
    engine(context).states.pop(f"demo-{generation:06d}")


def make_old(context: ClaimContext, *parts: str) -> None:
    for name in blobs(context).list(""):
        if not parts or any(part in name for part in parts):
            blobs(context).written[name] = BEFORE - timedelta(days=1)


def left(context: ClaimContext) -> list[str]:
    return [name.removeprefix("clusters/demo/") for name in blobs(context).list("")]


def age(context: ClaimContext, *tagged: str) -> Aged:
    return remove_old(context.store, context.engine, BEFORE, tagged.__contains__)


def test_what_is_young_stays(context: ClaimContext) -> None:
    for _ in range(2):
        run(context)
    run(context, "delete")
    before = left(context)
    assert age(context) == Aged()
    assert left(context) == before


def test_a_cluster_that_exists_keeps_its_latest_run_and_every_result(context: ClaimContext) -> None:
    for _ in range(3):
        run(context)
    make_old(context)
    assert age(context) == Aged(runs=2)
    assert left(context) == [
        "record.json",
        "runs/000001/result.json",
        "runs/000002/result.json",
        *(f"runs/000003/{f}" for f in ("events.jsonl", "plan.json", "play-1.log", "result.json")),
    ]
    assert age(context) == Aged()
    removal = claim_delete(context, "demo", "ada")
    assert removal is not None
    assert context.store.without_result(RunRef(cluster="demo", generation=4)) == []


def test_a_removed_cluster_goes_with_everything(context: ClaimContext) -> None:
    run(context)
    run(context, "delete")
    blobs(context).write("clusters/demo/public-keys.json", b"{}")
    make_old(context)
    assert age(context) == Aged(records=1, runs=2)
    assert left(context) == []
    assert claim_reconcile(context, spec(), "ada").operation.generation == 1


def test_a_removed_cluster_stays_as_long_as_the_engine_knows_its_last_run(
    context: ClaimContext,
) -> None:
    run(context)
    generation = run(context, "delete")
    engine(context).states[f"demo-{generation:06d}"] = "COMPLETED"
    make_old(context)
    assert age(context).records == 0
    assert "record.json" in left(context)


def removed(context: ClaimContext, **changes: Any) -> None:
    """A cluster that was removed, with an old record that has these values."""
    run(context)
    run(context, "delete")
    record, etag = context.store.need_record("demo")
    context.store.save_record(record.model_copy(update=changes), etag)
    make_old(context)


def test_a_removed_cluster_stays_known_as_long_as_its_tagged_group_was_not_deleted(
    context: ClaimContext,
) -> None:
    """Otherwise any change of the group's tags would start the cluster again."""
    removed(context, tag="small;workers=2")
    assert age(context) == Aged(runs=1)
    assert context.store.need_record("demo")[0].is_tombstone
    assert age(context) == Aged()


def test_a_removed_cluster_of_a_tagged_group_goes_once_the_group_was_deleted(
    context: ClaimContext,
) -> None:
    removed(context, tag="small", group_deleted=True)
    assert age(context).records == 1
    assert left(context) == []


def test_a_run_in_flight_is_never_touched(context: ClaimContext) -> None:
    run(context)
    claim_reconcile(context, spec(), "ada")
    blobs(context).write("clusters/demo/runs/000002/plan.json", b"{}")
    # A run that the record does not name, for example since an older record was restored.
    blobs(context).write("clusters/demo/runs/000009/plan.json", b"{}")
    engine(context).states["demo-000009"] = "RUNNING"
    make_old(context)
    age(context)
    assert {"record.json", "runs/000002/plan.json", "runs/000009/plan.json"} <= set(left(context))
    assert "runs/000001/plan.json" not in left(context)


def test_a_name_that_is_claimed_meanwhile_keeps_what_is_new(
    context: ClaimContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(context)
    run(context, "delete")
    make_old(context)
    delete = blobs(context).delete

    def claiming(name: str, **more: Any) -> None:
        if name.endswith("/record.json"):
            claim_reconcile(context, spec(), "ada")
            blobs(context).write("clusters/demo/runs/000003/plan.json", b"{}")
        delete(name, **more)

    monkeypatch.setattr(blobs(context), "delete", claiming)
    age(context)
    assert context.store.need_record("demo")[0].generation == 3
    assert "runs/000003/plan.json" in left(context)


@pytest.mark.parametrize("file", ["runs/000001/plan.json", "public-keys.json"])
def test_a_file_that_is_written_again_meanwhile_stays(
    context: ClaimContext, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    """By a cluster that got the name, and with it the numbers of the runs."""
    run(context)
    run(context, "delete")
    blobs(context).write("clusters/demo/public-keys.json", b"{}")
    make_old(context)
    delete = blobs(context).delete

    def writing(name: str, **more: Any) -> None:
        delete(name, **more)
        if name.endswith("/record.json"):
            blobs(context).write(f"clusters/demo/{file}", b"new")

    monkeypatch.setattr(blobs(context), "delete", writing)
    age(context)
    assert blobs(context).read(f"clusters/demo/{file}") is not None


def test_a_cluster_without_a_record_keeps_what_a_cluster_that_exists_keeps(
    context: ClaimContext,
) -> None:
    """Its record may have been lost: the numbers of its runs must not be used again."""
    for _ in range(3):
        run(context)
    blobs(context).write("clusters/demo/public-keys.json", b"{}")
    blobs(context).delete("clusters/demo/record.json")
    assert age(context) == Aged()
    make_old(context)
    assert age(context) == Aged(runs=2)
    assert left(context) == [
        "public-keys.json",
        "runs/000001/result.json",
        "runs/000002/result.json",
        *(f"runs/000003/{f}" for f in ("events.jsonl", "plan.json", "play-1.log", "result.json")),
    ]
    assert claim_reconcile(context, spec(), "ada").operation.generation == 4


def test_a_cluster_whose_record_was_forgotten_keeps_every_file(context: ClaimContext) -> None:
    for _ in range(2):
        run(context)
    blobs(context).write("clusters/demo/record.json", b"{")
    assert context.store.forget_record("demo") is not None
    make_old(context)
    before = left(context)
    assert age(context) == Aged()
    assert left(context) == before


def test_the_forgotten_record_of_another_cluster_keeps_nothing(context: ClaimContext) -> None:
    for _ in range(2):
        run(context)
    blobs(context).delete("clusters/demo/record.json")
    blobs(context).write("forgotten/demo-2/20261129T120000.000000Z.json", b"{")
    make_old(context)
    assert age(context) == Aged(runs=1)


def test_an_unreadable_record_is_left_with_its_files_and_harms_no_other(
    context: ClaimContext, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        run(context)
    blobs(context).write("clusters/damaged/record.json", b"{")
    blobs(context).write("clusters/damaged/runs/000001/plan.json", b"{}")
    make_old(context)
    assert age(context) == Aged(runs=1)
    assert "damaged" in caplog.text
    assert {"clusters/damaged/record.json", "clusters/damaged/runs/000001/plan.json"} <= set(
        left(context)
    )


def test_a_record_of_an_older_version_gets_its_summary(context: ClaimContext) -> None:
    record = ClusterRecord(name="demo", uid="1", state="ready")
    blobs(context).write("clusters/demo/record.json", to_json(record))
    assert age(context) == Aged(summaries=1)
    assert context.store.records() == [RecordSummary(name="demo", state="ready")]


@pytest.mark.parametrize("first", [0, 3, 30, 738_000])
def test_every_cluster_has_its_turn_wherever_a_call_begins(
    context: ClaimContext, first: int
) -> None:
    for _ in range(2):
        run(context)
    make_old(context)
    assert remove_old(context.store, context.engine, BEFORE, lambda _: False, first) == Aged(runs=1)


def test_a_call_ends_in_time(context: ClaimContext) -> None:
    for _ in range(2):
        run(context)
    make_old(context)
    with time_limit(1.0):
        assert age(context) == Aged(complete=False)
