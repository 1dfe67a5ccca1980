"""The templates evaluated with what the plan really gives them."""

import json
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from cluster.ownership import Owner
from cluster.plan import Plan, PlannedDeployment, make_plan
from cluster.record import ClusterRecord
from cluster.spec import ClusterSpec
from lab.testing.templates import Concrete, Evaluation, evaluate

TEMPLATES = Path(__file__).parents[2] / "arm" / "cluster"
GROUP, LOCATION, SUBSCRIPTION = "demo-rg", "westeurope", "00000000-0000-0000-0000-000000000001"
PREFIX = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/"
OWNER = Owner("demo", "abc123", "account/slipway")
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample"


def plan(existing: tuple[str, ...] = (), **spec: Any) -> Plan:
    """The plan of a cluster `demo`; `spec` as in a spec document."""
    wanted = ClusterSpec.model_validate({"name": "demo", **spec})
    return make_plan(wanted, ClusterRecord(name="demo", uid="abc123"), existing)


def run(template: str, parameters: dict[str, Any]) -> Evaluation:
    return evaluate(
        json.loads((TEMPLATES / f"{template}.json").read_text()),
        {name: {"value": value} for name, value in parameters.items()},
        group=GROUP,
        location=LOCATION,
        subscription=SUBSCRIPTION,
    )


def complete(deployment: PlannedDeployment, custom_data: str = "I2Nsb3Vk") -> dict[str, Any]:
    """The plan's parameters, the owner's tags, and the two that come from the vault."""
    known = deployment.parameters | {"ownerTags": OWNER.tags}
    if deployment.template == "network":
        return known
    return known | {
        "sshPublicKey": PUBLIC_KEY,
        "customData": {name: f"{custom_data}{name}" for name in deployment.nodes},
    }


def deploy(wanted: Plan, part: str, **changes: Any) -> Evaluation:
    """That part of the plan, evaluated; `changes` replace single parameters."""
    found = next(deployment for deployment in wanted.deployments if deployment.part == part)
    return run(found.template, complete(found) | changes)


def of_type(evaluation: Evaluation, kind: str) -> dict[str, Concrete]:
    """Resources of that type by name."""
    return {
        resource.name: resource
        for resource in evaluation.resources
        if resource.type.lower() == kind.lower()
    }


def properties(resource: Concrete) -> Any:
    return resource.body["properties"]


def outputs(evaluation: Evaluation, runtime: Callable[[str], Any]) -> dict[str, Any]:
    """Output values, where `runtime` gives a deployed resource's properties by its id."""
    found = evaluation.outputs(lambda target, _full: runtime(target))
    return {name: output["value"] for name, output in found.items()}


def admits(group: Concrete, source: str, protocol: str, port: int) -> bool:
    """What a security group says to a packet: its rules by priority, first match.

    Args:
        source: an address, or the tag AzureLoadBalancer.
        protocol: Tcp, Udp or Icmp (port 0).
    """
    rules = [rule["properties"] for rule in properties(group)["securityRules"]]
    for rule in sorted(rules, key=lambda rule: rule["priority"]):
        sources = rule.get("sourceAddressPrefixes") or [rule["sourceAddressPrefix"]]
        ports = rule.get("destinationPortRanges") or [rule["destinationPortRange"]]
        if (
            rule["direction"] == "Inbound"
            and rule["protocol"] in ("*", protocol)
            and any(_opens(opened, port) for opened in ports)
            and any(_covers(prefix, source) for prefix in sources)
        ):
            return rule["access"] == "Allow"
    raise AssertionError(f"{group.name} leaves {source} to the default rules")


def _opens(ports: str, port: int) -> bool:
    first, _, last = ports.partition("-")
    return ports == "*" or int(first) <= port <= int(last or first)


def _covers(prefix: str, source: str) -> bool:
    if prefix in ("*", source):
        return True
    if not prefix[0].isdigit() or not source[0].isdigit():
        return False
    return IPv4Address(source) in IPv4Network(prefix)
