"""A cluster on simulated services that has become smaller: its plan has nodes that leave."""

from typing import Any

from cluster.contracts import FINISH_RUN, PLAN_CLUSTER, START_DEPLOYMENT
from cluster.spec_rules import parse_spec
from lab.simulation.kubernetes import POD_SECONDS
from lab.simulation.run import Simulation
from tests.activities.world import World

# Four workers were built, and two are wanted.
GOING = {"shop-worker-2", "shop-worker-3"}
END_SECONDS = POD_SECONDS + 1


def shrunk(made: Simulation, workers: list[dict[str, Any]] | None = None) -> World:
    """A second run that has made its plan. `workers`: the pools of its spec."""
    made.apply()
    world = World(made)
    world.deployed()
    world.call(FINISH_RUN, result="succeeded", finished_at="2026-01-05T09:00:00Z")
    wanted = made.scenario.wanted.document()
    wanted["workers"] = [{"name": "worker", "count": 2}] if workers is None else workers
    made.apply(parse_spec(wanted))
    world.generation += 1
    world.call(PLAN_CLUSTER)
    world.call(START_DEPLOYMENT, part="network")
    world.later(60.0)
    return world
