"""wake_nodes: machines that existed before the run and rest are started, others are left alone."""

import pytest

from clients.errors import Refused
from cluster.contracts import PLAN_CLUSTER, WAKE_NODES
from tests.activities.world import World


def kept(world: World) -> str:
    """A second run on machines that exist; returns the name of an etcd machine."""
    plan = world.deployed()
    world.generation += 1
    record, etag = world.services.store.need_record(world.cluster)
    newer = record.model_copy(update={"generation": world.generation})
    world.services.store.save_record(newer, etag)
    world.call(PLAN_CLUSTER)
    assert world.plan.missing == ()
    return next(slot.name for slot in plan.slots if slot.role == "etcd")


@pytest.mark.parametrize("power", ["deallocated", "stopped"])
def test_a_machine_that_rests_is_started_once(world: World, power: str) -> None:
    name = kept(world)
    world.services.cloud.power[name] = (power, 0.0)
    first, second = world.twice(WAKE_NODES)
    assert (first.started, first.resting) == ((name,), (name,))
    assert (second.started, second.resting) == ((), (name,))
    assert name in first.notes[0]
    world.later(600.0)
    assert world.call(WAKE_NODES).resting == ()


def test_one_that_is_being_deallocated_is_started_when_it_rests(world: World) -> None:
    name = kept(world)
    world.services.cloud.power[name] = ("deallocating", world.simulation.clock.seconds)
    assert world.call(WAKE_NODES).started == ()
    world.later(600.0)
    assert world.call(WAKE_NODES).started == (name,)


def test_nodes_that_reported_and_machines_of_this_run_are_not_looked_at(world: World) -> None:
    world.deployed()
    calls = world.services.cloud.calls["ARM calls"]
    assert world.call(WAKE_NODES).started == ()
    assert world.services.cloud.calls["ARM calls"] == calls
    name = kept(world)
    world.services.cloud.power[name] = ("deallocated", 0.0)
    world.services.store.add_node_states(world.ref, {name: "ready"})
    assert world.call(WAKE_NODES).started == ()


def test_a_start_that_azure_refuses_ends_the_wait_with_its_words(world: World) -> None:
    name = kept(world)
    world.services.cloud.power[name] = ("deallocated", 0.0)

    def refuse(group: str, machine: str) -> None:
        raise Refused("AllocationFailed", f"no capacity for {machine} in {group}", place=machine)

    world.services.compute.start = refuse
    refused = world.call(WAKE_NODES)
    assert (refused.cause.code, refused.cause.place) == ("AllocationFailed", name)
