"""The few calls to Microsoft.Compute. Shapes: Azure/azure-cli, recorded exchanges of `vm`."""

from typing import Any

import pytest
from werkzeug.wrappers import Response

from clients.azure.compute import Compute, Usage, Vm
from clients.errors import Refused, Transient
from clients.settings import Settings
from cluster.machine_forms import MachineForm
from tests.clients.conftest import SUBSCRIPTION, Script, document

ROOT = f"/subscriptions/{SUBSCRIPTION}"
VMS = f"{ROOT}/resourceGroups/demo-rg/providers/Microsoft.Compute/virtualMachines"
SKUS = f"{ROOT}/providers/Microsoft.Compute/skus"
USAGES = f"{ROOT}/providers/Microsoft.Compute/locations/westeurope/usages"


def machine(*codes: str) -> dict[str, Any]:
    view = {"statuses": [{"code": code, "level": "Info"} for code in codes]}
    properties = {"provisioningState": "Succeeded", "instanceView": view if codes else None}
    return {"name": "demo-controller", "properties": properties}


def test_a_machines_power_is_read_from_its_instance_view(
    settings: Settings, script: Script
) -> None:
    path = f"{VMS}/demo-controller"
    script.on("GET", path, (200, machine("ProvisioningState/succeeded", "PowerState/deallocated")))
    found = Compute(settings).vm("demo-rg", "demo-controller")
    assert found == Vm("demo-controller", "Succeeded", "deallocated")
    assert dict(script.asked[0].args) == {"$expand": "instanceView", "api-version": "2026-04-01"}
    assert script.asked[0].headers["Authorization"] == "Bearer token-of-a-test"


def test_a_machine_without_a_view_has_no_power_state_and_one_that_is_gone_is_none(
    settings: Settings, script: Script
) -> None:
    script.on("GET", f"{VMS}/demo-controller", (200, machine()))
    compute = Compute(settings)
    assert compute.vm("demo-rg", "demo-controller") == Vm("demo-controller", "Succeeded", "")
    assert compute.vm("demo-rg", "nobody") is None


def test_another_fault_is_not_taken_for_a_machine_that_is_gone(
    settings: Settings, script: Script
) -> None:
    denied = {"error": {"code": "AuthorizationFailed", "message": "no right"}}
    script.on("GET", f"{VMS}/demo-controller", (403, denied))
    with pytest.raises(Refused, match="no right"):
        Compute(settings).vm("demo-rg", "demo-controller")


@pytest.mark.parametrize("verb", ["start", "deallocate"])
def test_power_is_changed_without_waiting(settings: Settings, script: Script, verb: str) -> None:
    path = f"{VMS}/demo-controller/{verb}"
    script.on("POST", path, Response("", 202, {"Location": "https://management.azure.com/x"}))
    getattr(Compute(settings), verb)("demo-rg", "demo-controller")
    assert script.paths() == [f"POST {path}"]


def test_a_start_that_meets_another_operation_is_a_matter_of_coming_again(
    settings: Settings, script: Script
) -> None:
    busy = {"error": {"code": "AnotherOperationInProgress", "message": "busy"}}
    path = f"{VMS}/demo-controller/start"
    script.on("POST", path, document(409, busy, {"Retry-After": "9"}))
    with pytest.raises(Transient) as told:
        Compute(settings).start("demo-rg", "demo-controller")
    assert told.value.retry_after == 9


def test_pages_are_followed_to_the_end_and_only_at_arm(settings: Settings, script: Script) -> None:
    following = f"https://management.azure.com{VMS}?api-version=2026-04-01&$skiptoken=a%2Fb"
    script.on(
        "GET",
        VMS,
        (200, {"value": [machine()], "nextLink": following}),
        (200, {"value": [machine() | {"name": "demo-etcd-0"}]}),
        (200, {"value": [], "nextLink": "https://management.azure.com.evil.example/x"}),
    )
    compute = Compute(settings)
    assert [vm.name for vm in compute.vms("demo-rg")] == ["demo-controller", "demo-etcd-0"]
    assert script.asked[1].args["$skiptoken"] == "a/b"
    with pytest.raises(Refused, match="NotManagement"):
        compute.vms("demo-rg")
    assert len(script.asked) == 3


def test_quota_is_read_by_name(settings: Settings, script: Script) -> None:
    item = {"name": {"value": "cores", "localizedValue": "x"}, "currentValue": 4, "limit": 10}
    script.on("GET", USAGES, (200, {"value": [item]}))
    assert Compute(settings).usages("westeurope") == {"cores": Usage(4, 10)}


def sku(name: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "virtualMachines",
        "name": name,
        "family": "standardDSv5Family",
        "locationInfo": [{"location": "westeurope", "zones": ["3", "1", "2"]}],
        "capabilities": [{"name": "vCPUs", "value": "2"}, {"name": "MemoryGB", "value": "8"}],
        "restrictions": [],
        **more,
    }


