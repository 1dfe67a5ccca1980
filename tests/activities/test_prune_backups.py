"""prune_backups: how many backups are left, and which ones never go."""

from collections.abc import Iterator

import pytest

from cluster.contracts import PRUNE_BACKUPS, TAKE_BACKUP
from lab.simulation.run import Scenario, simulation
from tests.activities.backed_up import back_up, backups, begin, blobs, end, etcd, launched
from tests.activities.world import World


@pytest.fixture
def world() -> Iterator[World]:
    scenario = Scenario(8, cluster="shop", pool="worker", spec={"backups": {"keep": 2}})
    with simulation(scenario) as made:
        yield launched(made)


def ids(world: World) -> list[str]:
    return [backup.id for backup in backups(world)]


def test_the_newest_are_kept_and_a_repeat_changes_nothing(world: World) -> None:
    for _ in range(3):
        back_up(world)
    begin(world)
    world.call(TAKE_BACKUP)
    first, again = world.twice(PRUNE_BACKUPS)
    assert (first.count, first.removed) == (1, ("000003",))
    assert (again.count, again.removed) == (0, ())
    assert ids(world) == ["000005", "000004"]
    assert set(blobs(world)) == {"000004.db", "000004.json", "000005.db", "000005.json"}


def test_a_backup_whose_snapshot_is_damaged_is_none_of_those_to_keep(world: World) -> None:
    """The two whole ones stay, although a newer one exists."""
    for _ in range(3):
        back_up(world)
    record, _ = world.services.store.need_record(world.cluster)
    world.services.store.blobs.write(f"backups/shop/{record.uid}/000004.db", b"damaged")
    back_up(world)
    assert ids(world) == ["000005", "000004", "000003"]


def test_without_a_whole_backup_nothing_is_removed(world: World) -> None:
    back_up(world)
    record, _ = world.services.store.need_record(world.cluster)
    begin(world)
    world.services.store.blobs.delete(f"backups/shop/{record.uid}/000002.db")
    etcd(world).left[("shop-etcd-0", "000001")] = b"of a backup that was cancelled"
    assert world.call(PRUNE_BACKUPS).count == 0
    assert ids(world) == ["000002"]
    assert etcd(world).left == {}


def test_while_fewer_are_whole_than_are_kept_nothing_is_removed() -> None:
    """Another version wrote some descriptions, and their snapshots may be good."""
    scenario = Scenario(8, cluster="shop", pool="worker", spec={"backups": {"keep": 5}})
    with simulation(scenario) as made:
        world = launched(made)
        for _ in range(3):
            back_up(world)
        record, _ = world.services.store.need_record(world.cluster)
        for one in ("000002", "000004"):
            world.services.store.blobs.write(f"backups/shop/{record.uid}/{one}.json", b'{"id": 7}')
        back_up(world)
        assert {f"00000{number}.db" for number in (2, 3, 4, 5)} <= set(blobs(world))


def test_what_failed_runs_left_goes_once_it_is_older_than_those_that_are_kept(
    world: World,
) -> None:
    """A snapshot that nothing describes, and a description that this version cannot read."""
    record, _ = world.services.store.need_record(world.cluster)
    folder = f"backups/shop/{record.uid}"
    back_up(world)
    begin(world)
    world.services.store.blobs.write(f"{folder}/000003.db", b"from a run that failed")
    world.services.store.blobs.write(f"{folder}/000003.json", b"[]")
    end(world)
    back_up(world)
    assert {"000002.db", "000003.db", "000003.json", "000004.db"} <= set(blobs(world))
    back_up(world)
    assert set(blobs(world)) == {"000004.db", "000004.json", "000005.db", "000005.json"}


def test_snapshots_do_not_stay_on_the_members(world: World) -> None:
    begin(world)
    world.call(TAKE_BACKUP)
    assert etcd(world).left
    world.call(PRUNE_BACKUPS)
    assert etcd(world).left == {}
