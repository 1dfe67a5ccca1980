"""Disks and availability sets, held to the shapes of recorded exchanges with the real service.

Sources, both Azure/azure-cli, vm/tests/latest/recordings: test_disk_bursting.yaml (recorded
2023-11-06, API version 2023-04-02) and test_vm_availset.yaml (2024-04-24, 2024-03-01). Names and
types only. Machines: test_shapes.py.
"""

from typing import Any

from lab.tests.arm.conftest import Azure
from lab.tests.arm.samples import COMPUTE, DISKS, one_machine, resource, template
from lab.tests.standins.shapes import differences

DISK_TYPE = "Microsoft.Compute/disks"
SET_TYPE = "Microsoft.Compute/availabilitySets"
RESOURCE = {"name": str, "id": str, "type": str, "location": str, "tags": dict}
DISK: dict[str, Any] = RESOURCE | {
    "sku": {"name": str, "tier": str},
    "properties": {
        "creationData": {"createOption": str},
        "diskSizeGB": int,
        "diskSizeBytes": int,
        "encryption": {"type": str},
        "networkAccessPolicy": str,
        "publicNetworkAccess": str,
        "timeCreated": str,
        "provisioningState": str,
        "diskState": str,
        "uniqueId": str,
    },
}
AVAILABILITY_SET: dict[str, Any] = RESOURCE | {
    "sku": {"name": str},
    "properties": {
        "platformUpdateDomainCount": int,
        "platformFaultDomainCount": int,
        "virtualMachines": list,
    },
}


def disk(**more: Any) -> dict[str, Any]:
    created = {"createOption": "Empty"}
    return resource(
        DISK_TYPE,
        "data",
        {"creationData": created, "diskSizeGB": 4},
        sku={"name": "Premium_LRS"},
        **more,
    )


def test_a_disk_of_its_own_has_the_recorded_shape(azure: Azure, group: str) -> None:
    azure.deploy(template(disk()))
    found = azure.resource(f"{DISK_TYPE}/data", DISKS)
    assert differences(DISK, found) == []
    assert found["sku"] == {"name": "Premium_LRS", "tier": "Premium"}
    assert found["properties"]["diskSizeBytes"] == 4 * 1024**3
    assert found["properties"]["diskState"] == "Unattached"
    assert "managedBy" not in found


def test_a_disk_keeps_its_number_and_its_time_when_it_is_put_again(
    azure: Azure, group: str
) -> None:
    azure.deploy(template(disk()))
    before = azure.resource(f"{DISK_TYPE}/data", DISKS)
    azure.deploy(template(disk(tags={"a": "b"})))
    after = azure.resource(f"{DISK_TYPE}/data", DISKS)
    assert after["tags"] == {"a": "b"}
    assert after["properties"] == before["properties"]


def test_the_disk_of_a_machine_has_the_recorded_shape(azure: Azure, group: str) -> None:
    azure.deploy(one_machine())
    machine = azure.resource("Microsoft.Compute/virtualMachines/vm", COMPUTE)
    name = machine["properties"]["storageProfile"]["osDisk"]["name"]
    found = azure.resource(f"{DISK_TYPE}/{name}", DISKS)
    assert differences(DISK, found) == []
    assert found["managedBy"] == machine["id"]
    assert found["properties"]["diskState"] == "Attached"


def test_an_availability_set_has_the_recorded_shape(azure: Azure, group: str) -> None:
    counts = {"platformFaultDomainCount": 2}
    together = resource(SET_TYPE, "set", counts, sku={"name": "Aligned"})
    whole = one_machine()
    whole["resources"].append(together)
    azure.deploy(whole)
    found = azure.resource(f"{SET_TYPE}/set", COMPUTE)
    assert differences(AVAILABILITY_SET, found) == []
    assert found["properties"]["virtualMachines"] == []
    assert {"provisioningState", "resourceGuid"}.isdisjoint(found["properties"])


def test_an_availability_set_names_its_machines(azure: Azure, group: str) -> None:
    counts = {"platformFaultDomainCount": 2}
    together = resource(SET_TYPE, "set", counts, sku={"name": "Aligned"})
    target = f"[resourceId('{SET_TYPE}', 'set')]"
    whole = one_machine(dependsOn=[target])
    whole["resources"][-1]["properties"]["availabilitySet"] = {"id": target}
    whole["resources"].append(together)
    azure.deploy(whole)
    machine = azure.resource("Microsoft.Compute/virtualMachines/vm", COMPUTE)
    found = azure.resource(f"{SET_TYPE}/set", COMPUTE)
    assert found["properties"]["virtualMachines"] == [{"id": machine["id"]}]
