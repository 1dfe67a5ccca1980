"""plan_cluster: the plan is made once, and assigned names and addresses never change."""

import json
from typing import Any

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


def store_spec(world: World, changes: dict[str, Any]) -> None:
    blobs, name = world.services.store.blobs, f"clusters/{world.cluster}/record.json"
    record = json.loads((blobs.read(name) or (b"", ""))[0])
    record["spec"] |= changes
    blobs.write(name, json.dumps(record).encode())


def test_a_last_stage_that_this_version_does_not_have_is_refused(world: World) -> None:
    store_spec(world, {"playbook": {"through": "add-ons-of-2030"}})
    result = world.call(PLAN_CLUSTER)
    assert result.state == "refused"
    assert result.cause is not None
    assert (result.cause.code, result.cause.place) == ("UnreadableDocument", "playbook.through")
    assert world.services.store.plan(world.ref) is None


def test_a_value_that_this_version_does_not_allow_is_named(world: World) -> None:
    store_spec(world, {"kubernetes": {"version": "1.37"}})
    (note,) = world.call(PLAN_CLUSTER).notes
    assert "kubernetes.version" in note
