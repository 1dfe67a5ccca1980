"""What a VM size lacks for a cluster's machines, what would do, and where etcd's members land."""

from dataclasses import replace
from typing import Any

import pytest

from cluster.plan import Plan, make_plan
from cluster.record import ClusterRecord
from cluster.sizes import Offer, Size, fitted, notes, placement, size_faults
from cluster.spec_rules import parse_spec

ZONES = ("1", "2", "3")
RECORD = ClusterRecord(name="demo", uid="u", generation=1)


def size(name: str, vcpus: int = 2, **more: Any) -> Size:
    known: dict[str, Any] = {
        "family": "any",
        "zones": ZONES,
        "generations": ("V1", "V2"),
        "data_disks": 4,
        "premium_storage": True,
        "accelerated_networking": True,
    }
    return Size(name=name, vcpus=vcpus, **(known | more))


def region(*more: Size, fault_domains: int | None = 3) -> Offer:
    own = [
        size("Standard_B2s_v2"),
        size("Standard_D2s_v5"),
        size("Standard_D4s_v5", 4),
        size("Standard_D8s_v5", 8),
    ]
    return Offer({found.name: found for found in (*own, *more)}, fault_domains)


def plan(
    offer: Offer, existing: tuple[str, ...] = (), record: ClusterRecord = RECORD, **spec: Any
) -> Plan:
    wanted = parse_spec({"name": "demo", "etcd": {"count": 3}, **spec})
    return fitted(make_plan(wanted, record, existing), offer, record)


def built_with(members: int, fault_domains: int = 2) -> ClusterRecord:
    """The record of a cluster that was built with so many members of etcd."""
    built = parse_spec({"name": "demo", "etcd": {"count": members}}).model_dump(
        mode="json", by_alias=True
    )
    return RECORD.model_copy(update={"built": built, "fault_domains": fault_domains})


def test_the_default_sizes_have_no_faults() -> None:
    assert list(size_faults(plan(region()), region())) == []


@pytest.mark.parametrize(
    ("bad", "lack"),
    [
        ({"architecture": "Arm64"}, "lacks a processor of the image (x64; it has Arm64)"),
        ({"generations": ("V1",)}, "lacks generation 2 of Hyper-V, which the image needs (V2)"),
        ({"data_disks": 0}, "lacks room for 1 data disk (it takes 0)"),
        ({"restrictions": ("NotAvailableForSubscription",)}, "is not available in westeurope"),
    ],
)
def test_a_size_that_will_not_do_is_reported_with_its_field_and_others(
    bad: dict[str, Any], lack: str
) -> None:
    offer = region(size("Standard_D2x_v9", **bad))
    wanted = plan(offer, etcd={"count": 3, "vmSize": "Standard_D2x_v9"})
    (fault,) = size_faults(wanted, offer)
    assert fault.startswith(f"etcd.vmSize: VM size Standard_D2x_v9 {lack}")
    assert fault.endswith(
        ". Sizes that would do: Standard_D2s_v5, Standard_D4s_v5, Standard_D8s_v5"
    )


@pytest.mark.parametrize(
    ("vcpus", "memory", "lack"),
    [
        (1, 4.0, "lacks the 2 vCPUs that kubeadm requires (it has 1)"),
        (2, 1.75, "lacks the 2 GiB of memory that kubeadm requires (it has 1.75)"),
        (2, 0.5, "lacks the 2 GiB of memory that kubeadm requires (it has 0.5)"),
    ],
)
def test_a_control_plane_has_what_kubeadm_requires(vcpus: int, memory: float, lack: str) -> None:
    offer = region(size("Standard_Small", vcpus, memory_gib=memory))
    small = {"vmSize": "Standard_Small"}
    (fault,) = size_faults(plan(offer, controlPlane=small), offer)
    assert fault.startswith(f"controlPlane.vmSize: VM size Standard_Small {lack}. Sizes that")
    others = plan(offer, controller=small, workers=[{"name": "a"} | small])
    assert list(size_faults(others, offer)) == []
    before = plan(offer, controlPlane=small, playbook={"through": "etcd"})
    assert list(size_faults(before, offer)) == []


def test_a_size_without_data_disks_does_for_machines_that_have_none() -> None:
    offer = region(size("Standard_D2x_v9", data_disks=0))
    wanted = plan(offer, workers=[{"name": "a", "vmSize": "Standard_D2x_v9"}])
    assert list(size_faults(wanted, offer)) == []


def test_the_pool_is_named_by_its_place_in_the_spec() -> None:
    pools = [{"name": "a"}, {"name": "b", "vmSize": "Standard_D64_v1"}]
    (fault,) = size_faults(plan(region(), workers=pools), region())
    assert fault.startswith("workers[1].vmSize: VM size Standard_D64_v1 is not offered in west")


def test_machines_that_exist_have_no_faults() -> None:
    existing = ("demo-etcd-0", "demo-etcd-1", "demo-etcd-2")
    wanted = plan(region(), existing, etcd={"count": 3, "vmSize": "Standard_D64_v1"})
    assert list(size_faults(wanted, region())) == []


def test_a_size_must_be_in_every_zone_and_so_must_the_others() -> None:
    offer = region(size("Standard_D2x_v9", zones=("1",)), size("Standard_D3x_v9", zones=("1",)))
    wanted = plan(offer, zones=["1", "2"], controller={"vmSize": "Standard_D2x_v9"})
    (fault,) = size_faults(wanted, offer)
    assert "controller.vmSize: VM size Standard_D2x_v9 is not in zone 2 of westeurope" in fault
    assert "Standard_D3x_v9" not in fault


