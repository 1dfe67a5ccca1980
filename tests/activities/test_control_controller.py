"""start_controller and stop_controller: the VM runs during operations, and only then."""

from cluster.contracts import START_CONTROLLER, STOP_CONTROLLER, Activity
from tests.activities.world import World


def reached(world: World, contract: Activity[object, object]) -> bool:  # type: ignore[type-var]
    for _ in range(10):
        if world.call(contract).state == "done":
            return True
        world.later(60.0)
    return False


def test_it_is_deallocated_and_started_again(world: World) -> None:
    name = world.deployed().controller.name
    compute, group = world.services.compute, world.plan.group
    assert reached(world, STOP_CONTROLLER)
    assert compute.vm(group, name).power_state == "deallocated"
    assert world.call(STOP_CONTROLLER).state == "done"
    assert reached(world, START_CONTROLLER)
    assert compute.vm(group, name).power_state == "running"
    assert world.call(START_CONTROLLER).state == "done"


def test_one_that_does_not_exist_is_refused_to_start_and_needs_no_stop(world: World) -> None:
    world.planned()
    assert world.call(START_CONTROLLER).cause.code == "ControllerMissing"
    assert world.call(STOP_CONTROLLER).state == "done"


def test_a_controller_of_another_owner_is_left_alone(world: World) -> None:
    plan = world.deployed()
    world.services.cloud.tags = {"slipway-cluster": world.cluster}
    for contract in (STOP_CONTROLLER, START_CONTROLLER):
        refused = world.call(contract)
        assert refused.cause.code == "ResourceOwnedByAnother"
    assert plan.controller.name not in world.services.cloud.power
