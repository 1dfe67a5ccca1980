"""A cluster on simulated services, one of whose credentials is being rotated."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cluster import keys, names
from cluster.contracts import (
    ADD_CREDENTIAL,
    PLAN_ROTATION,
    PROVE_CREDENTIAL,
    RETIRE_CREDENTIAL,
    USE_CREDENTIAL,
    VERIFY_CLUSTER,
)
from cluster.record import ClusterRecord, Credential
from lab.simulation.run import Scenario, simulation
from tests.activities.backed_up import end
from tests.activities.restored import until_done
from tests.activities.world import World

SCENARIO = Scenario(11, cluster="shop", pool="worker")
STEPS = (ADD_CREDENTIAL, PROVE_CREDENTIAL, USE_CREDENTIAL)


@contextmanager
def cluster() -> Iterator[World]:
    """Yields a cluster with three control planes, three etcd members and five workers."""
    with simulation(SCENARIO) as made:
        made.apply()
        world = World(made)
        world.deployed()
        # The kubeconfig is stored where the cluster is verified.
        world.call(VERIFY_CLUSTER)
        end(world)
        yield world


def begin(world: World, credential: Credential) -> None:
    """Claims and plans a rotation."""
    world.simulation.rotate(credential)
    world.generation += 1
    world.call(PLAN_ROTATION)


def rotate(
    world: World, credential: Credential, between: Callable[[], None] = lambda: None
) -> None:
    """Rotates the credential. `between` is called before the old one is retired."""
    begin(world, credential)
    for step in STEPS:
        assert until_done(world, step).state == "done"
    between()
    assert until_done(world, RETIRE_CREDENTIAL).state == "done"
    end(world)


def record(world: World) -> ClusterRecord:
    return world.services.store.need_record(world.cluster)[0]


def secret(world: World, what: str) -> str:
    """Returns a secret of the cluster."""
    return world.services.vault.secrets[f"shop-{record(world).uid}-{what}"]


def new_secret(world: World, credential: str) -> str | None:
    """Returns what the rotation has made, or None."""
    operation = record(world).operation
    assert operation is not None
    name = names.rotation_secret("shop", record(world).uid, credential, operation.rotation)
    return world.services.vault.secrets.get(name)


def public_key(world: World) -> str:
    """Returns the public half of the cluster's SSH key."""
    return keys.public_half(secret(world, "ssh-key"))


def kubernetes(world: World) -> Any:
    return world.simulation.fleet.kubernetes
