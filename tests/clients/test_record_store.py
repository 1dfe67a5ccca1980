"""Records: what a listing knows of them, what cannot be read, and the way out of that."""

import json
from typing import Any, cast
from urllib.parse import quote, unquote

import pytest

from clients.azure.blobs import Conflict
from clients.errors import Refused, Transient
from clients.record_store import ReadableRecordError, UnreadableRecord
from clients.record_summary import SUMMARY, RecordSummary
from clients.store import Store
from clients.stored_documents import UNREADABLE
from cluster.contracts import FinishInput
from cluster.outcomes import Cause
from cluster.record import ClaimedOperation, ClusterRecord, PlannedNode
from tests.runs.memory import MemoryBlobs

RECORD = "clusters/demo/record.json"


class CountedBlobs(MemoryBlobs):
    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []

    def read(self, name: str) -> tuple[bytes, str] | None:
        self.reads.append(name)
        return super().read(name)


@pytest.fixture
def blobs() -> CountedBlobs:
    return CountedBlobs()


@pytest.fixture
def store(blobs: Any) -> Store:
    return Store(blobs)


def operation(**changes: Any) -> dict[str, Any]:
    whole = ClaimedOperation(
        generation=1,
        kind="reconcile",
        instance_id="demo-000001",
        started_at="2026-11-29T12:00:00.000+00:00",
    )
    return whole.model_dump() | changes


def test_a_listing_reads_no_record_that_this_version_wrote(
    store: Store, blobs: CountedBlobs
) -> None:
    cause = Cause(code="QuotaExceeded", message="m")
    record = ClusterRecord(name="demo", uid="1", group="Team.Ä", state="failed", cause=cause)
    store.create_record(record)
    store.create_record(ClusterRecord(name="gone", uid="2", state="deleted", generation=4))
    blobs.write("clusters/demo/runs/000001/plan.json", b"{}")
    listed = {one.name: one for one in store.records()}
    assert blobs.reads == []
    assert listed["demo"] == RecordSummary(
        name="demo", state="failed", group="Team.Ä", cause="QuotaExceeded"
    )
    assert listed["gone"] == RecordSummary(name="gone", state="deleted", generation=4)


def test_a_summary_changes_with_its_record(store: Store) -> None:
    etag = store.create_record(ClusterRecord(name="demo", uid="1"))
    store.save_record(ClusterRecord(name="demo", uid="1", state="ready"), etag)
    assert [one.state for one in store.records() if isinstance(one, RecordSummary)] == ["ready"]


@pytest.mark.parametrize("summary", ["", "{", "%7B%7D", "%00", '{"name":"other","content":"x"}'])
def test_a_record_without_a_valid_summary_is_read_once(
    store: Store, blobs: CountedBlobs, summary: str
) -> None:
    content = ClusterRecord(name="demo", uid="1", state="ready").model_dump_json().encode()
    blobs.write(RECORD, content, metadata={SUMMARY: summary} if summary else {})
    for _ in range(2):
        assert store.records() == [RecordSummary(name="demo", state="ready")]
    assert blobs.reads == [RECORD]


