"""A cluster on simulated services of which nodes are to be replaced."""

from typing import Any

from cluster.contracts import PLAN_TURN, START_DEPLOYMENT
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from cluster.turns import SURVEY
from lab.simulation.run import Scenario, Simulation
from tests.activities.backed_up import launched
from tests.activities.world import World

# Three control planes, three etcd members, five workers.
BIG = Scenario(11, cluster="shop", pool="worker")
SMALL = Scenario(8, cluster="shop", pool="worker")
# Of each tier, a size that its machines do not have.
NEW_SIZES = {"etcd": "Standard_D4s_v5", "worker": "Standard_D2s_v5"}


def replacing(made: Simulation, node: str) -> World:
    """The replacement of a node that a request named is claimed."""
    world = launched(made)
    made.replace(node)
    world.generation += 1
    return world


def resizing(made: Simulation, tier: str) -> World:
    """The replacement of a tier's machines by those of another size is claimed."""
    world = launched(made)
    document = made.scenario.wanted.document()
    part = document["workers"][0] if tier == "worker" else document[tier]
    part["vmSize"] = NEW_SIZES[tier]
    assert made.apply(parse_spec(document)).operation.kind == "replace"
    world.generation += 1
    return world


def survey(world: World) -> Any:
    """Plans the survey, and deploys its network as the run does."""
    result = turn(world, SURVEY)
    world.call(START_DEPLOYMENT, part="network")
    world.later(60.0)
    return result


def turn(world: World, number: int) -> Any:
    return world.call(PLAN_TURN, turn=number)


def record(world: World) -> ClusterRecord:
    return world.services.store.need_record(world.cluster)[0]


def leaving(world: World) -> list[str]:
    return [slot.name for slot in world.plan.leaving]
