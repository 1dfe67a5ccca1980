"""Adds what the service shows of a resource beyond the request: default values and ETags.

Source: the recordings that the shape tests in lab/tests/arm name.
"""

import hashlib
import json
from typing import Any

from lab.arm import kinds, platform_kinds
from lab.arm.catalog import exact_version
from lab.arm.network_additions import (
    complete_balancer,
    complete_network,
    complete_security_group,
    complete_subnet,
)

STORAGE = "Premium_LRS"
PATCHES = {"patchMode": "ImageDefault", "assessmentMode": "ImageDefault"}


def add_to(found: dict[str, Any]) -> None:
    """Adds the service's default values and ETag to `found`, in place. `found` is a copy of the
    resource that is about to be returned."""
    properties = found["properties"]
    match found["type"].lower():
        case kinds.INTERFACE:
            _complete_interface(properties)
            _mark(found, properties["ipConfigurations"])
        case kinds.PUBLIC_ADDRESS:
            properties.setdefault("publicIPAddressVersion", "IPv4")
            properties.setdefault("idleTimeoutInMinutes", 4)
            properties.setdefault("ipTags", [])
            found["sku"].setdefault("tier", "Regional")
            _mark(found)
        case kinds.NETWORK:
            complete_network(properties)
            _mark(found)
        case kinds.SUBNET:
            complete_subnet(properties)
            _mark(found)
        case kinds.SECURITY_GROUP:
            _mark(found, complete_security_group(found))
        case kinds.BALANCER:
            _mark(found, complete_balancer(found))
        case kinds.NAT_GATEWAY:
            _mark(found)
        case kinds.AVAILABILITY_SET:
            # The service shows no provisioning state for an availability set.
            properties.pop("provisioningState", None)
            properties.setdefault("platformUpdateDomainCount", 5)
        case kinds.DISK:
            _complete_disk(found)
        case kinds.MACHINE:
            _complete_machine(properties)
            _mark(found, weak=False)
        case platform_kinds.SITE:
            properties.setdefault("sku", "FlexConsumption")
            properties.setdefault("state", "Running")
        case _:
            pass


def _complete_interface(properties: dict[str, Any]) -> None:
    properties.setdefault("enableIPForwarding", False)
    properties.setdefault("dnsSettings", {"dnsServers": [], "appliedDnsServers": []})
    if "virtualMachine" in properties:
        properties["primary"] = True
    for number, config in enumerate(properties["ipConfigurations"]):
        config["properties"].setdefault("primary", number == 0)
        config["properties"].setdefault("privateIPAddressVersion", "IPv4")


def _complete_machine(properties: dict[str, Any]) -> None:
    storage, profile = properties["storageProfile"], properties["osProfile"]
    image = storage["imageReference"]
    image["exactVersion"] = exact_version(image)
    storage["osDisk"].setdefault("osType", "Linux")
    storage["osDisk"].setdefault("caching", "ReadWrite")
    for disk in storage.get("dataDisks") or []:
        disk.setdefault("caching", "None")
        disk["toBeDetached"] = False
    for disk in (storage["osDisk"], *(storage.get("dataDisks") or [])):
        disk["managedDisk"].setdefault("storageAccountType", STORAGE)
    profile.setdefault("secrets", [])
    profile.setdefault("allowExtensionOperations", True)
    profile["requireGuestProvisionSignal"] = True
    linux = profile["linuxConfiguration"]
    linux.setdefault("provisionVMAgent", True)
    linux["patchSettings"] = PATCHES | linux.get("patchSettings", {})


def _complete_disk(found: dict[str, Any]) -> None:
    properties = found["properties"]
    if sku := found.get("sku"):
        sku["tier"] = sku["name"].partition("_")[0]
    properties.setdefault("encryption", {"type": "EncryptionAtRestWithPlatformKey"})
    properties.setdefault("networkAccessPolicy", "AllowAll")
    properties.setdefault("publicNetworkAccess", "Enabled")
    properties["diskSizeBytes"] = properties["diskSizeGB"] * 2**30


def _mark(
    found: dict[str, Any], parts: list[dict[str, Any]] | None = None, *, weak: bool = True
) -> None:
    """Sets an ETag that changes with the resource, on `found` and on its `parts`. Microsoft.Network
    uses weak ETags (`W/"..."`)."""
    text = json.dumps(found, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    for marked in (found, *(parts or [])):
        marked["etag"] = f'W/"{digest}"' if weak else f'"{digest}"'
