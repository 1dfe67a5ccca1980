"""The few calls to Microsoft.Compute that a run needs, over the ARM pipeline.

The compute SDK would do the same and is by far the largest of them: a cold start pays for it.
API versions: virtualMachines and usages 2026-04-01, skus 2021-07-01 (the newest).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from clients.answers import azure_errors
from clients.credentials import credential_of
from clients.errors import Refused
from clients.settings import Settings
from clients.transport import client_options

COMPUTE, SKUS = "2026-04-01", "2021-07-01"
MANAGEMENT = "https://management.azure.com"


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
    """A VM size in one location. `restrictions` are reasons why the subscription may not use it."""

    name: str
    family: str
    vcpus: int
    zones: tuple[str, ...]
    restrictions: tuple[str, ...]


class Compute:
    """Virtual machines, quota and sizes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._root = f"/subscriptions/{settings.subscription_id}"

    @cached_property
    def _client(self) -> Any:
        from azure.core.pipeline.policies import RetryPolicy
        from azure.mgmt.core import ARMPipelineClient
        from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

        options = client_options(self._settings)
        return cast(Any, ARMPipelineClient)(
            MANAGEMENT,
            policies=[
                RetryPolicy(**options),
                ARMChallengeAuthenticationPolicy(
                    credential_of(self._settings), f"{MANAGEMENT}/.default"
                ),
            ],
            **options,
        )

    def vm(self, group: str, name: str) -> Vm | None:
        try:
            found = self._call("GET", f"{self._vms(group)}/{name}?$expand=instanceView&")
        except Refused as error:
            if error.code in ("ResourceNotFound", "ResourceGroupNotFound", "Http404"):
                return None
            raise
        return _vm(found)

    def vms(self, group: str) -> list[Vm]:
        return [_vm(item) for item in self._pages(f"{self._vms(group)}?")]

    def start(self, group: str, name: str) -> None:
        """Accepted, not waited for."""
        self._call("POST", f"{self._vms(group)}/{name}/start?")

    def deallocate(self, group: str, name: str) -> None:
        """Accepted, not waited for. A VM that is only stopped is still paid for."""
        self._call("POST", f"{self._vms(group)}/{name}/deallocate?")

    def usages(self, location: str) -> dict[str, Usage]:
        """Quota by name: `cores`, `virtualMachines`, and one for each VM family."""
        path = f"{self._root}/providers/Microsoft.Compute/locations/{location}/usages?"
        return {
            item["name"]["value"]: Usage(int(item["currentValue"]), int(item["limit"]))
            for item in self._pages(path)
        }

    def skus(self, location: str) -> dict[str, Sku]:
        """VM sizes of the location by name."""
        path = f"{self._root}/providers/Microsoft.Compute/skus?$filter=location eq '{location}'&"
        return {
            item["name"]: _sku(item)
            for item in self._pages(path, SKUS)
            if item.get("resourceType") == "virtualMachines"
        }

    def _vms(self, group: str) -> str:
        return f"{self._root}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines"

    def _call(self, method: str, path: str, version: str = COMPUTE) -> dict[str, Any]:
        from azure.core.rest import HttpRequest

        what = path.partition("?")[0].rpartition("/")[2]
        with azure_errors(what):
            url = path if path.startswith("https:") else f"{MANAGEMENT}{path}api-version={version}"
            response = self._client.send_request(HttpRequest(method, url))
            response.raise_for_status()
            return response.json() if response.content else {}

    def _pages(self, path: str, version: str = COMPUTE) -> Iterator[dict[str, Any]]:
        page = self._call("GET", path, version)
        while True:
            yield from cast(list[dict[str, Any]], page.get("value") or [])
            following = page.get("nextLink")
            if not following:
                return
            page = self._call("GET", str(following))


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
    restrictions = tuple(
        str(r.get("reasonCode") or "restricted")
        for r in _items(item, "restrictions")
        if str(r.get("type")) == "Location"
    )
    return Sku(
        name=item["name"],
        family=str(item.get("family") or ""),
        vcpus=int(capabilities.get("vCPUs", 0)),
        zones=tuple(sorted(zones)),
        restrictions=restrictions,
    )