def test_sizes_come_with_what_the_subscription_may_not_use(
    settings: Settings, script: Script
) -> None:
    zone = {
        "type": "Zone",
        "reasonCode": "NotAvailableForSubscription",
        "restrictionInfo": {"locations": ["westeurope"], "zones": ["3"]},
    }
    whole = {"type": "Location", "reasonCode": "NotAvailableForSubscription"}
    items = [
        sku("Standard_D2s_v5", restrictions=[zone]),
        sku("Standard_D4s_v5", restrictions=[whole], locationInfo=[]),
        {"resourceType": "disks", "name": "Premium_LRS"},
    ]
    script.on("GET", SKUS, (200, {"value": items}))
    found = Compute(settings).offer("westeurope").sizes
    assert script.asked[0].args["$filter"] == "location eq 'westeurope'"
    assert script.asked[0].args["api-version"] == "2021-07-01"
    assert sorted(found) == ["Standard_D2s_v5", "Standard_D4s_v5"]
    first, second = found["Standard_D2s_v5"], found["Standard_D4s_v5"]
    assert (first.vcpus, first.zones, first.restrictions) == (2, ("1", "2"), ())
    assert (second.zones, second.restrictions) == ((), ("NotAvailableForSubscription",))


def test_a_size_says_what_it_can_do(settings: Settings, script: Script) -> None:
    """Names and values as the public cloud lists them."""
    able = {
        "vCPUs": "2",
        "MaxDataDiskCount": "8",
        "MemoryGB": "1.75",
        "PremiumIO": "True",
        "AcceleratedNetworkingEnabled": "True",
        "HyperVGenerations": "V1,V2",
        "CpuArchitectureType": "Arm64",
        "DiskControllerTypes": "SCSI, NVMe",
        "TrustedLaunchDisabled": "True",
    }
    listed = [{"name": name, "value": value} for name, value in able.items()]
    sets = {"resourceType": "availabilitySets", "capabilities": []}
    count = [{"name": "MaximumPlatformFaultDomainCount", "value": "2"}]
    items = [
        sku("Standard_D2pls_v5", capabilities=listed),
        sku("Standard_D2_v3"),
        sets | {"name": "Classic"},
        sets | {"name": "Aligned", "capabilities": count},
    ]
    script.on("GET", SKUS, (200, {"value": items}))
    offer = Compute(settings).offer("westeurope")
    assert offer.fault_domains == 2
    able_one, silent = offer.sizes["Standard_D2pls_v5"], offer.sizes["Standard_D2_v3"]
    assert (able_one.architecture, able_one.generations) == ("Arm64", ("V1", "V2"))
    assert (able_one.controllers, able_one.data_disks) == (("SCSI", "NVMe"), 8)
    assert (able_one.premium_storage, able_one.accelerated_networking) == (True, True)
    assert (able_one.trusted_launch, able_one.memory_gib) == (False, 1.75)
    assert silent.memory_gib == 8.0
    assert (silent.architecture, silent.generations, silent.controllers) == ("x64", (), ("SCSI",))
    assert (silent.data_disks, silent.premium_storage, silent.trusted_launch) == (None, False, True)


def test_an_entry_with_gaps_hides_no_other_size(settings: Settings, script: Script) -> None:
    gaps = [{"name": "vCPUs"}, {"value": "2"}, {"name": "CpuArchitectureType", "value": None}]
    items = [
        {"resourceType": "virtualMachines", "capabilities": gaps},
        {"resourceType": "availabilitySets"},
        sku("Standard_D2_v3", capabilities=gaps),
        sku("Standard_D2s_v5"),
    ]
    script.on("GET", SKUS, (200, {"value": items}))
    sizes = Compute(settings).offer("westeurope").sizes
    assert list(sizes) == ["Standard_D2_v3", "Standard_D2s_v5"]
    assert (sizes["Standard_D2_v3"].architecture, sizes["Standard_D2_v3"].vcpus) == ("x64", 0)


def test_a_location_that_does_not_list_its_fault_domains(
    settings: Settings, script: Script
) -> None:
    script.on("GET", SKUS, (200, {"value": [sku("Standard_D2s_v5")]}))
    assert Compute(settings).offer("westeurope").fault_domains is None


def test_how_a_machine_was_made_is_read_as_far_as_azure_says_it(
    settings: Settings, script: Script
) -> None:
    properties = {
        "hardwareProfile": {"vmSize": "Standard_D4s_v5"},
        "storageProfile": {
            "imageReference": {"publisher": "Debian", "version": "0.20260914.2601"},
            "osDisk": {"diskSizeGB": 64},
            "dataDisks": [{"lun": 0, "diskSizeGB": 32}],
        },
    }
    # A deallocated machine has no size of its disk.
    without = {**properties, "storageProfile": {"osDisk": {"diskSizeGB": None}}}
    found = [
        {"name": name, "properties": said}
        for name, said in (("a", properties), ("b", without), ("c", {}))
    ]
    script.on("GET", VMS, (200, {"value": found}))
    assert [vm.form for vm in Compute(settings).vms("demo-rg")] == [
        MachineForm("Standard_D4s_v5", "0.20260914.2601", 64, 32),
        MachineForm("Standard_D4s_v5"),
        MachineForm(),
    ]
