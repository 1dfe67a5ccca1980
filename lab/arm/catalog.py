"""What the region offers: VM sizes, images, quota."""

from typing import Any

from lab.arm import kinds
from lab.arm.errors import ArmError
from lab.arm.faults import Faults
from lab.arm.state import ArmState

IMAGE = {"publisher": "debian", "offer": "debian-13", "sku": "13-gen2"}
IMAGE_VERSIONS = ("0.20260914.2601",)
IMAGE_GIB = 30
ZONES = ("1", "2", "3")
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
CORES, MACHINES = "cores", "virtualMachines"
DEFAULT_CORES, DEFAULT_MACHINES = 5_000, 25_000
NOT_AVAILABLE = "NotAvailableForSubscription"


def size_name(size: str) -> str | None:
    """As the catalogue writes it; ARM ignores case."""
    return next((name for name in SIZES if name.lower() == size.lower()), None)


def check_size(faults: Faults, size: str, zones: list[str], location: str) -> None:
    """409 SkuNotAvailable."""
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


def exact_version(reference: dict[str, Any]) -> str:
    """404 PlatformImageNotFound for any image but Debian 13 in a version that is known."""
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
    """409 OperationNotAllowed, for one more machine of that size."""
    family, cores, _ = SIZES[size_name(size) or ""]
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
    for family, _, _ in SIZES.values():
        used.setdefault(family, 0)
    for machine in machines:
        size = machine["properties"]["hardwareProfile"]["vmSize"]
        family, cores, _ = SIZES[size_name(size) or ""]
        used[family] += cores
        used[CORES] += cores
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
    return [
        {
            "resourceType": "virtualMachines",
            "name": name,
            "tier": "Standard",
            "size": name.removeprefix("Standard_"),
            "family": family,
            "locations": [location],
            "locationInfo": [{"location": location, "zones": list(ZONES), "zoneDetails": []}],
            "capabilities": [
                {"name": "vCPUs", "value": str(cores)},
                {"name": "MemoryGB", "value": str(memory)},
                {"name": "PremiumIO", "value": "True"},
                {"name": "HyperVGenerations", "value": "V1,V2"},
                {"name": "AcceleratedNetworkingEnabled", "value": "True"},
            ],
            "restrictions": _restrictions(name, location, faults),
        }
        for name, (family, cores, memory) in SIZES.items()
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
