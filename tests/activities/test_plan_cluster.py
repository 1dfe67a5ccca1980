"""plan_cluster: the plan is made once, and what it gives away stays given."""

from cluster.contracts import PLAN_CLUSTER
from tests.activities.world import World


def test_a_repeat_returns_the_stored_plan_whatever_exists_by_then(world: World) -> None:
    first = world.call(PLAN_CLUSTER)
    assert first.nodes == 8  # the controller is none of its nodes
    stored = world.plan
    for slot in stored.slots:
        world.services.cloud.machines[slot.name] = 0.0
    assert world.call(PLAN_CLUSTER) == first
    assert world.plan == stored


def test_addresses_are_kept_in_the_record(world: World) -> None:
    world.call(PLAN_CLUSTER)
    record, _ = world.services.store.need_record(world.cluster)
    assert {slot.name: slot.address for slot in record.slots} == {
        slot.name: slot.address for slot in world.plan.slots
    }
    assert record.group == world.plan.group
