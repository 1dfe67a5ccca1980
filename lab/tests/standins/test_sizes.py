"""VM sizes: preflight and the templates, compared with the sizes that the region offers."""

from typing import Any

import pytest

from clients.azure.compute import Compute
from cluster import keys
from cluster.plan import Plan, make_plan
from cluster.record import ClusterRecord
from cluster.sizes import Offer, fitted, size_faults
from cluster.spec_rules import parse_spec
from lab.arm.sizes import FAULT_DOMAINS, SIZES
from lab.tests.standins.test_arm import GROUP, deploy

RECORD = ClusterRecord(name="demo", uid="u", generation=1)
DISKS, MACHINES = "microsoft.compute/disks", "microsoft.compute/virtualmachines"


def wanted(size: str) -> Plan:
    tier = {"vmSize": size}
    spec = parse_spec(
        {
            "name": "demo",
            "resourceGroup": GROUP,
            "controller": tier,
            "etcd": {"count": 1, **tier},
            "controlPlane": tier,
            "workers": [{"name": "worker", "count": 1, **tier}],
        }
    )
    return make_plan(spec, RECORD, [])


@pytest.fixture
def offer(azure: Any) -> Offer:
    return Compute(azure.settings).offer("westeurope")


@pytest.fixture(scope="module")
def public_key() -> str:
    return keys.public_half(keys.new_ssh_key())


@pytest.mark.parametrize("size", SIZES)
def test_what_preflight_lets_pass_is_deployed_and_the_rest_is_refused(
    azure: Any, offer: Offer, public_key: str, size: str
) -> None:
    plan = fitted(wanted(size), offer, RECORD)
    deploy(azure, plan, public_key, "network")
    # What kubeadm requires of a control plane, Azure does not.
    faults = [fault for fault in size_faults(plan, offer) if "kubeadm" not in fault]
    refused = [fault.partition(":")[0] for fault in faults]
    for part, field in (
        ("controller", "controller.vmSize"),
        ("control-plane-0", "controlPlane.vmSize"),
        ("etcd-0", "etcd.vmSize"),
        ("worker-0", "workers[0].vmSize"),
    ):
        if field in refused:
            with pytest.raises(AssertionError, match=r"VM [Ss]ize|VM of size"):
                deploy(azure, plan, public_key, part)
        else:
            deploy(azure, plan, public_key, part)


@pytest.mark.parametrize(
    ("size", "disk", "accelerated", "controller"),
    [
        ("Standard_D2s_v5", "Premium_LRS", True, None),
        ("Standard_D2_v5", "StandardSSD_LRS", True, None),
        ("Standard_D2s_v6", "Premium_LRS", True, "NVMe"),
        ("Standard_B1s", "Premium_LRS", False, None),
        ("Standard_E4bds_v5", "Premium_LRS", True, None),
    ],
)
def test_a_machine_is_asked_for_as_its_size_can_be(
    azure: Any, offer: Offer, size: str, disk: str, accelerated: bool, controller: str | None
) -> None:
    key = keys.public_half(keys.new_ssh_key())
    deploy(azure, fitted(wanted(size), offer, RECORD), key, "network", "etcd-0")
    state = azure.facade.arm.state
    (machine,) = state.of_type(MACHINES)
    (interface,) = state.of_type("microsoft.network/networkinterfaces")
    assert {found["sku"]["name"] for found in state.of_type(DISKS)} == {disk}
    assert interface["properties"]["enableAcceleratedNetworking"] is accelerated
    assert machine["properties"]["securityProfile"]["securityType"] == "TrustedLaunch"
    assert machine["properties"]["storageProfile"].get("diskControllerType") == controller


def test_without_what_the_size_says_azure_refuses(azure: Any, public_key: str) -> None:
    """The templates' own defaults are those of the default sizes."""
    for size, reason in (
        ("Standard_D2_v5", "osDisk.managedDisk.storageAccountType"),
        ("Standard_D2s_v6", "vmSize"),
        ("Standard_B1s", "VMSizeIsNotPermittedToEnableAcceleratedNetworking"),
    ):
        deploy(azure, wanted(size), public_key, "network")
        with pytest.raises(AssertionError, match=reason):
            deploy(azure, wanted(size), public_key, "worker-0")


def test_an_availability_set_has_as_many_fault_domains_as_the_region(
    azure: Any, offer: Offer, public_key: str
) -> None:
    plan = fitted(wanted("Standard_D2s_v5"), offer, RECORD)
    deploy(azure, plan, public_key, "network", "etcd-0")
    (found,) = azure.facade.arm.state.of_type("microsoft.compute/availabilitysets")
    assert found["properties"]["platformFaultDomainCount"] == FAULT_DOMAINS == 3
    built = RECORD.model_copy(update={"built": {}, "fault_domains": plan.fault_domains})
    again = fitted(wanted("Standard_D2s_v5"), Offer(offer.sizes, 2), built)
    deploy(azure, again, public_key, "etcd-0", round_=2)


def test_more_fault_domains_than_there_are_are_refused(
    azure: Any, offer: Offer, public_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.arm.sizes.FAULT_DOMAINS", 2)
    plan = fitted(wanted("Standard_D2s_v5"), offer, RECORD)
    deploy(azure, plan, public_key, "network")
    with pytest.raises(AssertionError, match="fault domain count 3 must fall in the range 1 to 2"):
        deploy(azure, plan, public_key, "etcd-0")
