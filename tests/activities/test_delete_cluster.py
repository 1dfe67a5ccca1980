"""await_previous_run, delete_resources, delete_secrets: a removal ends the run before it."""

import pytest

from clients.azure.arm import Group, Resource
from clients.azure.operations import FailedForNow
from clients.errors import Refused, Transient
from cluster.contracts import (
    AWAIT_PREVIOUS_RUN,
    DELETE_RESOURCES,
    DELETE_SECRETS,
    FINISH_RUN,
    PLAN_CLUSTER,
    START_DEPLOYMENT,
)
from cluster.ownership import Owner
from planning.ownership import refuse_group
from tests.activities.world import World


def test_the_run_before_is_waited_for_until_it_has_a_result(world: World) -> None:
    world.deployed()
    world.removal()
    assert world.call(AWAIT_PREVIOUS_RUN).state == "wait"
    world.call(FINISH_RUN, generation=1, result="cancelled", finished_at="2026-01-05T09:00:00Z")
    assert world.call(AWAIT_PREVIOUS_RUN).state == "done"


def test_our_own_group_goes_whole_and_a_repeat_finds_nothing(world: World) -> None:
    world.deployed()
    world.removal()
    assert world.gone()
    assert world.gone()


def test_the_clusters_secrets_go_and_those_of_others_stay(world: World) -> None:
    world.deployed()
    world.removal()
    first, second = world.twice(DELETE_SECRETS)
    assert (first.state, second.state) == ("done", "done")
    assert set(world.services.vault.secrets) == {"slack-webhook"}
    assert world.services.store.public_keys(world.cluster) == {}


def owner(world: World, installation: str = "") -> Owner:
    record, _ = world.services.store.need_record(world.cluster)
    return Owner(world.cluster, record.uid, installation or world.services.settings.installation)


def foreign(tags: dict[str, str]) -> Resource:
    kind = "Microsoft.Compute/disks"
    return Resource("/disks/shop-etcd-0-data-0", kind, "shop-etcd-0-data-0", tags)


def test_a_group_of_another_installation_and_what_is_in_it_stay(world: World) -> None:
    plan = world.deployed()
    world.removal()
    theirs = owner(world, "another/slipway")
    group = Group(plan.group, "westeurope", theirs.group_tags, "Succeeded")
    world.services.cloud.group, world.services.cloud.tags = group, theirs.tags
    machines = dict(world.services.cloud.machines)
    done = world.call(DELETE_RESOURCES)
    assert (done.state, world.services.cloud.group) == ("done", group)
    assert world.services.cloud.machines == machines
    assert "are kept" in done.notes[0]


def test_a_group_that_others_use_too_keeps_what_is_theirs(world: World) -> None:
    world.deployed()
    theirs = Owner(world.cluster, "0a1b2c3d", "another/slipway")
    world.services.cloud.others = [foreign(theirs.tags)]
    world.removal()
    assert not world.gone()
    assert world.services.cloud.machines == {}
    assert world.services.cloud.others


def test_a_group_that_is_kept_takes_a_new_cluster_of_the_name(world: World) -> None:
    """Its own tags stay, and those of the cluster that is gone do not hold the next one."""
    plan = world.deployed()
    cloud = world.services.cloud
    tags = {"team": "sea"} | {key.upper(): value for key, value in cloud.group.tags.items()}
    cloud.group = Group(plan.group, "westeurope", tags, "Succeeded")
    cloud.others = [Resource("/disks/x", "Microsoft.Compute/disks", "x", {"owner": "somebody"})]
    world.removal()
    assert not world.gone()
    assert cloud.group.tags == {"team": "sea"}
    refuse_group(cloud.group, Owner(world.cluster, "0a1b2c3d", "account/container"))


def test_tags_that_may_not_be_taken_off_a_group_are_named(world: World) -> None:
    world.deployed()
    world.services.cloud.others = [foreign(Owner(world.cluster, "0a1b2c3d", "another").tags)]
    world.removal()
    world.services.cloud.machines.clear()

    def forbidden(name: str, _: dict[str, str]) -> None:
        raise Refused("AuthorizationFailed", f"no right to write {name}")

    world.services.groups.replace_tags = forbidden
    done = world.call(DELETE_RESOURCES)
    assert done.state == "done"
    assert "slipway-owner" in done.notes[-1]


