"""A planned maintenance with security updates, for the tests of its activities."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cluster.contracts import PLAN_MAINTENANCE
from lab.simulation.run import Scenario, simulation
from tests.activities.backed_up import launched
from tests.activities.world import World

PLANES = tuple(f"shop-control-plane-{index}" for index in range(3))
ETCD, WORKER = "shop-etcd-1", "shop-worker-0"
KERNEL = "it runs the kernel 6.12.1, and 6.12.2 is installed"


@contextmanager
def planned_maintenance() -> Iterator[World]:
    """Of a cluster of eight nodes."""
    spec = {"maintenance": {"securityUpdates": True}, "controlPlane": {"count": 3}}
    with simulation(Scenario(8, cluster="shop", pool="worker", spec=spec)) as made:
        ready = launched(made)
        made.maintain()
        ready.generation += 1
        ready.call(PLAN_MAINTENANCE)
        yield ready


def fleet(world: World) -> Any:
    return world.simulation.fleet


def need(world: World, *names: str) -> None:
    fleet(world).updates.packages |= {name: ["openssl"] for name in names}
    fleet(world).updates.kernels |= dict.fromkeys(names, KERNEL)
