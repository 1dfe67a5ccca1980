"""Security rules: the checks that Azure does."""

from ipaddress import IPv4Network
from typing import Any

from lab.arm.errors import ArmError

TAGS = ("*", "azureloadbalancer", "internet", "virtualnetwork")
LOWEST, HIGHEST, LAST_PORT = 100, 4096, 65_535


def check_rules(rules: list[dict[str, Any]]) -> None:
    """Checks a security group's rules. Raises ArmError. Service tags that the lab does not support
    are rejected."""
    seen: dict[tuple[str, int], str] = {}
    names: set[str] = set()
    for rule in rules:
        name, p = rule["name"], rule["properties"]
        for key in ("access", "direction", "priority", "protocol"):
            if key not in p:
                raise _wrong("SecurityRuleParameterRequired", name, f"'{key}' is required")
        if not LOWEST <= p["priority"] <= HIGHEST:
            raise _wrong(
                "SecurityRuleInvalidPriority", name,
                f"the priority {p['priority']} is not from {LOWEST} to {HIGHEST}",
            )  # fmt: skip
        place = (p["direction"], p["priority"])
        if place in seen:
            raise _wrong(
                "SecurityRuleConflict", name,
                f"{seen[place]} has the same priority {p['priority']} and direction",
            )  # fmt: skip
        if name.lower() in names:
            raise _wrong("SecurityRuleDuplicateName", name, "the name is used twice")
        seen[place] = name
        names.add(name.lower())
        for side in ("source", "destination"):
            _check_prefixes(name, p, side)
            _check_ports(name, p, side)


def _several(properties: dict[str, Any], one: str, many: str, name: str) -> list[str]:
    found = properties.get(many) or []
    if properties.get(one):
        if found:
            raise _wrong("SecurityRuleInvalid", name, f"'{one}' and '{many}' exclude each other")
        return [properties[one]]
    if not found:
        raise _wrong("SecurityRuleParameterRequired", name, f"'{one}' or '{many}' is required")
    return found


def _check_prefixes(name: str, properties: dict[str, Any], side: str) -> None:
    if properties.get(f"{side}ApplicationSecurityGroups"):
        raise _wrong("SecurityRuleInvalid", name, "the lab has no application security groups")
    one, many = f"{side}AddressPrefix", f"{side}AddressPrefixes"
    before: list[IPv4Network] = []
    for prefix in _several(properties, one, many, name):
        if prefix.lower() in TAGS:
            continue
        try:
            network = IPv4Network(prefix)
        except ValueError:
            raise _wrong(
                "SecurityRuleInvalidAddressPrefix", name,
                f"'{prefix}' is neither a CIDR range nor one of {', '.join(TAGS)}",
            ) from None  # fmt: skip
        if overlapped := next((other for other in before if network.overlaps(other)), None):
            raise _wrong(
                "OverlappingSubnetsNotPermittedInSecurityRule", name,
                f"{network} overlaps {overlapped}",
            )  # fmt: skip
        before.append(network)


def _check_ports(name: str, properties: dict[str, Any], side: str) -> None:
    for text in _several(properties, f"{side}PortRange", f"{side}PortRanges", name):
        if text == "*":
            continue
        low, _, high = text.partition("-")
        try:
            right = 0 <= int(low) <= int(high or low) <= LAST_PORT
        except ValueError:
            right = False
        if not right:
            raise _wrong("SecurityRuleInvalidPortRange", name, f"'{text}' is no range of ports")


def _wrong(code: str, name: str, why: str) -> ArmError:
    return ArmError(400, code, f"Security rule {name} is not valid: {why}.")
