"""A cluster on simulated services whose nodes are to get another version of Kubernetes."""

from typing import Any

from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from lab.simulation.run import Simulation
from tests.activities.backed_up import launched
from tests.activities.world import World

PLANE, WORKERS = "shop-control-plane-0", ("shop-worker-0", "shop-worker-1")


def upgrading(made: Simulation) -> World:
    """A cluster of 1.36.2, and a claimed and planned upgrade to 1.36.3."""
    world = launched(made)
    document = made.scenario.wanted.document()
    document["kubernetes"]["version"] = "1.36.3"
    assert made.apply(parse_spec(document)).operation.kind == "upgrade"
    made.fleet.kubernetes.manifest = "1.36.3"
    world.generation += 1
    world.deployed()
    return world


def kubernetes(world: World) -> Any:
    return world.simulation.fleet.kubernetes


def record(world: World) -> ClusterRecord:
    return world.services.store.need_record(world.cluster)[0]
