"""poll_deployments and cancel_deployments: what ended, what failed and why, and an orderly end."""

import pytest

from clients.azure.arm import ArmError
from cluster.contracts import CANCEL_DEPLOYMENTS, POLL_DEPLOYMENTS, START_DEPLOYMENT
from tests.activities.world import World


def test_parts_that_still_run_are_not_named(world: World) -> None:
    parts = [deployment.part for deployment in world.planned().deployments][:2]
    for part in parts:
        world.call(START_DEPLOYMENT, part=part)
    running = world.call(POLL_DEPLOYMENTS, parts=parts)
    assert (running.state, running.finished, running.failed) == ("wait", (), ())
    world.later(600.0)
    first, second = world.twice(POLL_DEPLOYMENTS, parts=parts)
    assert first == second
    assert (first.state, first.finished) == ("done", tuple(parts))


def test_a_failure_has_azures_own_cause_and_the_others_end(world: World) -> None:
    plan = world.planned()
    parts = [deployment.part for deployment in plan.deployments]
    world.services.cloud.failing = ArmError("SkuNotAvailable", "no capacity for the size")
    for part in parts:
        world.call(START_DEPLOYMENT, part=part)
    world.later(600.0)
    ended = world.call(POLL_DEPLOYMENTS, parts=parts)
    assert ended.state == "done"
    assert {failed.cause.code for failed in ended.failed} == {"SkuNotAvailable"}
    assert len(ended.failed) + len(ended.finished) == len(parts)


def test_a_deployment_that_vanished_is_a_failure(world: World) -> None:
    part = world.planned().deployments[0].part
    (failed,) = world.call(POLL_DEPLOYMENTS, parts=[part]).failed
    assert (failed.part, failed.cause.code) == (part, "DeploymentMissing")


def test_a_cancel_waits_until_nothing_runs(world: World) -> None:
    part = world.planned().deployments[0].part
    world.call(START_DEPLOYMENT, part=part)
    assert world.call(CANCEL_DEPLOYMENTS, parts=[part]).state == "wait"
    assert world.call(CANCEL_DEPLOYMENTS, parts=[part]).state == "done"


@pytest.mark.parametrize(
    ("details", "later"),
    [
        (["RetryableError: shop-etcd-0: later"], True),
        (["AnotherOperationInProgress: vnet: busy", "InternalServerError: disk: oops"], True),
        (["RetryableError: shop-etcd-0: later", "QuotaExceeded: shop-etcd-1: none"], False),
        (["SkuNotAvailable: no capacity"], False),
        ([], True),
    ],
)
def test_a_failure_passes_only_if_each_of_its_root_causes_does(
    world: World, details: list[str], *, later: bool
) -> None:
    parts = [one.part for one in world.planned().deployments if one.part.startswith("worker")]
    world.services.cloud.failing = ArmError("RetryableError", "later", details)
    for part in parts:
        world.call(START_DEPLOYMENT, part=part)
    world.later(600.0)
    (failed,) = world.call(POLL_DEPLOYMENTS, parts=parts).failed
    assert failed.later is later


def test_a_property_that_cannot_change_leads_to_the_machine(world: World) -> None:
    parts = [one.part for one in world.planned().deployments if one.part.startswith("worker")]
    world.services.cloud.failing = ArmError("PropertyChangeNotAllowed", "customData")
    for part in parts:
        world.call(START_DEPLOYMENT, part=part)
    world.later(600.0)
    (failed,) = world.call(POLL_DEPLOYMENTS, parts=parts).failed
    assert "delete the machine" in failed.cause.next_step
    assert "data disk stays" in failed.cause.next_step
