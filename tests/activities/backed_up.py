"""A cluster on simulated services whose launch has ended, and a claimed backup of it."""

from typing import Any

from cluster.backups import Backup
from cluster.contracts import FINISH_RUN, PLAN_BACKUP, PRUNE_BACKUPS, TAKE_BACKUP
from lab.simulation.run import Simulation
from tests.activities.world import World


def launched(made: Simulation) -> World:
    """The launch has ended, and its nodes have reported."""
    made.apply()
    world = World(made)
    plan = world.deployed()
    world.services.store.add_node_states(world.ref, {slot.name: "ready" for slot in plan.nodes})
    end(world)
    return world


def end(world: World) -> None:
    world.call(FINISH_RUN, result="succeeded", finished_at="2026-01-05T09:00:00Z")


def begin(world: World) -> None:
    """Claims and plans the next backup."""
    world.simulation.back_up()
    world.generation += 1
    world.call(PLAN_BACKUP)


def back_up(world: World, content: bytes = b"keys and values") -> None:
    """Takes a whole backup."""
    begin(world)
    etcd(world).content = content
    assert world.call(TAKE_BACKUP).state == "done"
    assert world.call(PRUNE_BACKUPS).state == "done"
    end(world)


def etcd(world: World) -> Any:
    return world.simulation.fleet.etcd


def blobs(world: World) -> dict[str, bytes]:
    """The blobs of the cluster's backups, by the last part of their name."""
    found = world.services.store.blobs.content.items()
    return {n.rpartition("/")[2]: data for n, (data, _) in found if n.startswith("backups/")}


def backups(world: World) -> list[Backup]:
    record, _ = world.services.store.need_record(world.cluster)
    return world.services.store.backups(world.cluster, record.uid)
