"""The resource types that the stand-in supports: their published types, and additional rules.

As in ARM, a type, version or property that is not published is rejected, and so is a change of an
immutable property.
"""

from typing import Any

from lab.arm.concrete import Concrete
from lab.arm.errors import ArmError, invalid_template
from lab.arm.functions.values import find_key
from lab.arm.kind import Kind, Rules
from lab.arm.platform_kinds import PLATFORM_RULES
from lab.arm.resource_types import load
from lab.arm.schema import Check, canonical, malformed

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

# The API versions that Microsoft's command line 2.91 uses, in addition to the project's own.
SUBSCRIPTION_VERSIONS = ("2022-12-01", "2016-06-01")
GROUP_VERSIONS = ("2025-04-01", "2024-11-01", "2015-11-01")
DEPLOYMENT_VERSIONS = ("2025-04-01", "2026-06-01", "2024-11-01")
OTHER_VERSIONS = {
    "microsoft.authorization": ("2016-09-01", "2022-05-01-preview"),
    "microsoft.compute": (
        "2022-11-01",
        "2024-11-01",
        "2025-01-02",
        "2025-04-01",
        "2025-11-01",
    ),
    "microsoft.eventgrid": ("2021-10-15-preview",),
    "microsoft.managedidentity": ("2025-05-31-preview",),
    "microsoft.network": (
        "2022-01-01",
        "2023-04-01",
        "2023-11-01",
        "2024-07-01",
        "2025-07-01",
    ),
    "microsoft.operationalinsights": ("2025-02-01",),
    "microsoft.storage": ("2025-08-01",),
    "microsoft.web": ("2023-12-01", "2025-05-01"),
}
COMPUTE_VERSIONS = ("2026-04-01", *OTHER_VERSIONS["microsoft.compute"])

RULES: dict[str, Rules] = {
    NETWORK: Rules(("properties.addressSpace",)),
    SUBNET: Rules(("properties.addressPrefix",)),
    NAT_GATEWAY: Rules(("sku.name",), ("sku.name", "zones")),
    PUBLIC_ADDRESS: Rules(("sku.name",), ("sku.name", "zones")),
    BALANCER: Rules(("sku.name", "properties.frontendIPConfigurations"), ("sku.name",)),
    INTERFACE: Rules(("properties.ipConfigurations",)),
    AVAILABILITY_SET: Rules((), ("sku.name", "properties.platformFaultDomainCount")),
    DISK: Rules(("properties.creationData",), ("properties.creationData", "zones")),
    MACHINE: Rules(
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
        open=("properties.hardwareProfile.vmSize",),
    ),
    DEPLOYMENT: Rules(
        ("properties.template",),
        # The value is documented in lower case and published with a capital.
        open=("properties.expressionEvaluationOptions.scope",),
    ),
    **PLATFORM_RULES,
}
NONE = Rules()
KINDS = {name: Kind(types, RULES.get(name, NONE)) for name, types in load().items()}


def wire_versions(name: str) -> tuple[str, ...]:
    """Returns the API versions in which a resource of the type can be read. A template needs a
    published version."""
    return KINDS[name].versions + OTHER_VERSIONS.get(name.partition("/")[0], ())


def kind_of(concrete: Concrete) -> Kind:
    """Returns the resource's type. Raises ArmError for a type, API version or property that Azure
    does not have, for an invalid scope, or for a missing location."""
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
    found = kind.types[concrete.api_version]
    unknown = [name for name in concrete.body if not found.has(name)]
    if unknown:
        raise invalid_template(
            f"Could not find member '{min(unknown)}' on object of type 'TemplateResource': it is "
            f"not a property of '{concrete.type}' ('{concrete.name}')"
        )
    nested = concrete.type.lower() == DEPLOYMENT
    if concrete.scope and (nested or not found.extension):
        raise invalid_template(
            f"The resource '{concrete.name}' of type '{concrete.type}' has a scope, and is no "
            "extension of other resources"
        )
    if found.located and not nested and not concrete.body.get("location"):
        raise ArmError(
            400, "LocationRequired", f"The location property is required for '{concrete.name}'."
        )
    return kind


def checked(kind: Kind, concrete: Concrete, body: dict[str, Any]) -> dict[str, Any]:
    """Returns the body with names and enumeration values in Azure's spelling.

    Raises:
        ArmError: the type's provider would reject the form of the body.
    """
    found = kind.types[concrete.api_version]
    written = canonical(found, {**body, "name": concrete.name.rpartition("/")[2]})
    for fault in Check(found, kind.rules.open).faults(written):
        raise malformed(fault.message)
    for path in kind.rules.required:
        if at(body, path) is None:
            raise ArmError(
                400, "InvalidRequestFormat", f"'{concrete.name}': required '{path}' is missing."
            )
    del written["name"]
    return written


def refuse_immutable(kind: Kind, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Raises ArmError (409) if the new body changes an immutable property. A property that the new
    body omits is unchanged, so a body that was read (without customData) can be put again."""
    for path in kind.rules.immutable:
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
    """Copies the immutable properties that the new body omits from the old body to the new one."""
    for path in kind.rules.immutable:
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
