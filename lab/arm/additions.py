"""What the service shows of a resource beyond what was asked for: its defaults and marks.

Source: the recordings that tests/arm_standin/test_shapes.py names.
"""

import hashlib
import json
from typing import Any

from lab.arm import kinds
from lab.arm.catalog import exact_version

STORAGE = "Premium_LRS"


def add_to(found: dict[str, Any]) -> None:
    """In place; `found` is a copy that is about to be shown."""
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
        case kinds.NETWORK | kinds.BALANCER | kinds.SECURITY_GROUP | kinds.NAT_GATEWAY:
            _mark(found)
        case kinds.MACHINE:
            _complete_machine(properties)
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
    profile["linuxConfiguration"].setdefault("provisionVMAgent", True)


def _mark(found: dict[str, Any], parts: list[dict[str, Any]] | None = None) -> None:
    """An ETag that changes with the resource."""
    text = json.dumps(found, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    for marked in (found, *(parts or [])):
        marked["etag"] = f'W/"{digest}"'
