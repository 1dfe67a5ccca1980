"""What a restore does on the members of etcd, whatever of it was done before."""

from collections.abc import Iterator
from typing import Any

import pytest

from clients.errors import Transient
from clients.ssh.controller import Completed
from cluster.applied import AppliedEntry
from cluster.contracts import (
    AWAIT_KUBELETS,
    PLAN_RESTORE,
    PREPARE_RESTORE,
    REPLACE_DATA,
    START_API_SERVERS,
    START_MEMBERS,
    STOP_API_SERVERS,
    UNDO_RESTORE,
)
from lab.simulation.connections import Node
from lab.simulation.run import Scenario, simulation
from lab.simulation.storage import SIGNATURE
from tests.activities.backed_up import blobs, etcd
from tests.activities.restored import AFTER, BACKUP, BEFORE, MEMBERS, restoring, until_done
from tests.activities.world import World


@pytest.fixture
def world() -> Iterator[World]:
    """A restore that is claimed, of a cluster in which something was written since the backup."""
    with simulation(Scenario(8, cluster="shop", pool="worker")) as made:
        yield restoring(made)


def held(world: World) -> set[bytes]:
    members = etcd(world)
    return {members.data.get(member, (0, members.content))[1] for member in MEMBERS}


def test_each_activity_may_run_twice(world: World) -> None:
    first, again = world.twice(PLAN_RESTORE)
    assert first == again
    assert first.backup == BACKUP
    world.twice(PREPARE_RESTORE, backup=BACKUP)
    assert len(etcd(world).downloads) == len(MEMBERS)
    assert until_done(world, STOP_API_SERVERS).state == "done"
    assert held(world) == {AFTER}
    first, again = world.twice(REPLACE_DATA)
    assert first == again
    assert set(first.aside) == set(MEMBERS)
    assert etcd(world).stopped == set(MEMBERS)
    first, again = world.twice(START_MEMBERS)
    assert first.revision == again.revision == 1_000_000_042
    assert until_done(world, START_API_SERVERS).state == "done"
    first, again = world.twice(AWAIT_KUBELETS)
    assert (first.ready, first.total) == (again.ready, again.total) == (5, 5)
    assert held(world) == {BEFORE}


def test_each_restore_goes_to_a_higher_revision_than_any_before(world: World) -> None:
    """Also of the same backup: whoever saw what came after the first restore must read again."""
    world.call(PLAN_RESTORE)
    record, etag = world.services.store.need_record("shop")
    reached: list[int] = []
    for day in ("2026-11-30", "2026-12-01"):
        operation = record.operation.model_copy(update={"started_at": f"{day}T12:00:00+00:00"})
        changed = record.model_copy(update={"operation": operation})
        etag = world.services.store.save_record(changed, etag)
        etcd(world).prepared.clear()
        world.twice(PREPARE_RESTORE, backup=BACKUP)
        assert len(set(etcd(world).bumps)) == 1
        reached.append(42 + etcd(world).bumps[0])
        etcd(world).bumps.clear()
    assert reached[1] - reached[0] == 24 * 3600 * 1000
    assert reached[0] > 1_000_000_000


def test_a_member_that_does_not_answer_keeps_all_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.call(PLAN_RESTORE)
    run = Node.run

    def away(node: Node, *args: Any, **more: Any) -> Completed:
        if node.name == MEMBERS[1]:
            raise Transient("10.0.2.5 does not answer")
        return run(node, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Node, "run", away)
        result = world.call(PREPARE_RESTORE, backup=BACKUP)
        assert result.state == "wait"
        assert MEMBERS[1] in result.notes[0]
        assert SIGNATURE not in result.model_dump_json()
    assert world.call(PREPARE_RESTORE, backup=BACKUP).state == "done"
    assert len(etcd(world).downloads) == len(MEMBERS)


def test_a_start_needs_the_new_data_on_every_member(world: World) -> None:
    world.call(PLAN_RESTORE)
    world.call(PREPARE_RESTORE, backup=BACKUP)
    world.call(REPLACE_DATA)
    etcd(world).data.pop(MEMBERS[2])
    result = world.call(START_MEMBERS)
    assert result.state == "wait"
    assert MEMBERS[2] in result.notes[0]


def test_an_undo_after_the_first_member_has_the_new_data_changes_nothing(world: World) -> None:
    world.call(PLAN_RESTORE)
    world.call(PREPARE_RESTORE, backup=BACKUP)
    until_done(world, STOP_API_SERVERS)
    members = etcd(world)
    members.data[MEMBERS[0]] = members.prepared.pop(MEMBERS[0])
    members.stopped = set(MEMBERS)
    assert world.call(UNDO_RESTORE).restored
    assert members.stopped == set(MEMBERS)
    assert world.simulation.fleet.kubernetes.away


def test_an_undo_starts_etcd_and_the_api_servers(world: World) -> None:
    world.call(PLAN_RESTORE)
    world.call(PREPARE_RESTORE, backup=BACKUP)
    until_done(world, STOP_API_SERVERS)
    first, again = world.twice(UNDO_RESTORE)
    assert not first.restored
    assert not again.restored
    assert not world.simulation.fleet.kubernetes.away
    assert not etcd(world).prepared
    assert held(world) == {AFTER}


def test_a_snapshot_that_changed_after_the_plan_is_refused_by_the_members(world: World) -> None:
    world.call(PLAN_RESTORE)
    record, _ = world.services.store.need_record("shop")
    blob = f"backups/shop/{record.uid}/{BACKUP}.db"
    world.services.store.blobs.write(blob, BEFORE[::-1])
    assert blobs(world)[f"{BACKUP}.db"] == BEFORE[::-1]
    result = world.call(PREPARE_RESTORE, backup=BACKUP)
    assert (result.state, result.cause.code) == ("refused", "BackupDamaged")
    assert "another backup" in result.cause.next_step


def test_what_stages_put_into_kubernetes_is_put_back_by_the_next_operation(world: World) -> None:
    world.call(PLAN_RESTORE)
    stages = ("base", "etcd", "nodes", "control-plane", "workers", "add-ons", "verify")
    nodes = tuple(slot.name for slot in world.plan.nodes)
    entries = tuple(
        AppliedEntry(stage=stage, fingerprint="same", day="2026-11-30", nodes=nodes)
        for stage in stages
    )
    store = world.services.store
    store.change_applied("shop", lambda old: old.model_copy(update={"entries": entries}))
    world.call(PREPARE_RESTORE, backup=BACKUP)
    assert store.applied("shop").entries == entries
    world.twice(REPLACE_DATA)
    kept = {
        entry.stage
        for entry in store.applied("shop").entries
        for n in entry.nodes
        if n[5:9] != "etcd"
    }
    assert kept == {"base", "etcd"}
