"""probe_nodes: all nodes that have not reported are asked at once; the cause if they never do."""

import pytest

from clients.azure.compute import Vm
from cluster.contracts import PROBE_NODES
from tests.activities.world import World


def test_nodes_are_heard_once_each(world: World) -> None:
    plan = world.deployed()
    world.later(1000.0)
    first, second = world.twice(PROBE_NODES)
    assert (first.state, first.ready, first.total) == ("done", len(plan.slots), len(plan.slots))
    assert set(first.newly) == {slot.name for slot in plan.slots}
    assert (second.ready, second.newly) == (first.ready, ())


def test_silence_is_waited_for_and_refused_at_the_deadline(world: World) -> None:
    world.deployed()
    world.simulation.fleet.ready_after = lambda place, _: float("inf") if place else 0.0
    answer = world.call(PROBE_NODES)
    assert (answer.state, answer.ready) == ("wait", 1)
    assert answer.ready < answer.total
    refused = world.call(PROBE_NODES, final=True)
    assert refused.state == "refused"
    assert refused.cause.place
    assert refused.cause.next_step


def test_a_controller_that_does_not_answer_yet_is_waited_for(world: World) -> None:
    plan = world.deployed()
    world.services.cloud.machines[plan.controller.name] = world.simulation.clock.seconds + 60.0
    answer = world.call(PROBE_NODES)
    assert (answer.state, answer.total) == ("wait", 0)


def test_a_controller_whose_deployment_is_gone_is_refused_by_its_name(world: World) -> None:
    plan = world.planned()
    refused = world.call(PROBE_NODES)
    assert refused.cause.code == "DeploymentMissing"
    assert refused.cause.place == plan.controller.name


@pytest.mark.parametrize(
    ("state", "power", "words", "never"),
    [
        ("Succeeded", "deallocated", "start the VM", "delete"),
        ("Failed", "stopped", "start the VM", "delete"),
        ("Failed", "running", "(its data disk stays)", "start the VM"),
        ("Succeeded", "running", "boot diagnostics", "start the VM"),
    ],
)
def test_the_next_step_follows_what_azure_says_of_the_silent_machine(
    world: World, state: str, power: str, words: str, never: str
) -> None:
    world.deployed()
    world.simulation.fleet.ready_after = lambda place, _: float("inf") if place else 0.0
    world.services.compute.vm = lambda _, name: Vm(name, state, power)
    step = world.call(PROBE_NODES, final=True).cause.next_step
    assert words in step
    assert never not in step