@pytest.mark.parametrize("kept", [["slipway-cluster"], ["slipway-cluster", "slipway-uid"], []])
def test_machines_without_their_owners_tags_refuse_the_removal(
    world: World, kept: list[str]
) -> None:
    """An older version set fewer tags, or a policy removed them. The machines would go on."""
    plan = world.deployed()
    tags = owner(world).tags
    world.services.cloud.tags = {key: tags[key] for key in kept}
    machines, secrets = dict(world.services.cloud.machines), dict(world.services.vault.secrets)
    world.removal()
    refused = world.call(DELETE_RESOURCES)
    assert (refused.state, refused.cause.code) == ("refused", "ResourceOwnedByAnother")
    assert refused.cause.place in {slot.name for slot in plan.slots}
    assert all(f"{key}={value}" in refused.cause.message for key, value in tags.items())
    assert world.services.cloud.machines == machines
    assert world.services.vault.secrets == secrets
    world.services.cloud.tags = tags
    assert world.gone()


def test_strangers_resources_with_planned_names_do_not_hold_a_removal(world: World) -> None:
    """The launch was refused because of them, and nothing was built."""
    world.planned()
    world.services.cloud.others = [foreign({"owner": "somebody"})]
    world.removal()
    assert world.call(DELETE_RESOURCES).state == "done"
    assert world.services.cloud.others


def test_the_deletion_of_a_group_is_requested_once_and_followed(world: World) -> None:
    world.deployed()
    world.removal()
    asked: list[str] = []
    begin = world.services.groups.begin_delete
    world.services.groups.begin_delete = lambda name: (asked.append(name), begin(name))[1]
    assert [world.call(DELETE_RESOURCES).state for _ in range(4)] == ["wait"] * 4
    assert asked == [world.services.store.need_record(world.cluster)[0].group]


def test_a_deletion_that_azure_ends_with_a_failure_ends_the_removal_with_its_words(
    world: World,
) -> None:
    world.deployed()
    world.removal()
    assert world.call(DELETE_RESOURCES).state == "wait"

    def blocked(url: str) -> bool:
        assert url.startswith("https://management.azure.com/")
        raise Refused("ResourceGroupDeletionBlocked", "held", ["shop-vnet: InUseSubnet"])

    world.services.operations.goes_on = blocked
    refused = world.call(DELETE_RESOURCES)
    assert refused.cause.code == "ResourceGroupDeletionBlocked"
    assert "shop-vnet" in refused.cause.message


@pytest.mark.parametrize(
    ("error", "requests"), [(FailedForNow("failed"), 2), (Transient("no answer"), 1)]
)
def test_a_deletion_that_failed_for_a_passing_reason_is_requested_again(
    world: World, error: Transient, requests: int
) -> None:
    """One whose state is not known only now is not."""
    world.deployed()
    world.removal()
    cloud, services = world.services.cloud, world.services
    whole, asked = cloud.group, []
    begin, goes_on = services.groups.begin_delete, services.operations.goes_on
    services.groups.begin_delete = lambda name: (asked.append(name), begin(name))[1]
    assert world.call(DELETE_RESOURCES).state == "wait"

    def failed(_: str) -> bool:
        raise error

    services.operations.goes_on = failed
    if requests > 1:
        cloud.group = whole
    assert world.call(DELETE_RESOURCES).state == "wait"
    services.operations.goes_on = goes_on
    assert world.call(DELETE_RESOURCES).state == "wait"
    assert len(asked) == requests
    assert world.gone()


