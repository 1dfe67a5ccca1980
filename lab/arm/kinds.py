"""The resource types that the stand-in knows: API versions, properties, what never changes.

API versions: general availability as of 2026-08. A type, version, property or immutable change
that is not in this table is refused, as ARM or the type's provider would.
"""

from typing import Any

from lab.arm import compute_schema, network_schema
from lab.arm.concrete import Concrete
from lab.arm.errors import ArmError, invalid_template
from lab.arm.functions.values import find_key
from lab.arm.kind import Kind
from lab.arm.platform_kinds import PLATFORM_KINDS
from lab.arm.schema import ANY, TEXT, Shape, canonical, check

MACHINE = "microsoft.compute/virtualmachines"
DISK = "microsoft.compute/disks"
AVAILABILITY_SET = "microsoft.compute/availabilitysets"
INTERFACE = "microsoft.network/networkinterfaces"
NETWORK = "microsoft.network/virtualnetworks"
SUBNET = "microsoft.network/virtualnetworks/subnets"
SECURITY_GROUP = "microsoft.network/networksecuritygroups"
PUBLIC_ADDRESS = "microsoft.network/publicipaddresses"
NAT_GATEWAY = "microsoft.network/natgateways"
BALANCER = "microsoft.network/loadbalancers"
LOCK = "microsoft.authorization/locks"
GROUP = "microsoft.resources/resourcegroups"
DEPLOYMENT = "microsoft.resources/deployments"

NETWORK_VERSIONS, COMPUTE_VERSIONS = ("2025-09-01",), ("2026-04-01",)
DISK_VERSIONS = ("2026-03-02",)
GROUP_VERSIONS, DEPLOYMENT_VERSIONS = ("2025-04-01",), ("2025-04-01", "2026-06-01")

ZONES: dict[str, Shape] = {"zones": [TEXT]}
KINDS: dict[str, Kind] = {
    NETWORK: Kind(NETWORK_VERSIONS, network_schema.NETWORK, ("properties.addressSpace",)),
    SUBNET: Kind(
        NETWORK_VERSIONS, network_schema.SUBNET, ("properties.addressPrefix",), located=False
    ),
    SECURITY_GROUP: Kind(NETWORK_VERSIONS, network_schema.SECURITY_GROUP),
    NAT_GATEWAY: Kind(
        NETWORK_VERSIONS, network_schema.NAT_GATEWAY, ("sku.name",), ("sku.name", "zones"),
        {"sku": network_schema.SKU, **ZONES},
    ),
    PUBLIC_ADDRESS: Kind(
        NETWORK_VERSIONS, network_schema.PUBLIC_ADDRESS, ("sku.name",), ("sku.name", "zones"),
        {"sku": network_schema.SKU, **ZONES},
    ),
    BALANCER: Kind(
        NETWORK_VERSIONS, network_schema.BALANCER,
        ("sku.name", "properties.frontendIPConfigurations"), ("sku.name",),
        {"sku": network_schema.SKU},
    ),
    INTERFACE: Kind(
        NETWORK_VERSIONS, network_schema.INTERFACE, ("properties.ipConfigurations",)
    ),
    AVAILABILITY_SET: Kind(
        COMPUTE_VERSIONS, compute_schema.AVAILABILITY_SET, (),
        ("sku.name", "properties.platformFaultDomainCount"),
        {"sku": compute_schema.AVAILABILITY_SKU},
    ),
    DISK: Kind(
        DISK_VERSIONS, compute_schema.DISK, ("properties.creationData",),
        ("properties.creationData", "zones"), {"sku": compute_schema.DISK_SKU, **ZONES},
    ),
    MACHINE: Kind(
        COMPUTE_VERSIONS, compute_schema.MACHINE,
        (
            "properties.hardwareProfile.vmSize",
            "properties.storageProfile.imageReference",
            "properties.storageProfile.osDisk",
            "properties.osProfile.adminUsername",
            "properties.osProfile.computerName",
            "properties.networkProfile.networkInterfaces",
        ),
        (
            "properties.osProfile.computerName",
            "properties.osProfile.adminUsername",
            "properties.osProfile.customData",
            "properties.osProfile.linuxConfiguration.ssh.publicKeys",
            "properties.osProfile.linuxConfiguration.disablePasswordAuthentication",
            "properties.storageProfile.imageReference",
            "properties.storageProfile.osDisk.name",
            "properties.availabilitySet",
            "properties.networkProfile",
            "zones",
        ),
        {"identity": ANY, **ZONES},
    ),
    GROUP: Kind(GROUP_VERSIONS, of_subscription=True),
    DEPLOYMENT: Kind(
        DEPLOYMENT_VERSIONS, ANY, ("properties.template",), located=False, of_subscription=True
    ),
    **PLATFORM_KINDS,
}  # fmt: skip


