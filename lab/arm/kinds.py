"""The resource types that the stand-in knows: API versions, needed properties, what never changes.

API versions: general availability as of 2026-08. A type, version or immutable change that is not
in this table is refused, as ARM would.
"""

from dataclasses import dataclass
from typing import Any

from lab.arm.errors import ArmError, invalid_template
from lab.arm.template import Concrete


@dataclass(frozen=True)
class Kind:
    """`required` and `immutable` are paths into the resource's body; `sections` are all that the
    body may hold beside location, tags and dependsOn."""

    versions: tuple[str, ...]
    required: tuple[str, ...] = ()
    immutable: tuple[str, ...] = ()
    sections: tuple[str, ...] = ("properties",)


NETWORK, COMPUTE, DISKS = ("2025-09-01",), ("2026-04-01",), ("2026-03-02",)
KINDS: dict[str, Kind] = {
    "microsoft.network/virtualnetworks": Kind(NETWORK, ("properties.addressSpace",)),
    "microsoft.network/virtualnetworks/subnets": Kind(
        NETWORK, ("properties.addressPrefix",), ("properties.addressPrefix",)
    ),
    "microsoft.network/networksecuritygroups": Kind(NETWORK),
    "microsoft.network/natgateways": Kind(
        NETWORK, ("sku.name",), ("sku.name",), ("properties", "sku", "zones")
    ),
    "microsoft.network/publicipaddresses": Kind(
        NETWORK, ("sku.name",), ("sku.name",), ("properties", "sku", "zones")
    ),
    "microsoft.network/loadbalancers": Kind(
        NETWORK, ("sku.name", "properties.frontendIPConfigurations"), ("sku.name",),
        ("properties", "sku"),
    ),
    "microsoft.network/networkinterfaces": Kind(NETWORK, ("properties.ipConfigurations",)),
    "microsoft.compute/availabilitysets": Kind(
        COMPUTE, (), ("sku.name", "properties.platformFaultDomainCount"), ("properties", "sku")
    ),
    "microsoft.compute/disks": Kind(
        DISKS, ("properties.creationData",), ("properties.creationData",),
        ("properties", "sku", "zones"),
    ),
    "microsoft.compute/virtualmachines": Kind(
        COMPUTE,
        (
            "properties.hardwareProfile.vmSize",
            "properties.storageProfile.imageReference",
            "properties.osProfile.adminUsername",
            "properties.networkProfile.networkInterfaces",
        ),
        (
            "properties.osProfile",
            "properties.storageProfile.imageReference",
            "properties.availabilitySet",
            "zones",
        ),
        ("properties", "zones", "identity"),
    ),
    "microsoft.resources/resourcegroups": Kind(("2025-04-01",)),
    "microsoft.resources/deployments": Kind(
        ("2025-04-01",), ("properties.template",), (), ("properties", "resourceGroup")
    ),
}  # fmt: skip
COMMON = {"location", "tags"}


def kind_of(concrete: Concrete) -> Kind:
    """Raises ArmError for a type, an API version or a section that Azure does not have."""
    kind = KINDS.get(concrete.type.lower())
    if kind is None:
        raise invalid_template(f"The resource type '{concrete.type}' is not known")
    if concrete.api_version not in kind.versions:
        raise ArmError(
            400,
            "InvalidResourceType" if not kind.versions else "NoRegisteredProviderFound",
            f"No registered resource provider found for type '{concrete.type}' and API version "
            f"'{concrete.api_version}'. The supported api-versions are {', '.join(kind.versions)}.",
        )
    unknown = set(concrete.body) - COMMON - set(kind.sections)
    if unknown:
        raise invalid_template(f"'{min(unknown)}' is not a property of '{concrete.type}'")
    for path in kind.required:
        if at(concrete.body, path) is None:
            raise ArmError(
                400, "InvalidRequestFormat", f"'{concrete.name}': required '{path}' is missing"
            )
    return kind


def refuse_immutable(kind: Kind, old: dict[str, Any], concrete: Concrete) -> None:
    """409, as Azure answers a PUT that would change what cannot change."""
    for path in kind.immutable:
        if at(old, path) != at(concrete.body, path):
            raise ArmError(
                409,
                "PropertyChangeNotAllowed",
                f"Changing property '{path.removeprefix('properties.')}' is not allowed.",
                [{"target": concrete.id, "code": "PropertyChangeNotAllowed", "message": path}]
                if path != "properties.osProfile"
                else None,
            )


def at(body: dict[str, Any], path: str) -> Any:
    node: Any = body
    for part in path.split("."):
        if not isinstance(node, dict):
            return None
        node = node.get(part)
    return node