def test_a_group_that_is_whole_again_after_its_deletion_is_told_with_what_is_left(
    world: World,
) -> None:
    plan = world.deployed()
    world.removal()
    whole = world.services.cloud.group
    assert world.call(DELETE_RESOURCES).state == "wait"
    world.services.cloud.group = whole
    world.services.operations.goes_on = lambda _: False
    states = [world.call(DELETE_RESOURCES) for _ in range(3)]
    assert [one.state for one in states] == ["wait", "wait", "refused"]
    cause = states[-1].cause
    assert (cause.code, cause.place) == ("GroupNotDeleted", plan.group)
    assert plan.controller.name in cause.message


def test_what_an_earlier_plan_named_goes_too(world: World) -> None:
    """A launch that was cancelled before anything was built, then another spec."""
    world.planned()
    world.services.vault.secrets["shop-other"] = "of somebody"
    record, etag = world.services.store.need_record(world.cluster)
    smaller = record.model_copy(update={"slots": record.slots[:2], "group": "another-rg"})
    world.services.store.save_record(smaller, etag)
    world.removal()
    assert record.group in world.services.store.need_record(world.cluster)[0].every_group
    assert world.gone()
    world.call(DELETE_SECRETS)
    assert set(world.services.vault.secrets) == {"slack-webhook", "shop-other"}


def test_secrets_go_also_where_the_group_is_gone_already(world: World) -> None:
    world.deployed()
    world.services.cloud.group = None
    world.removal()
    assert world.gone()
    world.call(DELETE_SECRETS)
    assert set(world.services.vault.secrets) == {"slack-webhook"}


def test_a_secret_of_another_owner_stays_and_is_named(world: World) -> None:
    world.deployed()
    world.removal()
    name = next(name for name in world.services.vault.secrets if name.endswith("-ssh-key"))
    world.services.vault.tags[name] = owner(world, "another/slipway").tags
    done = world.call(DELETE_SECRETS)
    assert name in done.notes[0]
    assert set(world.services.vault.secrets) == {"slack-webhook", name}


def test_the_plan_names_what_a_removal_looks_for(world: World) -> None:
    world.call(PLAN_CLUSTER)
    record, _ = world.services.store.need_record(world.cluster)
    assert record.groups == (world.plan.group,)
    assert {name for name in record.secrets if "host-keys" in name}
    assert all(record.uid in name for name in record.secrets)


@pytest.mark.parametrize(("reported", "state"), [(True, "done"), (False, "refused")])
def test_a_group_that_may_not_be_read_is_gone_only_if_its_deletion_was_reported(
    world: World, reported: bool, state: str
) -> None:
    """With clusterGroups, the app's role was assigned to the group and deleted with it."""
    world.deployed()
    world.removal()
    record, etag = world.services.store.need_record(world.cluster)
    changed = record.model_copy(update={"group_deleted": reported})
    world.services.store.save_record(changed, etag)

    def forbidden(name: str) -> None:
        raise Refused("AuthorizationFailed", f"no right to read {name}")

    world.services.groups.get = forbidden
    assert world.call(DELETE_RESOURCES).state == state


def test_deployments_of_a_lost_run_are_cancelled_before_anything_is_deleted(world: World) -> None:
    plan = world.planned()
    world.services.cloud.group = Group(plan.group, "westeurope", {}, "Succeeded")
    for deployment in plan.deployments:
        world.call(START_DEPLOYMENT, part=deployment.part)
    world.removal()
    first = world.call(DELETE_RESOURCES)
    assert first.state == "wait"
    assert "are being cancelled" in first.notes[0]
    assert world.services.cloud.deployments == {}
    assert world.services.cloud.machines
    assert world.gone() is False
    assert world.services.cloud.machines == {}


def test_deployments_of_another_installation_go_on(world: World) -> None:
    """Its cluster has the same name, and the group is its own."""
    plan = world.planned()
    for deployment in plan.deployments:
        world.call(START_DEPLOYMENT, part=deployment.part)
    theirs = owner(world, "another/slipway")
    group = Group(plan.group, "westeurope", theirs.group_tags, "Succeeded")
    world.services.cloud.group, world.services.cloud.tags = group, theirs.tags
    running = dict(world.services.cloud.deployments)
    world.removal()
    assert world.call(DELETE_RESOURCES).state == "done"
    assert world.services.cloud.deployments == running
