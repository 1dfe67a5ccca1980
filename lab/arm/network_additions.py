"""Adds what the network provider shows beyond the request: default rules, and the ids and states of
child items.

Source: the recordings that lab/tests/arm/test_network_shapes.py names; default rules: Microsoft's
"Network security groups overview".
"""

from typing import Any

SEVERAL = (
    "sourcePortRanges", "destinationPortRanges", "sourceAddressPrefixes",
    "destinationAddressPrefixes",
)  # fmt: skip
# Name: direction, priority, access, source, destination.
DEFAULT_RULES = {
    "AllowVnetInBound": ("Inbound", 65000, "Allow", "VirtualNetwork", "VirtualNetwork"),
    "AllowAzureLoadBalancerInBound": ("Inbound", 65001, "Allow", "AzureLoadBalancer", "*"),
    "DenyAllInBound": ("Inbound", 65500, "Deny", "*", "*"),
    "AllowVnetOutBound": ("Outbound", 65000, "Allow", "VirtualNetwork", "VirtualNetwork"),
    "AllowInternetOutBound": ("Outbound", 65001, "Allow", "*", "Internet"),
    "DenyAllOutBound": ("Outbound", 65500, "Deny", "*", "*"),
}
PARTS = (
    "frontendIPConfigurations", "backendAddressPools", "loadBalancingRules", "probes",
    "inboundNatRules", "inboundNatPools", "outboundRules",
)  # fmt: skip
RULE = {
    "enableFloatingIP": False,
    "enableTcpReset": False,
    "idleTimeoutInMinutes": 4,
    "loadDistribution": "Default",
}
PROBE = {"intervalInSeconds": 15, "numberOfProbes": 2}


def complete_security_group(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Adds the default values in place. Returns the group's rules, its own and the default ones."""
    properties = found["properties"]
    own = properties.setdefault("securityRules", [])
    properties["defaultSecurityRules"] = [_default(name) for name in DEFAULT_RULES]
    parts: list[dict[str, Any]] = []
    for collection in ("securityRules", "defaultSecurityRules"):
        parts += _parts(found, collection)
    for rule in own:
        for name in SEVERAL:
            rule["properties"].setdefault(name, [])
    return parts


def _default(name: str) -> dict[str, Any]:
    direction, priority, access, source, destination = DEFAULT_RULES[name]
    properties: dict[str, Any] = {
        "protocol": "*",
        "sourcePortRange": "*",
        "destinationPortRange": "*",
        "sourceAddressPrefix": source,
        "destinationAddressPrefix": destination,
        "access": access,
        "priority": priority,
        "direction": direction,
    }
    return {"name": name, "properties": properties | {several: [] for several in SEVERAL}}


def complete_network(properties: dict[str, Any]) -> None:
    properties.setdefault("virtualNetworkPeerings", [])
    properties.setdefault("enableDdosProtection", False)


def complete_subnet(properties: dict[str, Any]) -> None:
    properties.setdefault("delegations", [])
    properties.setdefault("privateEndpointNetworkPolicies", "Disabled")
    properties.setdefault("privateLinkServiceNetworkPolicies", "Enabled")


def complete_balancer(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Adds the default values in place. Returns the load balancer's child items."""
    properties, parts = found["properties"], list[dict[str, Any]]()
    for collection in PARTS:
        properties.setdefault(collection, [])
        parts += _parts(found, collection)
    for frontend in properties["frontendIPConfigurations"]:
        frontend["properties"].setdefault("privateIPAllocationMethod", "Dynamic")
    for probe in properties["probes"]:
        probe["properties"] = PROBE | probe["properties"]
    for rule in properties["loadBalancingRules"]:
        own = rule["properties"] = RULE | rule["properties"]
        if "backendAddressPool" in own:
            own.setdefault("backendAddressPools", [own["backendAddressPool"]])
        _name_users(properties, rule)
    found["sku"].setdefault("tier", "Regional")
    return parts


def _name_users(balancer: dict[str, Any], rule: dict[str, Any]) -> None:
    """Adds the rule's id to the frontend, the pools and the probe that it uses."""
    own = rule["properties"]
    named = [own.get(key) or {} for key in ("frontendIPConfiguration", "probe")]
    used = {part["id"].lower() for part in [*named, *own.get("backendAddressPools", [])] if part}
    for collection in ("frontendIPConfigurations", "backendAddressPools", "probes"):
        for part in balancer[collection]:
            if part["id"].lower() in used:
                users = part["properties"].setdefault("loadBalancingRules", [])
                users.append({"id": rule["id"]})


def _parts(found: dict[str, Any], collection: str) -> list[dict[str, Any]]:
    """Sets the id, the type and the state of each item of a list inside a resource. Returns the
    items."""
    for item in found["properties"][collection]:
        item["id"] = f"{found['id']}/{collection}/{item['name']}"
        item["type"] = f"{found['type']}/{collection}"
        item.setdefault("properties", {})["provisioningState"] = "Succeeded"
    return found["properties"][collection]
