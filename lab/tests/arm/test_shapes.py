"""Machines and what-if, held to the shapes of recorded exchanges with the real service.

Sources, all Azure/azure-cli: vm/tests/latest/recordings/test_vm_create_ubuntu.yaml (recorded
2022-05-18; virtual machine 2022-03-01, interface and address 2018-01-01);
test_vm_create_state_modifications.yaml beside it (2025-11-16, 2024-11-01: the machine's ETag);
resource/tests/latest/recordings/test_resource_group_level_what_if.yaml (2020-07-06, 2020-06-01).
Names and types only. Other resources: test_network_shapes.py, test_compute_shapes.py; deletion and
refusals: test_answer_shapes.py; deployments and the vault: lab/tests/standins/test_shapes.py.
"""

from typing import Any

from lab.testing.fabric import eventually
from lab.tests.arm.conftest import Azure, deployment
from lab.tests.arm.samples import (
    COMPUTE,
    address,
    interface,
    machine,
    network,
    subnet,
    template,
)
from lab.tests.standins.shapes import differences

PUBLIC = "[resourceId('Microsoft.Network/publicIPAddresses', 'ip')]"
REFERENCE = {"id": str}
STATUS = {"code": str, "level": str, "displayStatus": str}
DISK = {"name": str, "createOption": str, "caching": str, "deleteOption": str, "diskSizeGB": int}
MANAGED = {"managedDisk": {"storageAccountType": str, "id": str}}
RESOURCE = {"name": str, "id": str, "type": str, "location": str, "tags": dict}
MACHINE: dict[str, Any] = RESOURCE | {
    "etag": str,
    "properties": {
        "vmId": str,
        "hardwareProfile": {"vmSize": str},
        "storageProfile": {
            "imageReference": {
                "publisher": str,
                "offer": str,
                "sku": str,
                "version": str,
                "exactVersion": str,
            },
            "osDisk": DISK | MANAGED | {"osType": str},
            "dataDisks": [DISK | MANAGED | {"lun": int, "toBeDetached": bool}],
        },
        "osProfile": {
            "computerName": str,
            "adminUsername": str,
            "linuxConfiguration": {
                "disablePasswordAuthentication": bool,
                "ssh": {"publicKeys": [{"path": str, "keyData": str}]},
                "provisionVMAgent": bool,
                "patchSettings": {"patchMode": str, "assessmentMode": str},
            },
            "secrets": list,
            "allowExtensionOperations": bool,
            "requireGuestProvisionSignal": bool,
        },
        "networkProfile": {"networkInterfaces": [REFERENCE]},
        "provisioningState": str,
        "timeCreated": str,
    },
}
VIEW: dict[str, Any] = {
    "computerName": str,
    "osName": str,
    "osVersion": str,
    "hyperVGeneration": str,
    "vmAgent": {
        "vmAgentVersion": str,
        "statuses": [STATUS | {"message": str, "time": str}],
        "extensionHandlers": list,
    },
    "disks": [{"name": str, "statuses": [STATUS | {"time": str}]}],
    "statuses": [STATUS],
}
INTERFACE: dict[str, Any] = RESOURCE | {
    "etag": str,
    "properties": {
        "provisioningState": str,
        "resourceGuid": str,
        "ipConfigurations": [
            {
                "name": str,
                "id": str,
                "etag": str,
                "type": str,
                "properties": {
                    "provisioningState": str,
                    "privateIPAddress": str,
                    "privateIPAllocationMethod": str,
                    "publicIPAddress": REFERENCE,
                    "subnet": REFERENCE,
                    "primary": bool,
                    "privateIPAddressVersion": str,
                },
            }
        ],
        "dnsSettings": {"dnsServers": list, "appliedDnsServers": list},
        "macAddress": str,
        "enableIPForwarding": bool,
        "primary": bool,
        "virtualMachine": REFERENCE,
    },
}
ADDRESS: dict[str, Any] = RESOURCE | {
    "etag": str,
    "sku": {"name": str, "tier": str},
    "properties": {
        "provisioningState": str,
        "resourceGuid": str,
        "ipAddress": str,
        "publicIPAddressVersion": str,
        "publicIPAllocationMethod": str,
        "idleTimeoutInMinutes": int,
        "ipTags": list,
        "ipConfiguration": REFERENCE,
    },
}
CHANGE: dict[str, Any] = {
    "resourceId": str,
    "changeType": str,
    "before": {"apiVersion": str, "id": str, "name": str, "type": str, "location": str},
    "after": {"apiVersion": str, "id": str, "name": str, "type": str, "location": str},
    "delta": [{"path": str, "propertyChangeType": str, "before": str, "after": str}],
}


