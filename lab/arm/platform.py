"""The values that the providers of an installation's resources choose, and the checks that they do
in addition to the form."""

import re
import uuid
from typing import Any

from lab.arm import platform_kinds as kinds
from lab.arm.authorization import check_assignment, check_role
from lab.arm.concrete import Concrete
from lab.arm.errors import ArmError
from lab.arm.flex import check_flex
from lab.arm.state import ArmState

# Values that a provider chooses once. A later PUT does not change them.
DECIDED = (
    "AppId", "ConnectionString", "InstrumentationKey", "clientId", "customerId", "principalId",
    "tenantId",
)  # fmt: skip
# Patterns for globally unique names whose published types have no pattern.
NAMES = {
    kinds.VAULT: re.compile(r"[A-Za-z](?!.*--)[A-Za-z0-9-]{1,22}[A-Za-z0-9]"),
    kinds.SITE: re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,58}[A-Za-z0-9]"),
}
MEMORY = (512, 2048, 4096)
# A group of functions that scale together, or a single function of another kind.
SCALED = re.compile(r"http|durable|blob|function:.+", re.IGNORECASE)
DAYS = range(7, 91)


def check_platform(state: ArmState, concrete: Concrete, body: dict[str, Any]) -> None:
    """Checks a resource of the installation. Raises ArmError."""
    kind, properties = concrete.type.lower(), body.get("properties") or {}
    if kind in NAMES and not NAMES[kind].fullmatch(concrete.name):
        raise ArmError(
            400, "InvalidResourceName",
            f"'{concrete.name}' is not a valid name of a {concrete.type}: {NAMES[kind].pattern}.",
        )  # fmt: skip
    match kind:
        case kinds.ROLE:
            check_role(state, concrete, properties)
        case kinds.ASSIGNMENT:
            check_assignment(state, concrete, properties)
        case kinds.VAULT:
            _check_vault(concrete, properties)
        case kinds.SITE:
            _check_site(state, concrete, properties)
        case kinds.TOPIC:
            _check_topic(state, concrete, properties)
        case kinds.EVENT_SUBSCRIPTION:
            _check_subscription(state, concrete, properties)
        case _:
            return


def decide_platform(resource: dict[str, Any]) -> None:
    """Sets the values that the service chooses, in place."""
    properties, name = resource["properties"], resource["name"]
    match resource["type"].lower():
        case kinds.IDENTITY:
            for key in ("principalId", "clientId", "tenantId"):
                properties.setdefault(key, str(uuid.uuid4()))
        case kinds.ACCOUNT:
            properties["primaryEndpoints"] = {
                service: f"https://{name}.{service}.core.windows.net/"
                for service in ("blob", "file", "queue", "table")
            }
        case kinds.VAULT:
            properties["vaultUri"] = f"https://{name}.vault.azure.net/"
        case kinds.WORKSPACE:
            properties.setdefault("customerId", str(uuid.uuid4()))
        case kinds.COMPONENT:
            key = properties.setdefault("InstrumentationKey", str(uuid.uuid4()))
            properties.setdefault("AppId", str(uuid.uuid4()))
            properties.setdefault("ConnectionString", f"InstrumentationKey={key}")
        case kinds.SITE:
            properties["defaultHostName"] = f"{name.lower()}.azurewebsites.net"
        case kinds.SCHEDULER:
            properties["endpoint"] = f"https://{name}.{resource['location']}.durabletask.io"
        case kinds.ROLE:
            properties.setdefault("type", "CustomRole")
        case kinds.ASSIGNMENT:
            properties["scope"] = resource["id"].rpartition("/providers/")[0]
        case _:
            return


def _check_vault(concrete: Concrete, properties: dict[str, Any]) -> None:
    if properties.get("enablePurgeProtection") is False:
        raise ArmError(
            400, "BadRequest",
            f"The property \"enablePurgeProtection\" of vault '{concrete.name}' cannot be set to "
            "false: leave it out, or set it to true.",
        )  # fmt: skip
    if properties.get("softDeleteRetentionInDays", 90) not in DAYS:
        raise ArmError(
            400, "BadRequest",
            f"softDeleteRetentionInDays of vault '{concrete.name}' must be from {DAYS[0]} to "
            f"{DAYS[-1]}.",
        )  # fmt: skip


def _check_site(state: ArmState, concrete: Concrete, properties: dict[str, Any]) -> None:
    check_flex(state.get(properties["serverFarmId"]), properties)
    scale = (properties.get("functionAppConfig") or {}).get("scaleAndConcurrency") or {}
    memory = scale.get("instanceMemoryMB", MEMORY[-1])
    if memory not in MEMORY:
        raise ArmError(
            400, "BadRequest",
            f"instanceMemoryMB of '{concrete.name}' is {memory}; allowed: {MEMORY}.",
        )  # fmt: skip
    for ready in scale.get("alwaysReady") or []:
        if not SCALED.fullmatch(ready["name"]) or ready["instanceCount"] < 0:
            raise ArmError(
                400, "BadRequest",
                f"alwaysReady of '{concrete.name}' names '{ready['name']}' with "
                f"{ready['instanceCount']}; a group is {SCALED.pattern}.",
            )  # fmt: skip
    names = [s["name"].lower() for s in properties.get("siteConfig", {}).get("appSettings") or []]
    if colons := [name for name in names if ":" in name]:
        raise ArmError(400, "BadRequest", f"AppSetting with name '{colons[0]}' is not allowed.")
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ArmError(
            400, "BadRequest",
            f"App settings of '{concrete.name}' that stand twice: {', '.join(sorted(twice))}.",
        )  # fmt: skip


def _check_topic(state: ArmState, concrete: Concrete, properties: dict[str, Any]) -> None:
    for other in state.of_type(kinds.TOPIC):
        same = other["properties"]["source"].lower() == properties["source"].lower()
        if same and other["id"].lower() != concrete.id.lower():
            raise ArmError(
                400, "InvalidRequest",
                f"Only one system topic is allowed per source: {properties['source']} has "
                f"'{other['id']}'.",
            )  # fmt: skip


def _check_subscription(state: ArmState, concrete: Concrete, properties: dict[str, Any]) -> None:
    """Raises ArmError unless the topic has the identity for dead letters, and their container
    exists."""
    delivery = properties.get("deadLetterWithResourceIdentity")
    if not delivery:
        return
    topic = state.get(concrete.id.rsplit("/", 2)[0]) or {}
    known = {key.lower() for key in topic.get("identity", {}).get("userAssignedIdentities") or ()}
    identity = delivery["identity"]
    if identity["type"] == "UserAssigned" and identity["userAssignedIdentity"].lower() not in known:
        raise ArmError(
            400, "InvalidRequest",
            f"The identity {identity['userAssignedIdentity']} is not assigned to the topic of "
            f"'{concrete.name}'.",
        )  # fmt: skip
    target = delivery["deadLetterDestination"]["properties"]
    container = f"{target['resourceId']}/blobServices/default/containers/"
    if state.get(container + target["blobContainerName"]) is None:
        raise ArmError(
            404, "ResourceNotFound",
            f"The container '{target['blobContainerName']}' for dead letters was not found.",
        )  # fmt: skip
