"""poll_deployments and cancel_deployments: what ended, what failed and why, and an orderly end."""

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