class SlowBlobs(CountedBlobs):
    """A storage that has time for some reads only, until it is given more."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    def read(self, name: str) -> tuple[bytes, str] | None:
        if self.left == 0:
            raise Transient("the time of one execution was not enough")
        self.left -= 1
        return super().read(name)


def test_a_list_that_its_time_limit_ended_goes_on_where_it_ended() -> None:
    """Otherwise the records of an older version could be too many for every list."""
    blobs = SlowBlobs(30)
    store = Store(cast(Any, blobs))
    names = [f"demo-{number}" for number in range(50)]
    for name in names:
        record = ClusterRecord(name=name, uid="1", state="ready")
        blobs.write(f"clusters/{name}/record.json", record.model_dump_json().encode())
    with pytest.raises(Transient):
        store.records()
    assert len(blobs.reads) == 30
    blobs.left = 20
    assert {one.name for one in store.records()} == set(names)
    assert sorted(blobs.reads) == sorted(f"clusters/{name}/record.json" for name in names)


@pytest.mark.parametrize("mark", ["complete", "fields"])
def test_a_summary_of_a_version_with_fewer_fields_is_not_used(
    store: Store, blobs: CountedBlobs, mark: str
) -> None:
    spec = {"playbook": {"through": "runtime"}}
    slot = PlannedNode(name="demo-etcd-0", role="etcd", pool="etcd", index=0, address="10.0.2.4")
    record = ClusterRecord(name="demo", uid="1", state="ready", spec=spec, slots=(slot,))
    store.create_record(record)
    wanted = [RecordSummary(name="demo", state="ready", stops_after="runtime", nodes=1)]
    assert (store.records(), blobs.reads) == (wanted, [])
    content, _ = MemoryBlobs.read(blobs, RECORD) or (b"", "")
    older = json.loads(unquote(next(iter(blobs.listed(RECORD))).metadata[SUMMARY]))
    del older["nodes"], older["fields"]
    older[mark] = 8
    blobs.write(RECORD, content, metadata={SUMMARY: quote(json.dumps(older))})
    assert (store.records(), blobs.reads) == (wanted, [RECORD])


def test_a_record_that_was_replaced_under_its_summary_is_read(
    store: Store, blobs: CountedBlobs
) -> None:
    store.create_record(ClusterRecord(name="demo", uid="1", state="ready"))
    kept = next(iter(blobs.listed(RECORD))).metadata
    other = ClusterRecord(name="demo", uid="1", state="failed").model_dump_json().encode()
    blobs.write(RECORD, other, metadata=kept)
    assert store.records() == [RecordSummary(name="demo", state="failed")]


def test_a_summary_is_added_to_a_record_of_an_older_version(
    store: Store, blobs: CountedBlobs
) -> None:
    content = ClusterRecord(name="demo", uid="1", state="ready").model_dump_json().encode()
    blobs.write(RECORD, content)
    assert [store.add_summary(blob) for blob in store.listed_records()] == [True]
    assert [store.add_summary(blob) for blob in store.listed_records()] == [False]
    blobs.reads.clear()
    assert store.records() == [RecordSummary(name="demo", state="ready")]
    assert blobs.reads == []
    assert MemoryBlobs.read(blobs, RECORD) == (content, '"2"')


UNREADABLES = {
    "truncated": b'{"name":"demo","uid":"1","sta',
    "empty": b"",
    "not UTF-8": b'{"name":"demo","uid":"\xff"}',
    "a list": b"[]",
    "deep": b"[" * 100_000,
    "of another cluster": b'{"name":"other","uid":"1"}',
    "of a later version": b'{"name":"demo","uid":"1","operation":[1]}',
    "without an instance": json.dumps(
        {"name": "demo", "uid": "1", "operation": operation(instance_id="x")}
    ).encode(),
    "with the instance of another": json.dumps(
        {"name": "demo", "uid": "1", "operation": operation(instance_id="other-000001")}
    ).encode(),
    "without a time": json.dumps(
        {"name": "demo", "uid": "1", "operation": operation(started_at="yesterday")}
    ).encode(),
    "with generation 0": json.dumps(
        {"name": "demo", "uid": "1", "operation": operation(generation=0)}
    ).encode(),
}


@pytest.mark.parametrize("content", UNREADABLES.values(), ids=UNREADABLES.keys())
def test_an_unreadable_record_is_listed_and_can_be_forgotten(
    store: Store, blobs: CountedBlobs, content: bytes
) -> None:
    blobs.write(RECORD, content)
    store.create_record(ClusterRecord(name="sound", uid="1", state="ready"))
    odd, sound = sorted(store.records(), key=lambda one: one.name)
    assert isinstance(odd, UnreadableRecord)
    assert (odd.name, odd.refusal.code, sound.name) == ("demo", UNREADABLE, "sound")
    with pytest.raises(Refused, match=UNREADABLE):
        store.record("demo")
    copy = store.forget_record("demo")
    assert copy is not None
    assert (blobs.read(copy) or (b"", ""))[0] == content
    assert store.record("demo") is None
    assert [one.name for one in store.records()] == ["sound"]
    assert store.forget_record("demo") is None


def test_a_record_that_can_be_read_is_not_forgotten(store: Store) -> None:
    record = ClusterRecord(name="demo", uid="1", operation=ClaimedOperation(**operation()))
    store.create_record(record)
    with pytest.raises(ReadableRecordError):
        store.forget_record("demo")
    assert store.record("demo") is not None


def test_a_record_that_is_repaired_while_it_is_forgotten_stays(
    store: Store, blobs: CountedBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.write(RECORD, b"{")
    write = blobs.write

    def repairing(name: str, data: bytes, **more: Any) -> str:
        if name.startswith("forgotten/"):
            write(RECORD, b'{"name":"demo","uid":"1"}')
        return write(name, data, **more)

    monkeypatch.setattr(blobs, "write", repairing)
    with pytest.raises(Conflict):
        store.forget_record("demo")
    assert store.record("demo") is not None


def test_a_time_without_a_zone_is_in_utc(store: Store, blobs: CountedBlobs) -> None:
    found = operation(started_at="2026-11-29T12:00:00")
    blobs.write(
        RECORD, json.dumps({"name": "demo", "uid": "1", "operation": found, "later": 5}).encode()
    )
    record = store.need_record("demo")[0]
    assert record.operation is not None
    assert record.operation.started_at == "2026-11-29T12:00:00.000+00:00"
    assert record.model_extra == {"later": 5}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b'{"cluster":5}'])
def test_a_result_that_cannot_be_read_is_a_failure_with_a_next_step(
    store: Store, blobs: CountedBlobs, content: bytes
) -> None:
    ref = FinishInput(cluster="demo", generation=1, result="succeeded")
    blobs.write("clusters/demo/runs/000001/result.json", content)
    found = store.result(ref)
    assert found is not None
    assert found.cause is not None
    assert (found.result, found.cause.code) == ("failed", "ResultUnreadable")
    assert found.cause.next_step
    assert store.has_ended(ref)
