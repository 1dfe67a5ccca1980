"""The VM sizes, images and quota that the region offers."""

from typing import Any

from lab.arm import kinds
from lab.arm.errors import ArmError
from lab.arm.faults import Faults
from lab.arm.sizes import FAULT_DOMAINS, SIZES, Size
from lab.arm.state import ArmState

# An excerpt of Azure's locations. Each name has its display name and its geography.
LOCATIONS = {
    "eastus": ("East US", "US"),
    "northeurope": ("North Europe", "Europe"),
    "swedencentral": ("Sweden Central", "Europe"),
    "westeurope": ("West Europe", "Europe"),
    "westus": ("West US", "US"),
    "westus3": ("West US 3", "US"),
}
IMAGE = {"publisher": "debian", "offer": "debian-13", "sku": "13-gen2"}
# Oldest first. All of them boot the lab's one Debian; the older one is the lab's own, so that the
# nodes of a cluster can be replaced by nodes of another image.
IMAGE_VERSIONS = ("0.20260801.1", "0.20260914.2601")
IMAGE_GIB = 30
ZONES = ("1", "2", "3")
CORES, MACHINES = "cores", "virtualMachines"
DEFAULT_CORES, DEFAULT_MACHINES = 5_000, 25_000
NOT_AVAILABLE = "NotAvailableForSubscription"


def size_name(size: str) -> str | None:
    """Returns the size's name as the catalogue writes it, or None if it is unknown. ARM ignores
    case."""
    return next((name for name in SIZES if name.lower() == size.lower()), None)


def check_size(faults: Faults, size: str, zones: list[str], location: str) -> tuple[str, Size]:
    """Returns the size's name and its properties. Raises ArmError (409 SkuNotAvailable) if the size
    or one of its zones is not available."""
    name = size_name(size)
    closed = set(faults.restricted_zones.get(name or "", ()))
    missing = [zone for zone in zones if zone not in ZONES or zone in closed]
    if name is None or name in faults.restricted or missing:
        where = f"zones '{','.join(missing)}' of location" if missing else "location"
        raise ArmError(
            409,
            "SkuNotAvailable",
            f"The requested size for resource '{size}' is currently not available in {where} "
            f"'{location}'. Please try another size or deploy to a different location or zones. "
            "See https://aka.ms/azureskunotavailable for details.",
        )
    return name, SIZES[name]


def exact_version(reference: dict[str, Any]) -> str:
    """Returns the image's version. Raises ArmError (404 PlatformImageNotFound) for any image but a
    known version of Debian 13."""
    wanted = {key: str(reference.get(key, "")).lower() for key in IMAGE}
    version = str(reference.get("version", ""))
    if wanted == IMAGE and version in (*IMAGE_VERSIONS, "latest"):
        return IMAGE_VERSIONS[-1] if version == "latest" else version
    shown = ":".join(str(reference.get(key, "")) for key in (*IMAGE, "version"))
    raise ArmError(
        404,
        "PlatformImageNotFound",
        f"The platform image '{shown}' is not available. Verify that all fields in the storage "
        f"profile are correct; the lab has version {', '.join(IMAGE_VERSIONS)}.",
    )


def check_quota(state: ArmState, faults: Faults, size: str, location: str) -> None:
    """Raises ArmError (409 OperationNotAllowed) if one more machine of the size would exceed the
    quota."""
    found = SIZES[size_name(size) or ""]
    family, cores = found.family, found.vcpus
    limits = {item["name"]["value"]: item for item in usages(state, faults)}
    for name, more in ((family, cores), (CORES, cores), (MACHINES, 1)):
        limit, used = limits[name]["limit"], limits[name]["currentValue"]
        if used + more > limit:
            raise ArmError(
                409,
                "OperationNotAllowed",
                "Operation could not be completed as it results in exceeding approved "
                f"{name} quota. Additional details - Deployment Model: Resource Manager, Location: "
                f"{location}, Current Limit: {limit}, Current Usage: {used}, Additional Required: "
                f"{more}, (Minimum) New Limit Required: {used + more}.",
            )


def usages(state: ArmState, faults: Faults) -> list[dict[str, Any]]:
    machines = state.of_type(kinds.MACHINE)
    used: dict[str, int] = {CORES: 0, MACHINES: len(machines)}
    for size in SIZES.values():
        used.setdefault(size.family, 0)
    for machine in machines:
        name = machine["properties"]["hardwareProfile"]["vmSize"]
        size = SIZES[size_name(name) or ""]
        used[size.family] += size.vcpus
        used[CORES] += size.vcpus
    return [
        {
            "name": {"value": name, "localizedValue": name},
            "unit": "Count",
            "currentValue": current,
            "limit": faults.quota.get(
                name, DEFAULT_MACHINES if name == MACHINES else DEFAULT_CORES
            ),
        }
        for name, current in used.items()
    ]


def skus(location: str, faults: Faults) -> list[dict[str, Any]]:
    domains = {"name": "MaximumPlatformFaultDomainCount", "value": str(FAULT_DOMAINS)}
    sets = {"resourceType": "availabilitySets", "locations": [location], "restrictions": []}
    where = {"location": location, "zones": [], "zoneDetails": []}
    aligned = {**sets, "name": "Aligned", "locationInfo": [where], "capabilities": [domains]}
    return [aligned, *_sizes(location, faults)]


def _sizes(location: str, faults: Faults) -> list[dict[str, Any]]:
    return [
        {
            "resourceType": "virtualMachines",
            "name": name,
            "tier": "Standard",
            "size": name.removeprefix("Standard_"),
            "family": size.family,
            "locations": [location],
            "locationInfo": [{"location": location, "zones": list(ZONES), "zoneDetails": []}],
            "capabilities": size.capabilities(),
            "restrictions": _restrictions(name, location, faults),
        }
        for name, size in SIZES.items()
    ]


def _restrictions(name: str, location: str, faults: Faults) -> list[dict[str, Any]]:
    where: dict[str, Any] = {"locations": [location]}
    found: list[dict[str, Any]] = []
    if name in faults.restricted:
        found.append({"type": "Location", "values": [location], "restrictionInfo": where})
    zones = faults.restricted_zones.get(name)
    if zones:
        info = {**where, "zones": list(zones)}
        found.append({"type": "Zone", "values": [location], "restrictionInfo": info})
    return [{**item, "reasonCode": NOT_AVAILABLE} for item in found]
