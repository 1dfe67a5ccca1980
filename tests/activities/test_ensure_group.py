"""ensure_group: the group is found, or created and marked; a group that is not Slipway's is
refused."""

from dataclasses import replace

from clients.azure.arm import Group
from cluster.contracts import ENSURE_GROUP, PLAN_CLUSTER
from cluster.ownership import Owner
from tests.activities.world import World


def owner(world: World) -> Owner:
    return Owner(world.cluster, world.plan.uid, world.services.settings.installation)


def test_it_is_created_once_and_then_known_as_ours(world: World) -> None:
    world.call(PLAN_CLUSTER)
    first, second = world.twice(ENSURE_GROUP)
    assert (first.state, second.state) == ("done", "done")
    assert owner(world).owns_group(world.services.cloud.group.tags)
    assert world.services.store.need_record(world.cluster)[0].group_owned


def test_a_group_that_was_found_is_not_ours(world: World) -> None:
    world.call(PLAN_CLUSTER)
    world.services.cloud.group = Group(world.plan.group, "westeurope", {}, "Succeeded")
    assert world.call(ENSURE_GROUP).state == "done"
    assert not world.services.store.need_record(world.cluster)[0].group_owned


def test_a_group_of_another_cluster_or_place_is_refused(world: World) -> None:
    world.call(PLAN_CLUSTER)
    group = world.plan.group
    world.services.cloud.group = Group(group, "westeurope", {"slipway-owner": "x"}, "Succeeded")
    refused = world.call(ENSURE_GROUP)
    assert (refused.cause.code, refused.cause.place) == ("GroupOwnedByAnother", group)
    world.services.cloud.group = Group(group, "northeurope", {}, "Succeeded")
    assert world.call(ENSURE_GROUP).cause.code == "GroupElsewhere"


def test_a_group_that_is_being_deleted_is_waited_for(world: World) -> None:
    world.call(PLAN_CLUSTER)
    world.services.cloud.group = Group(world.plan.group, "westeurope", {}, "Deleting")
    assert world.call(ENSURE_GROUP).state == "wait"


def test_a_group_of_another_installation_is_refused_and_keeps_its_tags(world: World) -> None:
    world.call(PLAN_CLUSTER)
    tags = Owner(world.cluster, world.plan.uid, "another/slipway").group_tags
    world.services.cloud.group = Group(world.plan.group, "westeurope", tags, "Succeeded")
    assert world.call(ENSURE_GROUP).cause.code == "GroupOwnedByAnother"
    assert world.services.cloud.group.tags == tags


def test_the_group_of_the_installation_is_never_a_clusters(world: World) -> None:
    world.call(PLAN_CLUSTER)
    own = replace(world.services.settings, own_group=world.plan.group.upper())
    world.services.settings = own
    assert world.call(ENSURE_GROUP).cause.code == "GroupOfInstallation"
    assert world.services.cloud.group is None
