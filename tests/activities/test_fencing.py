"""A run that is not the cluster's newest any more changes nothing, whatever its activities are."""

from typing import Any

import pytest

import activities
from cluster.contracts import ENSURE_KEYS, FINISH_RUN, START_DEPLOYMENT
from cluster.names import instance_id
from cluster.record import ClusterRecord
from tests.activities.test_limits import payload
from tests.activities.world import ACTIVITIES, World

# They write what is known of the run, and nothing else.
REPORTS = {"finish_run", "post_slack", "record_events"}
# They end what the run itself began, under names with its generation.
ENDS_OWN = {"cancel_deployments", "stop_play"}
FENCED = [each for each in activities.ALL if each.contract.name not in REPORTS | ENDS_OWN]


class Untouched:
    """In place of a client: whatever is asked of it fails the test."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a superseded run used {name}")


def superseded(world: World) -> None:
    """As a DELETE leaves the record: a newer generation, and no cancel yet."""
    record, etag = world.services.store.need_record(world.cluster)
    assert record.operation
    generation = record.generation + 1
    claimed = {"kind": "delete", "instance_id": instance_id(world.cluster, generation)}
    operation = record.operation.model_copy(update={"generation": generation, **claimed})
    changes = {"generation": generation, "operation": operation, "state": "deleting"}
    world.services.store.save_record(record.model_copy(update=changes), etag)


def record_of(world: World) -> ClusterRecord:
    return world.services.store.need_record(world.cluster)[0]


def test_the_activities_that_a_superseded_run_may_execute_are_these() -> None:
    contracts = [each.contract for each in activities.ALL]
    assert {one.name for one in contracts if one.reports} == REPORTS
    assert {one.name for one in contracts if one.ends_own} == ENDS_OWN


@pytest.mark.parametrize("activity", FENCED, ids=lambda each: each.contract.name)
def test_every_other_activity_refuses_before_it_acts(activity: Any, world: World) -> None:
    world.planned()
    superseded(world)
    stored = dict(world.services.store.blobs.content)
    for name in ("vault", "groups", "resources", "deployments", "compute", "operations"):
        setattr(world.services, name, Untouched())
    given = payload(activity) | world.ref.model_dump()
    result = ACTIVITIES[activity.contract.name](payload=given)
    assert (result["state"], result["cause"]["code"]) == ("refused", "Superseded")
    assert world.services.store.blobs.content == stored


def test_a_deployment_is_compared_again_after_the_keys_were_read(world: World) -> None:
    part = world.planned().deployments[0].part
    public_keys = world.services.store.public_keys

    def slow(cluster: str) -> dict[str, str]:
        superseded(world)
        return public_keys(cluster)

    world.services.store.public_keys = slow
    assert world.call(START_DEPLOYMENT, part=part).cause.code == "Superseded"
    assert world.services.cloud.deployments == {}


def test_its_end_is_recorded_and_leaves_the_newer_operation_alone(world: World) -> None:
    superseded(world)
    ended = {"result": "cancelled", "finished_at": "2026-01-05T09:00:00Z"}
    assert world.call(FINISH_RUN, **ended).state == "done"
    assert world.services.store.result(world.ref) is not None
    assert record_of(world).state == "deleting"


def test_the_newest_run_is_not_refused(world: World) -> None:
    world.planned()
    assert world.call(ENSURE_KEYS).state == "done"
