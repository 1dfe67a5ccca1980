"""The few calls to Microsoft.Compute that a run needs, over ARM's pipeline.

The compute SDK would do the same and is by far the largest of them: a cold start pays for it.
API versions: virtualMachines and usages 2026-04-01, skus 2021-07-01 (the newest). Usages and SKUs
need a right at subscription scope. A list of VMs comes without power states: ask for one VM.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

from clients.answers import azure_errors, none_if_missing
from clients.made_once import made_once
from clients.settings import Settings
from clients.transport import MANAGEMENT, arm_options, management_url

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
        self._settings = settings
        self._root = f"/subscriptions/{settings.subscription_id}"

    @made_once
    def _client(self) -> Any:
        from azure.mgmt.core import ARMPipelineClient

        return cast(Any, ARMPipelineClient)(MANAGEMENT, **arm_options(self._settings))

    def vm(self, group: str, name: str) -> Vm | None:
        with none_if_missing():
            url = self._url(f"{self._vms(group)}/{quote(name)}", expand="instanceView")
            return _vm(self._call("GET", url))

    def vms(self, group: str) -> list[Vm]:
        return [_vm(item) for item in self._pages(self._url(self._vms(group)))]

    def start(self, group: str, name: str) -> None:
        """Accepted, not waited for."""
        self._call("POST", self._url(f"{self._vms(group)}/{quote(name)}/start"))

    def deallocate(self, group: str, name: str) -> None:
        """Accepted, not waited for. A VM that is only stopped is still paid for."""
        self._call("POST", self._url(f"{self._vms(group)}/{quote(name)}/deallocate"))

    def usages(self, location: str) -> dict[str, Usage]:
        """Quota by name: `cores`, `virtualMachines`, and one for each VM family."""
        path = f"{self._root}/providers/Microsoft.Compute/locations/{quote(location)}/usages"
        return {
            item["name"]["value"]: Usage(int(item["currentValue"]), int(item["limit"]))
            for item in self._pages(self._url(path))
        }

    def skus(self, location: str) -> dict[str, Sku]:
        """VM sizes of the location by name."""
        path = f"{self._root}/providers/Microsoft.Compute/skus"
        url = self._url(path, version=SKUS, filter=f"location eq '{location}'")
        return {
            item["name"]: _sku(item)
            for item in self._pages(url)
            if item.get("resourceType") == "virtualMachines"
        }

    def _vms(self, group: str) -> str:
        vms = "providers/Microsoft.Compute/virtualMachines"
        return f"{self._root}/resourceGroups/{quote(group)}/{vms}"

    def _url(self, path: str, version: str = COMPUTE, **options: str) -> str:
        query = "".join(f"${name}={quote(value)}&" for name, value in options.items())
        return f"{MANAGEMENT}{path}?{query}api-version={version}"

    def _call(self, method: str, url: str) -> dict[str, Any]:
        from azure.core.rest import HttpRequest

        what = url.partition("?")[0].partition("/Microsoft.Compute/")[2]
        with azure_errors(what):
            response = self._client.send_request(HttpRequest(method, url))
            response.raise_for_status()
            return response.json() if response.content else {}

    def _pages(self, url: str) -> Iterator[dict[str, Any]]:
        page = self._call("GET", url)
        while True:
            yield from _items(page, "value")
            following = page.get("nextLink")
            if not following:
                return
            page = self._call("GET", management_url(str(following)))


def _items(holder: dict[str, Any], key: str) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], holder.get(key) or [])


def _vm(item: dict[str, Any]) -> Vm:
    properties: dict[str, Any] = item.get("properties") or {}
    view: dict[str, Any] = properties.get("instanceView") or {}
    codes = [str(status.get("code", "")) for status in _items(view, "statuses")]
    power = next((c.partition("/")[2] for c in codes if c.startswith("PowerState/")), "")
    return Vm(item["name"], str(properties.get("provisioningState") or ""), power)


def _sku(item: dict[str, Any]) -> Sku:
    capabilities = {c["name"]: c["value"] for c in _items(item, "capabilities")}
    zones = {str(z) for info in _items(item, "locationInfo") for z in info.get("zones") or ()}
    reasons: list[str] = []
    for restriction in _items(item, "restrictions"):
        if restriction.get("type") == "Zone":
            info: dict[str, Any] = restriction.get("restrictionInfo") or {}
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
