"""The calls to Microsoft.Compute that a run needs, without its SDK, which is very large.

API versions: virtualMachines and usages 2026-04-01, skus 2021-07-01 (the newest). Usages and SKUs
need a right at subscription scope. A list of VMs has no power states; a single VM has one.
"""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from clients.azure.errors import none_if_missing
from clients.azure.management import Management, items, part
from clients.settings import Settings
from cluster.machine_forms import MachineForm
from cluster.sizes import ARCHITECTURE, Offer, Size

COMPUTE, SKUS = "2026-04-01", "2021-07-01"
# The availability sets that take managed disks.
ALIGNED = "Aligned"
DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


@dataclass(frozen=True)
class Vm:
    """`power_state`: running, deallocated, starting, …; empty in a list of VMs. `form`: how the
    machine was made, as far as Azure says it."""

    name: str
    provisioning_state: str
    power_state: str = ""
    tags: dict[str, str] = field(default_factory=dict[str, str], compare=False)
    form: MachineForm = field(default_factory=MachineForm, compare=False)


@dataclass(frozen=True)
class Usage:
    current: int
    limit: int


class Compute:
    """Virtual machines, quota and sizes. Every method may raise Transient or Refused."""

    def __init__(self, settings: Settings) -> None:
        self._arm = Management(settings)
        self._root = self._arm.subscription

    def vm(self, group: str, name: str) -> Vm | None:
        with none_if_missing():
            path = f"{self._vms(group)}/{quote(name)}"
            return _vm(self._arm.call("GET", path, COMPUTE, expand="instanceView"))

    def vms(self, group: str) -> list[Vm]:
        return [_vm(item) for item in self._arm.pages(self._vms(group), COMPUTE)]

    def start(self, group: str, name: str) -> None:
        """Requests the start."""
        self._arm.call("POST", f"{self._vms(group)}/{quote(name)}/start", COMPUTE)

    def deallocate(self, group: str, name: str) -> None:
        """Requests the deallocation. A VM that is only stopped is still charged for."""
        self._arm.call("POST", f"{self._vms(group)}/{quote(name)}/deallocate", COMPUTE)

    def usages(self, location: str) -> dict[str, Usage]:
        """Quota by name: `cores`, `virtualMachines`, and one for each VM family."""
        path = f"{self._root}/providers/Microsoft.Compute/locations/{quote(location)}/usages"
        return {
            item["name"]["value"]: Usage(int(item["currentValue"]), int(item["limit"]))
            for item in self._arm.pages(path, COMPUTE)
        }

    def offer(self, location: str) -> Offer:
        """The location's VM sizes, and the number of fault domains of its availability sets."""
        path = f"{self._root}/providers/Microsoft.Compute/skus"
        sizes: dict[str, Size] = {}
        domains: int | None = None
        for item in self._arm.pages(path, SKUS, filter=f"location eq '{location}'"):
            match item.get("resourceType"), item.get("name"):
                case "virtualMachines", str(name):
                    sizes[name] = _size(item)
                case "availabilitySets", str(name) if name == ALIGNED:
                    domains = _number(_capabilities(item), "MaximumPlatformFaultDomainCount")
                case _:
                    pass
        return Offer(sizes, domains)

    def _vms(self, group: str) -> str:
        vms = "providers/Microsoft.Compute/virtualMachines"
        return f"{self._root}/resourceGroups/{quote(group)}/{vms}"


def _vm(item: dict[str, Any]) -> Vm:
    properties = part(item, "properties")
    view = part(properties, "instanceView")
    codes = [str(status.get("code", "")) for status in items(view, "statuses")]
    power = next((c.partition("/")[2] for c in codes if c.startswith("PowerState/")), "")
    tags: dict[str, str] = item.get("tags") or {}
    state = str(properties.get("provisioningState") or "")
    return Vm(item["name"], state, power, tags, _form(properties))


def _form(properties: dict[str, Any]) -> MachineForm:
    """Azure leaves out the size of the disks of a deallocated VM."""
    storage = part(properties, "storageProfile")
    size = part(properties, "hardwareProfile").get("vmSize")
    image = part(storage, "imageReference").get("version")
    data = [_gib(disk) for disk in items(storage, "dataDisks")]
    return MachineForm(
        str(size or ""),
        str(image or ""),
        _gib(part(storage, "osDisk")),
        data[0] if len(data) == 1 else None,
    )


def _gib(disk: dict[str, Any]) -> int | None:
    size = disk.get("diskSizeGB")
    return size if isinstance(size, int) and size > 0 else None


def _capabilities(item: dict[str, Any]) -> dict[str, str]:
    """The ones with a name and a value. Azure's type requires neither."""
    pairs = ((one.get("name"), one.get("value")) for one in items(item, "capabilities"))
    return {str(name): str(value) for name, value in pairs if name and value is not None}


def _number(capabilities: dict[str, str], name: str) -> int | None:
    text = capabilities.get(name, "")
    return int(text) if text.isdecimal() else None


def _decimal(capabilities: dict[str, str], name: str) -> float | None:
    """Memory has fractions: 0.75, 1.75."""
    text = capabilities.get(name, "")
    return float(text) if DECIMAL.fullmatch(text) else None


def _words(capabilities: dict[str, str], name: str) -> tuple[str, ...]:
    """Values by commas, with or without spaces: "SCSI, NVMe", "V1,V2"."""
    words = (word.strip() for word in capabilities.get(name, "").split(","))
    return tuple(word for word in words if word)


def _flag(capabilities: dict[str, str], name: str) -> bool:
    return capabilities.get(name, "").lower() == "true"


def _size(item: dict[str, Any]) -> Size:
    """Older entries of the list lack some capabilities. Such a size counts as x64, SCSI and, unless
    trusted launch is listed as disabled, capable of it."""
    can = _capabilities(item)
    zones = {str(z) for info in items(item, "locationInfo") for z in info.get("zones") or ()}
    reasons: list[str] = []
    for restriction in items(item, "restrictions"):
        if restriction.get("type") == "Zone":
            info = part(restriction, "restrictionInfo")
            zones -= {str(zone) for zone in info.get("zones") or ()}
        else:
            reasons.append(str(restriction.get("reasonCode") or "restricted"))
    return Size(
        name=item["name"],
        family=str(item.get("family") or ""),
        vcpus=_number(can, "vCPUs") or 0,
        zones=tuple(sorted(zones)),
        restrictions=tuple(reasons),
        architecture=can.get("CpuArchitectureType") or ARCHITECTURE,
        generations=_words(can, "HyperVGenerations"),
        controllers=_words(can, "DiskControllerTypes") or ("SCSI",),
        data_disks=_number(can, "MaxDataDiskCount"),
        memory_gib=_decimal(can, "MemoryGB"),
        premium_storage=_flag(can, "PremiumIO"),
        accelerated_networking=_flag(can, "AcceleratedNetworkingEnabled"),
        trusted_launch=not _flag(can, "TrustedLaunchDisabled"),
    )
