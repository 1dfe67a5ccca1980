"""The few calls to Microsoft.Compute that a run needs; its SDK is by far the largest of them.

API versions: virtualMachines and usages 2026-04-01, skus 2021-07-01 (the newest). Usages and SKUs
need a right at subscription scope. A list of VMs comes without power states: ask for one VM.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from clients.answers import none_if_missing
from clients.management import Management, items, part
from clients.settings import Settings

COMPUTE, SKUS = "2026-04-01", "2021-07-01"


@dataclass(frozen=True)
class Vm:
    """`power_state`: running, deallocated, starting, …; empty where it was not asked for."""

    name: str
    provisioning_state: str
    power_state: str = ""


@dataclass(frozen=True)
class Usage:
    current: int
    limit: int


@dataclass(frozen=True)
class Sku:
    """A VM size in one location, with the zones that the subscription may use. `restrictions` are
    reasons why it may not use the size there at all."""

    name: str
    family: str
    vcpus: int
    zones: tuple[str, ...]
    restrictions: tuple[str, ...]


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
        """Accepted, not waited for."""
        self._arm.call("POST", f"{self._vms(group)}/{quote(name)}/start", COMPUTE)

    def deallocate(self, group: str, name: str) -> None:
        """Accepted, not waited for. A VM that is only stopped is still paid for."""
        self._arm.call("POST", f"{self._vms(group)}/{quote(name)}/deallocate", COMPUTE)

    def usages(self, location: str) -> dict[str, Usage]:
        """Quota by name: `cores`, `virtualMachines`, and one for each VM family."""
        path = f"{self._root}/providers/Microsoft.Compute/locations/{quote(location)}/usages"
        return {
            item["name"]["value"]: Usage(int(item["currentValue"]), int(item["limit"]))
            for item in self._arm.pages(path, COMPUTE)
        }

    def skus(self, location: str) -> dict[str, Sku]:
        """VM sizes of the location by name."""
        path = f"{self._root}/providers/Microsoft.Compute/skus"
        return {
            item["name"]: _sku(item)
            for item in self._arm.pages(path, SKUS, filter=f"location eq '{location}'")
            if item.get("resourceType") == "virtualMachines"
        }

    def _vms(self, group: str) -> str:
        vms = "providers/Microsoft.Compute/virtualMachines"
        return f"{self._root}/resourceGroups/{quote(group)}/{vms}"


def _vm(item: dict[str, Any]) -> Vm:
    properties = part(item, "properties")
    view = part(properties, "instanceView")
    codes = [str(status.get("code", "")) for status in items(view, "statuses")]
    power = next((c.partition("/")[2] for c in codes if c.startswith("PowerState/")), "")
    return Vm(item["name"], str(properties.get("provisioningState") or ""), power)


def _sku(item: dict[str, Any]) -> Sku:
    capabilities = {c["name"]: c["value"] for c in items(item, "capabilities")}
    zones = {str(z) for info in items(item, "locationInfo") for z in info.get("zones") or ()}
    reasons: list[str] = []
    for restriction in items(item, "restrictions"):
        if restriction.get("type") == "Zone":
            info = part(restriction, "restrictionInfo")
            zones -= {str(zone) for zone in info.get("zones") or ()}
        else:
            reasons.append(str(restriction.get("reasonCode") or "restricted"))
    return Sku(
        name=item["name"],
        family=str(item.get("family") or ""),
        vcpus=int(capabilities.get("vCPUs", 0)),
        zones=tuple(sorted(zones)),
        restrictions=tuple(reasons),
    )