def test_where_no_size_fits_the_message_reports_that() -> None:
    offer = Offer({"Standard_D2s_v5": size("Standard_D2s_v5", architecture="Arm64")}, 3)
    (fault, *_) = size_faults(plan(offer), offer)
    assert fault.endswith("Sizes that would do: none is offered")


def test_templates_get_what_the_pools_size_can_do() -> None:
    plain = size("Standard_D2_v5", premium_storage=False, accelerated_networking=False)
    nvme = replace(size("Standard_D4s_v6"), controllers=("NVMe",), trusted_launch=False)
    offer = region(plain, nvme)
    wanted = plan(
        offer,
        etcd={"count": 3, "vmSize": plain.name},
        workers=[{"name": "fast", "vmSize": nvme.name}],
    )
    found = {part.part: part.parameters for part in wanted.deployments}
    names = ("diskType", "acceleratedNetworking", "trustedLaunch", "diskController")
    assert [found["etcd-0"][name] for name in names] == ["StandardSSD_LRS", False, True, "SCSI"]
    assert [found["fast-0"][name] for name in names] == ["Premium_LRS", True, False, "NVMe"]
    assert [found["controller"][name] for name in names] == ["Premium_LRS", True, True, "SCSI"]
    assert not set(names) & set(found["network"])
    assert "faultDomains" not in found["controller"]


def test_a_size_that_is_not_offered_leaves_the_templates_defaults() -> None:
    wanted = plan(region(), controller={"vmSize": "Standard_D64_v1"})
    assert "diskType" not in wanted.deployments[1].parameters


@pytest.mark.parametrize(
    ("built", "kept", "region_has", "asked"),
    [
        (None, None, 3, 3),
        (None, 3, 2, 2),  # planned elsewhere before, and nothing was built
        ({}, 3, 2, 3),
        ({}, 2, 3, 2),
        ({}, None, 3, 2),  # built before the number was kept
        (None, None, None, None),
    ],
)
def test_fault_domains_are_the_regions_most_and_stay_what_was_built(
    built: dict[str, Any] | None, kept: int | None, region_has: int | None, asked: int | None
) -> None:
    record = RECORD.model_copy(update={"built": built, "fault_domains": kept})
    wanted = plan(region(fault_domains=region_has), record=record)
    pools = [part.parameters for part in wanted.deployments if part.template == "nodes"]
    assert {part.get("faultDomains") for part in pools} == {asked}
    assert wanted.fault_domains == asked


def test_two_fault_domains_for_three_members_need_zones() -> None:
    offer = region(fault_domains=2)
    (fault,), messages = placement(plan(offer), offer)
    assert fault.startswith("etcd.count: an availability set in westeurope has 2 fault domains")
    assert fault.endswith("Name zones: 1, 2, 3")
    assert messages == []


@pytest.mark.parametrize(
    ("domains", "spec", "existing"),
    [
        (2, {"zones": ["1", "2", "3"]}, ()),
        (2, {"etcd": {"count": 1}}, ()),
        (3, {}, ()),
        (None, {}, ()),
        (2, {}, ("demo-etcd-0", "demo-etcd-1", "demo-etcd-2")),
    ],
)
def test_other_placements_are_left_alone(
    domains: int | None, spec: dict[str, Any], existing: tuple[str, ...]
) -> None:
    offer = region(fault_domains=domains)
    assert placement(plan(offer, existing, **spec), offer) == ([], [])


@pytest.mark.parametrize("before", [1, 3])
def test_etcd_does_not_grow_into_two_fault_domains_where_there_are_zones(before: int) -> None:
    offer, existing = region(fault_domains=2), tuple(f"demo-etcd-{n}" for n in range(before))
    asked = plan(offer, existing, built_with(before), etcd={"count": before + 2})
    (fault,), messages = placement(asked, offer)
    assert f"2 fault domains for {before + 2} members of etcd" in fault
    assert fault.endswith(
        f"leave etcd.count at {before}, or make another cluster with zones: 1, 2, 3"
    )
    assert messages == []


def test_the_own_number_of_a_cluster_decides_whether_etcd_may_grow() -> None:
    """A region may have another one by now."""
    offer, record = region(fault_domains=2), built_with(1, fault_domains=3)
    assert placement(plan(offer, ("demo-etcd-0",), record), offer) == ([], [])


@pytest.mark.parametrize("left", [(), ("demo-etcd-0",), ("demo-etcd-0", "demo-etcd-2")])
def test_lost_members_are_made_again_in_two_fault_domains_with_a_note(
    left: tuple[str, ...],
) -> None:
    offer = region(fault_domains=2)
    faults, (note,) = placement(plan(offer, left, built_with(3)), offer)
    assert faults == []
    assert note.endswith("Zones cannot be given to a cluster that exists")


def test_a_region_without_zones_is_a_note_and_no_fault() -> None:
    without = {name: replace(one, zones=()) for name, one in region().sizes.items()}
    offer = Offer(without, 2)
    (note,) = notes(plan(offer), offer)
    assert note.endswith("westeurope has no three zones for Standard_D2s_v5")
    assert placement(plan(offer), offer)[0] == []


def test_slow_disks_under_etcd_are_a_note() -> None:
    offer = region(size("Standard_D2_v5", premium_storage=False))
    (note,) = notes(plan(offer, etcd={"count": 3, "vmSize": "Standard_D2_v5"}), offer)
    assert note.startswith("etcd.vmSize: VM size Standard_D2_v5 has no premium storage")
    assert notes(plan(offer), offer) == []
