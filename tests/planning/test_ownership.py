"""A group, and what is in it, is compared with the cluster's own tags before a deployment."""

from collections.abc import Iterator
from typing import Any

import pytest

from clients.azure.arm import Group, Resource
from clients.errors import Refused
from clients.settings import Settings
from cluster.faults import SpecRefusedError
from cluster.ownership import Owner
from cluster.plan import Plan, make_plan
from cluster.planned_resources import planned_resources
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from lab.simulation.run import Scenario, Simulation, simulation
from planning import dry_run
from planning.ownership import need_own, ownership_faults, refuse_spec_group

OTHER = Owner("shop", "ffffffff", "another/slipway")


@pytest.fixture
def made() -> Iterator[Simulation]:
    with simulation(Scenario(8, cluster="shop", pool="worker")) as started:
        started.services.cloud.group = Group("shop-rg", "westeurope", {}, "Succeeded")
        yield started


def plan(uid: str = "0a1b2c3d") -> Plan:
    spec = parse_spec({"name": "shop", "etcd": {"count": 1}})
    return make_plan(spec, ClusterRecord(name="shop", uid=uid, generation=1), [])


def resource(kind: str, name: str, tags: dict[str, str]) -> Resource:
    return Resource(f"/providers/{kind}/{name}", kind, name, tags)


def own(made: Simulation) -> Owner:
    return Owner("shop", "0a1b2c3d", made.services.settings.installation)


NAMES = [
    one for one in planned_resources(plan()) if one.type != "Microsoft.Compute/availabilitySets"
]


@pytest.mark.parametrize("planned", NAMES, ids=lambda one: one.name)
@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"owner": "somebody"},
        {"slipway-cluster": "shop"},
        OTHER.tags,
        {**OTHER.tags, "slipway-uid": "0a1b2c3d"},
    ],
    ids=["no tags", "their tags", "no uid", "another uid", "another installation"],
)
def test_every_planned_name_that_others_use_is_refused_and_named(
    made: Simulation, planned: Any, tags: dict[str, str]
) -> None:
    name = planned.name.upper()
    made.services.cloud.others = [resource(planned.type.lower(), name, tags)]
    with pytest.raises(Refused) as refused:
        need_own(plan())
    assert (refused.value.code, refused.value.place) == ("ResourceOwnedByAnother", name)
    assert name in refused.value.details[0]


def test_what_carries_our_tags_in_any_case_is_ours(made: Simulation) -> None:
    tags = {key.title(): value for key, value in own(made).tags.items()}
    made.services.cloud.others = [resource(*one, tags) for one in planned_resources(plan())]
    assert need_own(plan()) is made.services.cloud.group


def test_resources_of_others_under_other_names_are_no_fault(made: Simulation) -> None:
    made.services.cloud.others = [
        resource("Microsoft.Compute/disks", "shop-data", {}),
        resource("Microsoft.Network/routeTables", "shop-vnet", {}),
    ]
    assert list(ownership_faults(plan())) == []


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        (OTHER.group_tags, "uid ffffffff) of the installation another/slipway"),
        ({"Slipway-Owner": "field"}, "cluster 'field' (without the tag slipway-uid)"),
        ({"slipway-owner": "shop"}, "give it the tags slipway-uid=0a1b2c3d"),
    ],
)
def test_a_group_of_another_record_is_refused_with_its_owner(
    made: Simulation, tags: dict[str, str], words: str
) -> None:
    made.services.cloud.group = Group("shop-rg", "westeurope", tags, "Succeeded")
    with pytest.raises(Refused) as refused:
        need_own(plan())
    assert refused.value.code == "GroupOwnedByAnother"
    assert words in refused.value.message


def test_a_group_that_holds_an_installation_is_refused(made: Simulation) -> None:
    tags = {"slipway-installation": "second"}
    made.services.cloud.others = [resource("Microsoft.Storage/storageAccounts", "x", tags)]
    with pytest.raises(Refused, match="GroupOfInstallation"):
        need_own(plan())


def test_the_own_group_is_refused_with_the_field() -> None:
    spec = parse_spec({"name": "slipway", "resourceGroup": "Slipway-Platform"})
    with pytest.raises(SpecRefusedError) as refused:
        refuse_spec_group(spec, Settings("s", "v", "c", own_group="slipway-platform"))
    assert [fault.path for fault in refused.value.faults] == ["resourceGroup"]
    refuse_spec_group(spec, Settings("s", "v", "c", own_group="another"))
    refuse_spec_group(spec, Settings("s", "v", "c"))


def test_a_dry_run_reports_what_belongs_to_others_and_creates_nothing(made: Simulation) -> None:
    made.services.cloud.others = [
        resource("Microsoft.Network/publicIPAddresses", "shop-nat-ip", {"owner": "somebody"}),
        resource("Microsoft.Compute/virtualMachines", "shop-etcd-0", OTHER.tags),
    ]
    found = dry_run.dry_run(made.scenario.wanted)
    assert any("shop-nat-ip" in fault for fault in found.faults)
    assert any("shop-etcd-0" in fault and "ffffffff" in fault for fault in found.faults)
    assert made.services.cloud.deployments == {}


def test_a_plan_without_a_group_has_no_fault(made: Simulation) -> None:
    made.services.cloud.group = None
    assert list(ownership_faults(plan())) == []