def whole() -> dict[str, Any]:
    """A machine as the recorded command makes it: public address, one data disk."""
    nic = interface(publicIPAddress={"id": PUBLIC})
    nic["dependsOn"] = [
        "ip",
        "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'net', 'one')]",
    ]
    disk = {"lun": 0, "createOption": "Empty", "diskSizeGB": 4, "deleteOption": "Delete"}
    vm = machine(dataDisks=[disk])
    vm["dependsOn"] = ["nic"]
    return template(network(), subnet(), address(), nic, vm)


def test_a_virtual_machine_has_the_recorded_shape(azure: Azure, group: str) -> None:
    azure.deploy(whole())
    found = azure.resource("Microsoft.Compute/virtualMachines/vm", COMPUTE)
    assert differences(MACHINE, found) == []
    assert "customData" not in found["properties"]["osProfile"]
    assert "instanceView" not in found["properties"]


def test_an_instance_view_has_the_recorded_shape(azure: Azure, group: str) -> None:
    azure.deploy(whole())
    path = f"/resourcegroups/{group}/providers/Microsoft.Compute/virtualMachines/vm"
    expanded = azure.call("GET", path, version=COMPUTE, **{"$expand": "instanceView"}).json()
    alone = azure.call("GET", f"{path}/instanceView", version=COMPUTE).json()
    for view in (expanded["properties"]["instanceView"], alone):
        assert differences(VIEW, view) == []
        codes = [status["code"] for status in view["statuses"]]
        assert codes == ["ProvisioningState/succeeded", "PowerState/running"]
        assert differences(STATUS | {"time": str}, view["statuses"][0]) == []


def test_power_states_have_the_recorded_words(azure: Azure, group: str) -> None:
    azure.deploy(whole())
    path = f"/resourcegroups/{group}/providers/Microsoft.Compute/virtualMachines/vm"
    assert azure.call("POST", f"{path}/deallocate", version=COMPUTE).status_code == 202

    def look() -> dict[str, Any] | None:
        view = azure.call("GET", f"{path}/instanceView", version=COMPUTE).json()
        found = view["statuses"][-1]
        assert differences(STATUS, found) == []
        return None if found["code"] == "PowerState/deallocating" else found

    words = {"code": "PowerState/deallocated", "level": "Info", "displayStatus": "VM deallocated"}
    assert eventually(look) == words


def test_interface_and_address_have_the_recorded_shapes(azure: Azure, group: str) -> None:
    azure.deploy(whole())
    assert differences(INTERFACE, azure.resource("Microsoft.Network/networkInterfaces/nic")) == []
    assert differences(ADDRESS, azure.resource("Microsoft.Network/publicIPAddresses/ip")) == []


def test_what_if_has_the_recorded_shape(azure: Azure, group: str) -> None:
    azure.deploy(whole())
    changed = whole()
    changed["resources"][0]["tags"] = {"a": "b"}
    azure.deploy(changed)
    changed["resources"][0]["tags"] = {"a": "c"}
    path = f"/resourcegroups/{group}/providers/Microsoft.Resources/deployments/d/whatIf"
    asked = azure.call("POST", path, deployment(changed))
    assert (asked.status_code, asked.content) == (202, b"")
    address_of_result = asked.headers["Location"].partition(azure.root)[2].partition("?")[0]

    def look() -> dict[str, Any] | None:
        answer = azure.call("GET", address_of_result)
        return answer.json() if answer.status_code == 200 else None

    result = eventually(look)
    assert differences({"status": str, "properties": {"changes": list}}, result) == []
    changes = {change["resourceId"]: change for change in result["properties"]["changes"]}
    (modified,) = [c for c in changes.values() if c["changeType"] == "Modify"]
    assert differences(CHANGE, modified) == []
    assert modified["delta"] == [
        {"path": "tags.a", "propertyChangeType": "Modify", "before": "b", "after": "c"}
    ]
