"""start_deployment: one deployment for each part of a generation, however often it is asked for."""

from dataclasses import replace

import pytest

from activities.start_deployment import _with_sources
from clients.azure.arm import Resource
from cluster.contracts import CANCEL_DEPLOYMENTS, START_DEPLOYMENT
from planning.templates import template
from tests.activities.world import World


def test_a_repeat_starts_nothing(world: World) -> None:
    part = world.planned().deployments[0].part
    assert world.call(START_DEPLOYMENT, part=part).state == "done"
    started = dict(world.services.cloud.deployments)
    assert world.call(START_DEPLOYMENT, part=part).state == "done"
    assert world.services.cloud.deployments == started


@pytest.mark.parametrize("other", ["slipway-uid", "slipway-installation"])
def test_a_deployment_that_another_record_made_under_the_name_is_made_anew(
    world: World, other: str
) -> None:
    """A generation is used again if the record was lost."""
    part = world.planned().deployments[0].part
    world.call(START_DEPLOYMENT, part=part)
    world.later(600.0)
    cloud = world.services.cloud
    ours, before = cloud.tags, dict(cloud.deployments)
    cloud.tags = {**ours, other: "another"}
    assert world.call(START_DEPLOYMENT, part=part).state == "done"
    assert cloud.tags == ours
    assert cloud.deployments != before


def test_a_running_deployment_of_another_owner_is_neither_taken_nor_cancelled(
    world: World,
) -> None:
    part = world.planned().deployments[0].part
    world.call(START_DEPLOYMENT, part=part)
    cloud = world.services.cloud
    cloud.tags = {**cloud.tags, "slipway-uid": "0a1b2c3d"}
    running = dict(cloud.deployments)
    refused = world.call(START_DEPLOYMENT, part=part)
    assert (refused.state, refused.cause.code) == ("refused", "ResourceOwnedByAnother")
    assert "0a1b2c3d" in refused.cause.message
    assert world.call(CANCEL_DEPLOYMENTS, parts=[part]).state == "done"
    assert cloud.deployments == running


def test_every_machine_of_the_part_is_deployed(world: World) -> None:
    plan = world.deployed()
    assert set(world.services.cloud.machines) == {slot.name for slot in plan.slots}


def test_the_first_machine_fixes_what_can_change_no_more(world: World) -> None:
    plan = world.planned()
    assert world.services.store.need_record(world.cluster)[0].built is None
    world.call(START_DEPLOYMENT, part=plan.deployments[0].part)
    assert world.services.store.need_record(world.cluster)[0].built is not None


def test_what_appeared_under_a_planned_name_since_the_preflight_is_not_overwritten(
    world: World,
) -> None:
    plan = world.planned()
    etcd = next(one for one in plan.deployments if one.part.startswith("etcd"))
    disk = f"{etcd.nodes[0]}-data-0"
    taken = Resource(f"/disks/{disk}", "Microsoft.Compute/disks", disk, {"owner": "somebody"})
    world.services.cloud.others = [taken]
    refused = world.call(START_DEPLOYMENT, part=etcd.part)
    assert (refused.cause.code, refused.cause.place) == ("ResourceOwnedByAnother", disk)
    assert world.services.cloud.deployments == {}
    assert world.call(START_DEPLOYMENT, part="network").state == "done"


def test_every_template_takes_the_owners_tags(world: World) -> None:
    plan = world.deployed()
    assert world.services.cloud.tags["slipway-uid"] == plan.uid
    assert all("ownerTags" in template(one.template)["parameters"] for one in plan.deployments)


@pytest.mark.parametrize(
    ("named", "own", "asked"),
    [
        (["203.0.113.0/24"], ["203.0.113.7/32"], ["203.0.113.0/24"]),
        (["203.0.113.7/32"], ["203.0.113.0/24"], ["203.0.113.0/24"]),
        (["203.0.113.7/32"], ["203.0.113.7/32"], ["203.0.113.7/32"]),
        (["203.0.113.7/32"], ["198.51.100.1/32"], ["198.51.100.1/32", "203.0.113.7/32"]),
        ([], ["198.51.100.1/32"], ["198.51.100.1/32"]),
    ],
)
def test_the_apps_own_address_is_admitted_once(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    named: list[str],
    own: list[str],
    asked: list[str],
) -> None:
    """Azure refuses a rule whose sources overlap."""
    settings = replace(world.services.settings, allowed_sources=tuple(own))
    monkeypatch.setattr(world.services, "settings", settings)
    network = world.planned().deployments[0]
    spec = network.model_copy(update={"parameters": network.parameters | {"allowedSources": named}})
    assert _with_sources(spec).parameters["allowedSources"] == asked
