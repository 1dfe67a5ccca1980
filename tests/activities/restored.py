"""A cluster on simulated services whose backup is to be restored."""

from typing import Any

from lab.simulation.run import Simulation
from tests.activities.backed_up import back_up, etcd, launched
from tests.activities.world import World

MEMBERS = ("shop-etcd-0", "shop-etcd-1", "shop-etcd-2")
BACKUP, BEFORE, AFTER = "000002", b"keys and values", b"later values"


def restoring(made: Simulation) -> World:
    """A restore that is claimed, of a cluster in which something was written since the backup."""
    world = launched(made)
    back_up(world, BEFORE)
    etcd(world).content = AFTER
    made.restore(BACKUP)
    world.generation += 1
    return world


def until_done(world: World, activity: Any) -> Any:
    """Repeats the activity as a run does."""
    for _ in range(20):
        result = world.call(activity)
        if result.state != "wait":
            return result
        world.later(10.0)
    raise AssertionError("it was never done")
