"""plan_rotation, and what names a rotation."""

from collections.abc import Iterator

import pytest

from cluster.contracts import ADD_CREDENTIAL, PLAN_ROTATION
from tests.activities.backed_up import end
from tests.activities.rotating import begin, cluster, new_secret, record
from tests.activities.world import World


@pytest.fixture
def world() -> Iterator[World]:
    with cluster() as made:
        yield made


def test_the_plan_is_that_of_the_run_that_deployed_the_network(world: World) -> None:
    slots = world.plan.slots
    world.simulation.rotate("ssh-key")
    world.generation += 1
    first, again = world.twice(PLAN_ROTATION)
    assert first == again
    assert (first.credential, first.resumed, first.keep_controller) == ("ssh-key", False, False)
    assert (world.plan.slots, world.plan.missing) == (slots, ())


def test_a_rotation_that_did_not_end_goes_on_under_its_id(world: World) -> None:
    begin(world, "ssh-key")
    world.call(ADD_CREDENTIAL)
    rotations, made = record(world).rotations, new_secret(world, "ssh-key")
    end(world)
    world.simulation.rotate("ssh-key")
    world.generation += 1
    assert world.call(PLAN_ROTATION).resumed
    assert record(world).rotations == rotations
    assert new_secret(world, "ssh-key") == made is not None


def test_a_run_that_is_not_the_newest_plans_nothing(world: World) -> None:
    world.simulation.rotate("ssh-key")
    late = world.call(PLAN_ROTATION)
    assert late.state == "refused"
    assert late.cause.code in ("Superseded", "RunEnded")
