"""Rules for the templates of an installation, in addition to the rules for all templates."""

import re
from collections.abc import Iterator
from typing import Any

from lab.testing.templates import flex
from tests.arm import rules
from tests.arm.installation import PLATFORM
from tests.arm.rules import Rule, Template, leaves, of_type

# Parts and extensions have no tags.
UNTAGGED = (
    "/basicPublishingCredentialsPolicies", "/blobServices", "/config", "/containers",
    "/deployments", "/diagnosticSettings", "/eventSubscriptions", "/locks", "/roleAssignments",
    "/roleDefinitions", "/subnets", "/taskHubs",
)  # fmt: skip
TAGS = ("[parameters('tags')]", "[variables('tags')]")
OWN_TAG = "createObject('slipway-installation', parameters('name'))"
ACCOUNT = {
    "allowBlobPublicAccess": False,
    "allowCrossTenantReplication": False,
    "allowSharedKeyAccess": False,
    "isLocalUserEnabled": False,
    "minimumTlsVersion": "TLS1_2",
    "supportsHttpsTrafficOnly": True,
}
VAULT = {"enablePurgeProtection": True, "enableRbacAuthorization": True, "enableSoftDelete": True}
CLOSED = ("Deny", "[if(variables('fromEverywhere'), 'Allow', 'Deny')]")
SITE = {"minTlsVersion": "1.2", "scmMinTlsVersion": "1.2"}


def _differs(found: dict[str, Any], wanted: dict[str, Any], name: str) -> Iterator[str]:
    for key, value in wanted.items():
        if found.get(key) != value or type(found.get(key)) is not type(value):
            yield f"{name}: {key} is {found.get(key)}, and should be {value}"


def storage_takes_identities_only(template: Template) -> Iterator[str]:
    """An account key gives full access to anyone who has it, and none is needed."""
    for account in of_type(template, "/storageAccounts"):
        yield from _differs(account["properties"], ACCOUNT, account["name"])
    for container in of_type(template, "/containers"):
        if container["properties"].get("publicAccess") != "None":
            yield f"{container['name']} is public"


def vaults_keep_what_they_have(template: Template) -> Iterator[str]:
    """Access by role assignments, purge protection, and no public access unless it is requested."""
    for vault in of_type(template, "/vaults"):
        yield from _differs(vault["properties"], VAULT, vault["name"])
        if vault["properties"].get("networkAcls", {}).get("defaultAction") not in CLOSED:
            yield f"{vault['name']} is open to every address"


def telemetry_takes_identities_only(template: Template) -> Iterator[str]:
    """An instrumentation key is not a secret: pages and logs show it."""
    for component in of_type(template, "/components"):
        yield from _differs(component["properties"], {"DisableLocalAuth": True}, component["name"])
    for workspace in of_type(template, "/workspaces"):
        features = workspace["properties"].get("features", {})
        yield from _differs(features, {"disableLocalAuth": True}, workspace["name"])


def apps_are_published_by_identities_only(template: Template) -> Iterator[str]:
    """No publishing passwords; nothing unencrypted."""
    closed = {
        policy["name"].partition("/")[2][:3]
        for policy in of_type(template, "/basicPublishingCredentialsPolicies")
        if policy["properties"].get("allow") is False
    }
    for site in of_type(template, "/sites"):
        yield from _differs(site["properties"], {"httpsOnly": True}, site["name"])
        yield from _differs(site["properties"]["siteConfig"], SITE, site["name"])
        if closed != {"ftp", "scm"}:
            yield f"{site['name']} can be published with a password"


def flex_consumption_refuses_nothing(template: Template) -> Iterator[str]:
    """The resource types allow what the plan does not: arm/flex-consumption.yaml lists it."""
    refused = {
        section: {name.lower() for name in names} for section, names in flex.refused().items()
    }
    for site in of_type(template, "/sites"):
        properties = site["properties"]
        for section, given in (("site", properties), ("siteConfig", properties["siteConfig"])):
            for name in given:
                if name.lower() in refused[section]:
                    yield f"{site['name']} has {name}"
    for path, value in leaves(template):
        # A setting is the key of an object, or quoted in an expression that makes one.
        quoted = re.findall(r"'(\w+)'", str(value)) if str(value).startswith("[") else []
        for name in {value, *quoted} if path[-1] == value else quoted:
            if str(name).lower() in refused["appSettings"]:
                yield f"{'.'.join(map(str, path))} sets {name}"


def delegated_subnets_leave_the_default_way_out_alone(template: Template) -> Iterator[str]:
    """`defaultOutboundAccess` does not apply to a subnet that is delegated; the gateway does."""
    for subnet in of_type(template, "/subnets"):
        properties = subnet["properties"]
        if properties.get("delegations") and "defaultOutboundAccess" in properties:
            yield f"{subnet['name']} is delegated and sets defaultOutboundAccess"
        if properties.get("delegations") and "natGateway" not in properties:
            yield f"{subnet['name']} is delegated and has no NAT gateway"


def nothing_reads_a_key(template: Template) -> Iterator[str]:
    """What ARM's list functions give would stand in a setting or an output."""
    for path, value in leaves(template):
        if str(value).startswith("[") and re.search(r"\blist\w*\(", str(value)):
            yield f"{'.'.join(map(str, path))} reads a key"


def parts_are_beside_and_inside(template: Template) -> Iterator[str]:
    """A linked template lies beside its main one; its expressions are evaluated inside of it, or
    its outputs and secrets would be the outer one's."""
    for nested in of_type(template, "Microsoft.Resources/deployments"):
        properties = nested["properties"]
        link = properties.get("templateLink", {})
        if set(link) != {"relativePath"} or not (PLATFORM / link["relativePath"]).is_file():
            yield f"{nested['name']} links {link}"
        if properties.get("expressionEvaluationOptions") != {"scope": "inner"}:
            yield f"{nested['name']} is evaluated outside"


def assignments_say_why(template: Template) -> Iterator[str]:
    """Each right with its reason where an auditor reads it; of an identity that may be new."""
    for assignment in of_type(template, "/roleAssignments"):
        properties = assignment["properties"]
        if not properties.get("description"):
            yield f"{assignment['name']} does not say what it is for"
        if properties.get("principalType") != "ServicePrincipal":
            yield f"{assignment['name']} fails where the directory does not know the identity yet"


def everything_carries_the_installations_tags(template: Template) -> Iterator[str]:
    for resource in template["resources"]:
        tags = str(resource.get("tags"))
        if not resource["type"].endswith(UNTAGGED) and tags not in TAGS and OWN_TAG not in tags:
            yield f"{resource['name']} does not carry the installation's tags"


OWN_RULES: tuple[Rule, ...] = (
    storage_takes_identities_only,
    vaults_keep_what_they_have,
    telemetry_takes_identities_only,
    apps_are_published_by_identities_only,
    flex_consumption_refuses_nothing,
    delegated_subnets_leave_the_default_way_out_alone,
    nothing_reads_a_key,
    parts_are_beside_and_inside,
    assignments_say_why,
    everything_carries_the_installations_tags,
)
# Of the rules of all templates, those that are not of clusters alone.
PLATFORM_RULES: tuple[Rule, ...] = (
    rules.parameters_are_described,
    rules.everything_declared_is_used,
    rules.api_versions_are_pinned,
    rules.outputs_hold_no_secret,
    rules.secrets_go_only_into_custom_data,
    rules.subnets_are_children,
    rules.skus_are_standard,
    *OWN_RULES,
)
