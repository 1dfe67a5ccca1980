"""Rules for every template under arm/: each rule is a function that yields its faults.

The rules read the JSON as it stands, so they hold for every value of the parameters.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

type Template = dict[str, Any]
type Rule = Callable[[Template], Iterator[str]]

NETWORK, COMPUTE, DISKS = "2025-09-01", "2026-04-01", "2026-03-02"
STORAGE, WEB, EVENTS, SCHEDULER = "2026-04-01", "2025-03-01", "2025-02-15", "2026-02-01"
RIGHTS, RESOURCES = "2022-04-01", "2025-04-01"
API_VERSIONS = {
    "Microsoft.Authorization/locks": "2020-05-01",
    "Microsoft.Authorization/roleAssignments": RIGHTS,
    "Microsoft.Authorization/roleDefinitions": RIGHTS,
    "Microsoft.Compute/availabilitySets": COMPUTE,
    "Microsoft.Compute/disks": DISKS,
    "Microsoft.Compute/virtualMachines": COMPUTE,
    "Microsoft.DurableTask/schedulers": SCHEDULER,
    "Microsoft.DurableTask/schedulers/taskHubs": SCHEDULER,
    "Microsoft.EventGrid/systemTopics": EVENTS,
    "Microsoft.EventGrid/systemTopics/eventSubscriptions": EVENTS,
    "Microsoft.Insights/actionGroups": "2023-01-01",
    "Microsoft.Insights/components": "2020-02-02",
    # None of its versions is generally available; this one is what everybody uses.
    "Microsoft.Insights/diagnosticSettings": "2021-05-01-preview",
    "Microsoft.Insights/metricAlerts": "2018-03-01",
    "Microsoft.Insights/scheduledQueryRules": "2023-12-01",
    "Microsoft.Insights/workbooks": "2023-06-01",
    "Microsoft.KeyVault/vaults": "2026-02-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "2024-11-30",
    "Microsoft.Network/loadBalancers": NETWORK,
    "Microsoft.Network/natGateways": NETWORK,
    "Microsoft.Network/networkInterfaces": NETWORK,
    "Microsoft.Network/networkSecurityGroups": NETWORK,
    "Microsoft.Network/publicIPAddresses": NETWORK,
    "Microsoft.Network/virtualNetworks": NETWORK,
    "Microsoft.Network/virtualNetworks/subnets": NETWORK,
    "Microsoft.OperationalInsights/workspaces": "2025-07-01",
    "Microsoft.Resources/deployments": RESOURCES,
    "Microsoft.Resources/resourceGroups": RESOURCES,
    "Microsoft.Storage/storageAccounts": STORAGE,
    "Microsoft.Storage/storageAccounts/blobServices": STORAGE,
    "Microsoft.Storage/storageAccounts/blobServices/containers": STORAGE,
    "Microsoft.Web/serverfarms": WEB,
    "Microsoft.Web/sites": WEB,
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": WEB,
    "Microsoft.Web/sites/config": WEB,
}
STANDARD_ONLY = ("loadBalancers", "natGateways", "publicIPAddresses")
NODE_PORTS = "30000-32767"
CUSTOM_DATA = ("properties", "osProfile", "customData")
DENY_ALL = {
    "priority": 4096,
    "direction": "Inbound",
    "access": "Deny",
    "protocol": "*",
    "sourceAddressPrefix": "*",
    "sourcePortRange": "*",
    "destinationAddressPrefix": "*",
    "destinationPortRange": "*",
}


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every scalar of a JSON value with its path; object keys count as scalars too."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key), key
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


def of_type(template: Template, *ends: str) -> Iterator[dict[str, Any]]:
    """Resources whose type is, or ends in, one of these."""
    for resource in template["resources"]:
        if resource["type"].endswith(ends):
            yield resource


def secure_parameters(template: Template) -> set[str]:
    declared = template["parameters"].items()
    return {name for name, rule in declared if rule["type"].lower().startswith("secure")}


def parameters_are_described(template: Template) -> Iterator[str]:
    """The portal and the docs show the description; its first word must be true."""
    for name, rule in template["parameters"].items():
        word = "Optional." if "defaultValue" in rule else "Required."
        if not rule.get("metadata", {}).get("description", "").startswith(f"{word} "):
            yield f"parameter '{name}' has no description that starts with '{word}'"


def everything_declared_is_used(template: Template) -> Iterator[str]:
    """Yields parameters that nothing in the template reads."""
    texts = [value for _, value in leaves(template) if isinstance(value, str)]
    for section in ("parameters", "variables"):
        for name in template.get(section, {}):
            if not any(f"{section}('{name}')" in text for text in texts):
                yield f"{section[:-1]} '{name}' is not used"


def api_versions_are_pinned(template: Template) -> Iterator[str]:
    """One version per resource type, general availability, changed in one place."""
    for resource in template["resources"]:
        wanted = API_VERSIONS.get(resource["type"])
        if resource["apiVersion"] != wanted:
            yield f"{resource['type']} is at {resource['apiVersion']}; the table says {wanted}"


# A pool's own rules, and after them those of the spec, which can only allow what comes in.
WITH_FURTHER_RULES = re.compile(
    r"\[concat\(variables\('(\w+)'\), map\([\w'()\[\].]+, lambda\('rule', createObject\('name', "
    r"lambdaVariables\('rule'\)\.name, 'properties', createObject\('description', '[\w .]+', "
    r"'priority', lambdaVariables\('rule'\)\.priority, 'direction', 'Inbound', 'access', 'Allow', "
)


def rules_of(template: Template, group: Any) -> list[Any]:
    """The rules of a security group that do not come from the spec."""
    found = group["properties"]["securityRules"]
    if isinstance(found, list):
        return found
    match = WITH_FURTHER_RULES.match(found)
    assert match, f"{group['name']} has rules of another form"
    return template["variables"][match[1]]


def security_groups_end_in_deny_all(template: Template) -> Iterator[str]:
    """The default rules admit the whole virtual network: without this, allow-lists decorate."""
    for group in of_type(template, "/networkSecurityGroups"):
        rules = [rule["properties"] for rule in rules_of(template, group)]
        last = {key: value for key, value in rules[-1].items() if key != "description"}
        if last != DENY_ALL:
            yield f"{group['name']} does not end in a rule that denies everything"
        priorities = [rule["priority"] for rule in rules]
        if priorities != sorted(set(priorities)):
            yield f"{group['name']} has rules out of order, or two of one priority"


def security_groups_name_their_sources(template: Template) -> Iterator[str]:
    """An allowed source is a list of subnets, the network, or the load balancer's tag.

    A rule opens one port. Kubernetes chooses node ports from their range.
    """
    for group in of_type(template, "/networkSecurityGroups"):
        for rule in rules_of(template, group)[:-1]:
            properties = rule["properties"]
            if properties.get("sourceAddressPrefix") in ("*", "Internet", "VirtualNetwork"):
                yield f"{group['name']}: {rule['name']} admits {properties['sourceAddressPrefix']}"
            if (
                properties["protocol"] != "Icmp"
                and properties["destinationPortRange"] != NODE_PORTS
                and not properties["destinationPortRange"].isdigit()
            ):
                yield f"{group['name']}: {rule['name']} opens more than one port"


def outputs_hold_no_secret(template: Template) -> Iterator[str]:
    """Outputs stand in clear text in the deployment history."""
    secrets = secure_parameters(template)
    for name, output in template.get("outputs", {}).items():
        value = str(output["value"])
        if output["type"].lower().startswith("secure"):
            yield f"output '{name}' has a secure type"
        shown = any(f"parameters('{secret}')" in value for secret in secrets)
        if shown or re.search(r"\blist\w*\(", value):
            yield f"output '{name}' shows a secret"


def secrets_go_only_into_custom_data(template: Template) -> Iterator[str]:
    """Anywhere else a secure value can come back in an answer of ARM; a default would be public."""
    for name in secure_parameters(template):
        if "defaultValue" in template["parameters"][name]:
            yield f"secure parameter '{name}' has a default"
        for path, value in leaves(template):
            if f"parameters('{name}')" in str(value) and path[2:] != CUSTOM_DATA:
                yield f"secure parameter '{name}' is used at {'.'.join(map(str, path))}"


def passwords_are_off(template: Template) -> Iterator[str]:
    """A key is the only way in."""
    for machine in of_type(template, "/virtualMachines"):
        profile = machine["properties"]["osProfile"]
        linux = profile.get("linuxConfiguration", {})
        if "adminPassword" in profile or linux.get("disablePasswordAuthentication") is not True:
            yield f"{machine['name']} allows passwords"


def subnets_are_children(template: Template) -> Iterator[str]:
    """A PUT of a network deletes inline subnets that it does not list; parallel PUTs conflict."""
    for network in of_type(template, "/virtualNetworks"):
        if "subnets" in network["properties"]:
            yield f"{network['name']} lists its subnets inline"
    subnets = list(of_type(template, "/subnets"))
    for subnet in subnets:
        copy = subnet.get("copy", {})
        alone = len(subnets) == 1 and not copy
        if not alone and (copy.get("mode"), copy.get("batchSize")) != ("Serial", 1):
            yield f"{subnet['name']} is not written one after the other"


def nothing_is_linked(template: Template) -> Iterator[str]:
    """Each template is a deployment of its own; linked ones need a public place for templates."""
    for path, value in leaves(template):
        if path[-1] in ("templateLink", "parametersLink", "_artifactsLocation"):
            yield f"{'.'.join(map(str, path))} links to another document"
        elif path != ("$schema",) and re.search("https?://", str(value)):
            yield f"{'.'.join(map(str, path))} names a URL"
    for resource in of_type(template, "Microsoft.Resources/deployments"):
        yield f"{resource['name']} is a nested deployment"


def skus_are_standard(template: Template) -> Iterator[str]:
    """Basic addresses and balancers are retired; a static address survives a deallocation."""
    for resource in of_type(template, *STANDARD_ONLY):
        if resource.get("sku", {}).get("name") != "Standard":
            yield f"{resource['name']} is not of the Standard SKU"
    for address in of_type(template, "/publicIPAddresses"):
        if address["properties"]["publicIPAllocationMethod"] != "Static":
            yield f"{address['name']} is not static"


def only_the_controller_is_public(template: Template) -> Iterator[str]:
    """One way in: nodes are reached through the controller, and the API by its public frontend
    where sources are allowed."""
    for interface in of_type(template, "/networkInterfaces"):
        for configuration in interface["properties"]["ipConfigurations"]:
            address = configuration["properties"].get("publicIPAddress")
            if address and "'{0}-controller-ip'" not in address["id"]:
                yield f"{interface['name']} has a public address"
    for balancer in of_type(template, "/loadBalancers"):
        for frontend in balancer["properties"]["frontendIPConfigurations"]:
            asked = balancer.get("condition") == "[variables('publicApi')]"
            if "publicIPAddress" in frontend["properties"] and not asked:
                yield f"{balancer['name']} has a public frontend"


def disks_are_managed(template: Template) -> Iterator[str]:
    """No storage account for disks or boot diagnostics: nothing to name, size or leak."""
    for machine in of_type(template, "/virtualMachines"):
        names = {path[-1] for path, _ in leaves(machine)}
        if names & {"vhd", "storageUri"}:
            yield f"{machine['name']} uses a storage account"
        if "name" not in machine["properties"]["storageProfile"]["osDisk"]:
            yield f"{machine['name']} leaves its disk's name to chance"


def everything_is_tagged(template: Template) -> Iterator[str]:
    """In a group that was found, a resource without the cluster's tag would never be deleted."""
    for resource in template["resources"]:
        if not resource["type"].endswith("/subnets") and "variables('tags')" not in str(
            resource.get("tags")
        ):
            yield f"{resource['name']} does not carry the cluster's tags"


RULES: tuple[Rule, ...] = (
    parameters_are_described,
    everything_declared_is_used,
    api_versions_are_pinned,
    security_groups_end_in_deny_all,
    security_groups_name_their_sources,
    outputs_hold_no_secret,
    secrets_go_only_into_custom_data,
    passwords_are_off,
    subnets_are_children,
    nothing_is_linked,
    skus_are_standard,
    only_the_controller_is_public,
    disks_are_managed,
    everything_is_tagged,
)