def kind_of(concrete: Concrete) -> Kind:
    """Raises ArmError for a type, an API version or a section that Azure does not have."""
    namespace, _, rest = concrete.type.partition("/")
    kind = KINDS.get(concrete.type.lower())
    if kind is None:
        if not any(known.startswith(f"{namespace.lower()}/") for known in KINDS):
            raise ArmError(
                409, "MissingSubscriptionRegistration",
                f"The subscription is not registered to use namespace '{namespace}'; the stand-in "
                f"knows the types {', '.join(sorted(KINDS))}.",
            )  # fmt: skip
        raise invalid_template(
            f"The resource type '{rest}' could not be found in the namespace '{namespace}', it is "
            "not known here"
        )
    if concrete.api_version not in kind.versions:
        raise ArmError(
            400,
            "NoRegisteredProviderFound",
            f"No registered resource provider found for type '{rest}' and API version "
            f"'{concrete.api_version}'. The supported api-versions are "
            f"'{', '.join(kind.versions)}'.",
        )
    unknown = set(concrete.body) - {"location", "tags", "properties"} - set(kind.sections)
    if unknown:
        raise invalid_template(
            f"Could not find member '{min(unknown)}' on object of type 'TemplateResource': it is "
            f"not a property of '{concrete.type}' ('{concrete.name}')"
        )
    if concrete.scope and not kind.extension:
        raise invalid_template(
            f"The resource '{concrete.name}' of type '{concrete.type}' has a scope, and is no "
            "extension of other resources"
        )
    if kind.located and not concrete.body.get("location"):
        raise ArmError(
            400, "LocationRequired", f"The location property is required for '{concrete.name}'."
        )
    return kind


def checked(kind: Kind, concrete: Concrete, body: dict[str, Any]) -> dict[str, Any]:
    """The body with names and words as Azure writes them.

    Raises:
        ArmError: what the type's provider would refuse of the body's form.
    """
    owner = concrete.type.rpartition("/")[2]
    owner = owner[0].upper() + owner[1:]
    check(kind.properties, body.get("properties", {}), f"{owner}Properties", "properties")
    for name, shape in kind.sections.items():
        if name in body:
            check(shape, body[name], owner, name)
    for path in kind.required:
        if at(body, path) is None:
            raise ArmError(
                400, "InvalidRequestFormat", f"'{concrete.name}': required '{path}' is missing."
            )
    shapes = {**kind.sections, "properties": kind.properties}
    return {name: canonical(shapes.get(name, ANY), part) for name, part in body.items()}


def refuse_immutable(kind: Kind, old: dict[str, Any], new: dict[str, Any]) -> None:
    """409, as Azure answers a PUT that would change what cannot change. What the new body leaves
    out stays as it is: a body that was read (without customData) can be put again."""
    for path in kind.immutable:
        wanted = at(new, path)
        if wanted is None or wanted == at(old, path):
            continue
        name = path.removeprefix("properties.")
        name = name.removeprefix("osProfile.").removeprefix("storageProfile.")
        raise ArmError(
            409,
            "PropertyChangeNotAllowed",
            f"Changing property '{name}' is not allowed.",
            target=name,
        )


def keep_immutable(kind: Kind, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Puts into the new body what it leaves out of the unchangeable."""
    for path in kind.immutable:
        kept = at(old, path)
        if kept is None or at(new, path) is not None:
            continue
        node = new
        *parts, last = path.split(".")
        for part in parts:
            node = node.setdefault(part, {})
        node[last] = kept


def at(body: dict[str, Any], path: str) -> Any:
    node: Any = body
    for part in path.split("."):
        key = find_key(node, part) if isinstance(node, dict) else None
        if key is None:
            return None
        node = node[key]
    return node
