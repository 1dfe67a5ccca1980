"""Virtual machines: what Azure would refuse, and the machine that the fabric is asked for."""

import base64
import binascii
from typing import Any

from lab.arm.errors import ArmError
from lab.arm.state import ArmState
from lab.arm.template import Concrete
from lab.fabric import DataDisk, Fabric, FabricError, MachineSpec

IMAGE = {"publisher": "Debian", "offer": "debian-13", "sku": "13-gen2"}
IMAGE_VERSIONS = ("0.20260914.2601",)
MAX_CUSTOM_DATA = 65_536
# Size: (family, vCPUs, GB). An excerpt of what the public cloud offers.
SIZES: dict[str, tuple[str, int, int]] = {
    "Standard_B1s": ("standardBSFamily", 1, 1),
    "Standard_B2s_v2": ("standardBsv2Family", 2, 8),
    "Standard_B4s_v2": ("standardBsv2Family", 4, 16),
    "Standard_D2s_v5": ("standardDSv5Family", 2, 8),
    "Standard_D4s_v5": ("standardDSv5Family", 4, 16),
    "Standard_D8s_v5": ("standardDSv5Family", 8, 32),
    "Standard_E4s_v5": ("standardESv5Family", 4, 32),
}


def check_machine(state: ArmState, concrete: Concrete, restricted: set[str]) -> None:
    """Size, image, customData and interface."""
    p = concrete.body["properties"]
    size = p["hardwareProfile"]["vmSize"]
    if size not in SIZES or size in restricted:
        raise ArmError(
            409,
            "SkuNotAvailable",
            f"The requested VM size '{size}' is not available in the current region.",
        )
    image = p["storageProfile"]["imageReference"]
    if {key: image.get(key) for key in IMAGE} != IMAGE or image.get(
        "version"
    ) not in IMAGE_VERSIONS:
        raise ArmError(
            404, "PlatformImageNotFound", f"The platform image '{image}' is not available."
        )
    _custom_data(p)
    for reference in p["networkProfile"]["networkInterfaces"]:
        if state.get(reference["id"]) is None:
            raise ArmError(
                400, "InvalidResourceReference", f"'{concrete.name}': no such network interface"
            )


def machine_spec(state: ArmState, concrete: Concrete) -> MachineSpec:
    p = concrete.body["properties"]
    nic = state.get(p["networkProfile"]["networkInterfaces"][0]["id"])
    assert nic is not None  # noqa: S101 -- checked before
    config = nic["properties"]["ipConfigurations"][0]["properties"]
    subnet = state.get(config["subnet"]["id"])
    assert subnet is not None  # noqa: S101 -- the interface was checked
    keys = p["osProfile"]["linuxConfiguration"]["ssh"]["publicKeys"]
    return MachineSpec(
        id=machine_id(concrete.id),
        hostname=p["osProfile"]["computerName"],
        address=config["privateIPAddress"],
        subnet=subnet["properties"]["addressPrefix"],
        admin_user=p["osProfile"]["adminUsername"],
        ssh_public_keys=tuple(key["keyData"] for key in keys),
        custom_data=_custom_data(p),
        data_disks=tuple(_disk(state, disk) for disk in p["storageProfile"].get("dataDisks", [])),
        vm_size=p["hardwareProfile"]["vmSize"],
    )


def machine_id(identity: str) -> str:
    parts = identity.lower().split("/")
    return f"{parts[4]}/{parts[-1]}"


def create_machine(state: ArmState, fabric: Fabric, concrete: Concrete) -> None:
    try:
        fabric.create(machine_spec(state, concrete))
    except FabricError as error:
        raise ArmError(409, "OSProvisioningTimedOut", f"{concrete.name}: {error}") from None


def _disk(state: ArmState, disk: dict[str, Any]) -> DataDisk:
    managed = state.get(disk["managedDisk"]["id"])
    if managed is None:
        raise ArmError(404, "ResourceNotFound", f"disk {disk['managedDisk']['id']} does not exist")
    return DataDisk(disk["lun"], managed["properties"]["diskSizeGB"], managed["name"])


def _custom_data(properties: dict[str, Any]) -> bytes:
    try:
        data = base64.b64decode(properties["osProfile"].get("customData", ""), validate=True)
    except binascii.Error:
        raise ArmError(400, "InvalidParameter", "Custom data must be Base64.") from None
    if len(data) > MAX_CUSTOM_DATA:
        raise ArmError(400, "InvalidParameter", "Custom data is over 64 KB.")
    return data


def instance_view(fabric: Fabric, identity: str) -> dict[str, Any]:
    """Power state as Azure codes it."""
    power = fabric.state(machine_id(identity))
    code = {"running": "running", "deallocated": "deallocated"}.get(power, "stopped")
    return {
        "statuses": [
            {"code": "ProvisioningState/succeeded", "level": "Info"},
            {"code": f"PowerState/{code}", "level": "Info"},
        ]
    }


def skus(location: str, restricted: set[str]) -> list[dict[str, Any]]:
    return [
        {
            "resourceType": "virtualMachines",
            "name": name,
            "tier": "Standard",
            "family": family,
            "locations": [location],
            "locationInfo": [{"location": location, "zones": ["1", "2", "3"]}],
            "capabilities": [
                {"name": "vCPUs", "value": str(cores)},
                {"name": "MemoryGB", "value": str(memory)},
            ],
            "restrictions": [
                {
                    "type": "Location",
                    "values": [location],
                    "reasonCode": "NotAvailableForSubscription",
                }
            ]
            if name in restricted
            else [],
        }
        for name, (family, cores, memory) in SIZES.items()
    ]


def usages(state: ArmState, limits: dict[str, int]) -> list[dict[str, Any]]:
    machines = state.of_type("microsoft.compute/virtualmachines")
    used: dict[str, int] = {"cores": 0, "virtualMachines": len(machines)}
    for family, _, _ in SIZES.values():
        used.setdefault(family, 0)
    for machine in machines:
        family, cores, _ = SIZES[machine["properties"]["hardwareProfile"]["vmSize"]]
        used[family] += cores
        used["cores"] += cores
    return [
        {
            "name": {"value": name, "localizedValue": name},
            "unit": "Count",
            "currentValue": current,
            "limit": limits.get(name, 25_000 if name == "virtualMachines" else 5_000),
        }
        for name, current in used.items()
    ]
