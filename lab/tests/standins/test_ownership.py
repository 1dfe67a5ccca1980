"""Ownership and removal by the real clients against the ARM stand-in: what others have stays."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from activities.group_removal import GroupRemoval
from clients import services
from clients.azure.arm import ResourceGroups, Resources
from clients.azure.deployments import Deployments
from clients.errors import Refused
from clients.services import Services
from cluster.contracts import RunRef
from cluster.ownership import Owner
from cluster.plan import Plan, make_plan
from cluster.record import ClusterRecord, RemovalProgress
from cluster.spec_rules import parse_spec
from lab.testing.standins import Azure
from planning.ownership import need_own, owner_of, ownership_faults, refuse_group

GROUP, OTHERS = "demo-rg", "others-rg"
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


class Progress:
    """In place of the store, with what a removal keeps between two steps."""

    def __init__(self) -> None:
        self.progress = RemovalProgress()

    def removal(self, _: RunRef) -> RemovalProgress:
        return self.progress

    def save_removal(self, _: RunRef, progress: RemovalProgress) -> None:
        self.progress = progress


@pytest.fixture
def made(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> Services:
    found = Services(azure.settings)
    found.__dict__["store"] = Progress()
    monkeypatch.setattr(services, "_services", lambda: found)
    return found


@pytest.fixture
def plan() -> Plan:
    spec = parse_spec({"name": "demo", "etcd": {"count": 1}})
    return make_plan(spec, ClusterRecord(name="demo", uid="0a1b2c3d", generation=1), [])


def resource(kind: str, version: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "apiVersion": version, "name": name, "location": "westeurope", **more}


def disk(name: str, tags: dict[str, str]) -> dict[str, Any]:
    properties = {"creationData": {"createOption": "Empty"}, "diskSizeGB": 4}
    sku = {"name": "StandardSSD_LRS"}
    kind = "Microsoft.Compute/disks"
    return resource(kind, "2026-03-02", name, sku=sku, tags=tags, properties=properties)


def network(name: str, tags: dict[str, str]) -> dict[str, Any]:
    subnet = {"name": "controller", "properties": {"addressPrefix": "10.9.0.0/24"}}
    properties = {"addressSpace": {"addressPrefixes": ["10.9.0.0/16"]}, "subnets": [subnet]}
    kind = "Microsoft.Network/virtualNetworks"
    return resource(kind, "2025-09-01", name, tags=tags, properties=properties)


def until(what: str, look: Callable[[], bool]) -> None:
    for _ in range(200):
        if look():
            return
        time.sleep(0.02)
    raise AssertionError(f"{what}: not in time")


def deployed(azure: Azure, group: str, tags: dict[str, str], *resources: dict[str, Any]) -> None:
    groups, deployments = ResourceGroups(azure.settings), Deployments(azure.settings)
    if not groups.exists(group):
        groups.create(group, "westeurope", tags)
    template = {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": list(resources)}
    deployments.start(group, "theirs", template, {})

    def ended() -> bool:
        found = deployments.get(group, "theirs")
        assert found is None or found.state != "Failed", found
        return found is not None and found.state == "Succeeded"

    until("the deployment", ended)


def removed(owner: Owner) -> GroupRemoval:
    return GroupRemoval(RunRef(cluster="demo", generation=2), owner)


def test_a_disk_and_a_network_of_others_are_refused_before_a_deployment(
    azure: Azure, made: Services, plan: Plan
) -> None:
    theirs = disk("demo-etcd-0-data-0", {"owner": "somebody"}), network("DEMO-VNET", {})
    deployed(azure, GROUP, {}, *theirs)
    with pytest.raises(Refused) as refused:
        need_own(plan)
    assert refused.value.code == "ResourceOwnedByAnother"
    (fault, *_) = [text for text in ownership_faults(plan) if "DEMO-VNET" in text]
    assert "Microsoft.Network/virtualNetworks" in fault


def test_tags_that_come_back_in_another_case_are_ours(
    azure: Azure, made: Services, plan: Plan
) -> None:
    tags = {key.upper(): value for key, value in owner_of(plan).tags.items()}
    deployed(azure, GROUP, {}, disk("demo-etcd-0-data-0", tags))
    assert list(ownership_faults(plan)) == []


def test_a_removal_in_a_found_group_takes_what_is_ours_and_leaves_the_rest(
    azure: Azure, made: Services, plan: Plan
) -> None:
    owner = owner_of(plan)
    other = Owner("demo", "ffffffff", owner.installation)
    deployed(
        azure,
        GROUP,
        {},
        disk("demo-etcd-0-data-0", {key.title(): v for key, v in owner.tags.items()}),
        disk("demo-etcd-1-data-0", other.tags),
        disk("somebody-elses", {}),
    )
    removal = removed(owner)
    until("the removal", lambda: not removal.step(GROUP).waits)
    left = {one.name for one in Resources(azure.settings).list(GROUP)}
    assert left == {"demo-etcd-1-data-0", "somebody-elses"}


def test_a_group_that_is_kept_loses_the_clusters_tags_and_no_others(
    azure: Azure, made: Services, plan: Plan
) -> None:
    owner = owner_of(plan)
    tags = {"team": "sea"} | {key.title(): value for key, value in owner.group_tags.items()}
    deployed(azure, GROUP, tags, disk("somebody-elses", {}))
    removal = removed(owner)
    until("the removal", lambda: not removal.step(GROUP).waits)
    group = ResourceGroups(azure.settings).get(GROUP)
    assert group is not None
    assert group.tags == {"team": "sea"}
    refuse_group(group, Owner("demo", "0a1b2c3d", owner.installation))


def test_a_deletion_that_a_card_of_others_holds_fails_with_what_holds(
    azure: Azure, made: Services, plan: Plan
) -> None:
    owner = owner_of(plan)
    deployed(azure, GROUP, owner.group_tags, network("demo-vnet", owner.tags))
    (own,) = Resources(azure.settings).list(GROUP)
    address = {"subnet": {"id": f"{own.id}/subnets/controller"}}
    card = resource(
        "Microsoft.Network/networkInterfaces",
        "2025-09-01",
        "theirs",
        properties={"ipConfigurations": [{"name": "a", "properties": address}]},
    )
    deployed(azure, OTHERS, {}, card)
    removal = removed(owner)
    assert removal.step(GROUP).waits

    with pytest.raises(Refused) as refused:
        until("the failure", lambda: not removal.step(GROUP).waits)
    text = " ".join([refused.value.code, refused.value.message, *refused.value.details])
    assert "InUseSubnetCannotBeDeleted" in text
    assert "demo-vnet" in text
    assert "theirs" in text
    assert ResourceGroups(azure.settings).exists(GROUP)


def test_our_own_group_goes_whole(azure: Azure, made: Services, plan: Plan) -> None:
    owner = owner_of(plan)
    deployed(azure, GROUP, owner.group_tags, network("demo-vnet", owner.tags))
    removal = removed(owner)
    assert removal.step(GROUP).waits
    until("the removal", lambda: not removal.step(GROUP).waits)
    assert not ResourceGroups(azure.settings).exists(GROUP)
