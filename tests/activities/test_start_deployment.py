"""start_deployment: one deployment for each part of a generation, however often it is asked for."""

from cluster.contracts import START_DEPLOYMENT
from tests.activities.world import World


def test_a_repeat_starts_nothing(world: World) -> None:
    part = world.planned().deployments[0].part
    assert world.call(START_DEPLOYMENT, part=part).state == "done"
    started = dict(world.services.cloud.deployments)
    assert world.call(START_DEPLOYMENT, part=part).state == "done"
    assert world.services.cloud.deployments == started


def test_every_machine_of_the_part_is_deployed(world: World) -> None:
    plan = world.deployed()
    assert set(world.services.cloud.machines) == {slot.name for slot in plan.slots}


def test_the_first_machine_fixes_what_can_change_no_more(world: World) -> None:
    plan = world.planned()
    assert world.services.store.need_record(world.cluster)[0].built is None
    world.call(START_DEPLOYMENT, part=plan.deployments[0].part)
    assert world.services.store.need_record(world.cluster)[0].built is not None
