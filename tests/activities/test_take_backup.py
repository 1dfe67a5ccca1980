"""take_backup: a snapshot from a member into storage, whatever of it was done before."""

from collections.abc import Iterator

import pytest

from clients.errors import Transient
from cluster.contracts import TAKE_BACKUP
from lab.simulation.run import Scenario, simulation
from lab.simulation.storage import SIGNATURE
from tests.activities.backed_up import backups, begin, blobs, etcd, launched
from tests.activities.world import World

MEMBERS = ("shop-etcd-0", "shop-etcd-1", "shop-etcd-2")


@pytest.fixture
def world() -> Iterator[World]:
    with simulation(Scenario(8, cluster="shop", pool="worker")) as made:
        ready = launched(made)
        begin(ready)
        yield ready


def test_a_repeat_finds_the_backup_and_uploads_nothing(world: World) -> None:
    first, again = world.twice(TAKE_BACKUP)
    assert first == again
    assert (first.state, first.id, first.member) == ("done", "000002", MEMBERS[0])
    assert len(etcd(world).uploads) == 1
    (backup,) = backups(world)
    assert (backup.bytes, backup.revision, backup.keys) == (15, 42, 17)
    assert blobs(world)["000002.db"] == b"keys and values"


def test_a_result_that_was_lost_before_the_description_continues_with_the_same_blob(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = world.services.store
    with monkeypatch.context() as patched:

        def lost(_: object) -> None:
            raise Transient("storage does not answer")

        patched.setattr(store, "keep_backup", lost)
        assert world.call(TAKE_BACKUP).state == "wait"
    assert backups(world) == []
    etcd(world).content = b"later values"
    assert world.call(TAKE_BACKUP).state == "done"
    assert len(etcd(world).uploads) == 1
    assert blobs(world)["000002.db"] == b"keys and values"


def test_a_blob_of_another_member_is_replaced_before_anything_describes_it(world: World) -> None:
    record, _ = world.services.store.need_record(world.cluster)
    name = f"backups/shop/{record.uid}/000002.db"
    world.services.store.blobs.write(name, b"another member's")
    assert world.call(TAKE_BACKUP).state == "done"
    assert blobs(world)["000002.db"] == b"keys and values"


def test_the_next_member_is_asked_if_one_is_not_healthy(world: World) -> None:
    etcd(world).unhealthy = {MEMBERS[0]: "no leader"}
    assert world.call(TAKE_BACKUP).member == MEMBERS[1]


def test_without_a_healthy_member_the_run_waits_and_says_why(world: World) -> None:
    etcd(world).unhealthy = dict.fromkeys(MEMBERS, "no leader")
    result = world.call(TAKE_BACKUP)
    assert result.state == "wait"
    assert all(member in result.notes[0] for member in MEMBERS)
    assert blobs(world) == {}


def test_what_storage_refuses_is_told_without_the_address(world: World) -> None:
    etcd(world).refusal = "403 AuthorizationFailure"
    result = world.call(TAKE_BACKUP)
    assert result.state == "wait"
    assert "403 AuthorizationFailure" in result.notes[0]
    assert SIGNATURE in etcd(world).uploads[0]
    assert SIGNATURE not in result.model_dump_json()
    assert backups(world) == []


def test_other_bytes_than_the_snapshots_are_no_backup(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs_client = world.services.store.blobs
    write = blobs_client.write

    def cut(name: str, data: bytes, **more: object) -> str:
        return write(name, data[:-1] if name.endswith(".db") else data, **more)

    monkeypatch.setattr(blobs_client, "write", cut)
    assert world.call(TAKE_BACKUP).state == "wait"
    assert backups(world) == []
