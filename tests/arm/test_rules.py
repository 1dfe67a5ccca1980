"""The templates keep to the rules, and every rule catches a template that does not."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.arm import rules
from tests.arm.broken_templates import Break, Change, each, faults, find
from tests.arm.rules import RULES, Rule, Template

ROOT = Path(__file__).parents[2] / "arm"
TEMPLATES = {path.relative_to(ROOT).as_posix(): path for path in sorted(ROOT.rglob("*.json"))}


def load(name: str) -> Template:
    return json.loads(TEMPLATES[f"cluster/{name}.json"].read_text())


def test_the_three_templates_of_a_cluster_are_here() -> None:
    assert {f"cluster/{name}.json" for name in ("network", "controller", "nodes")} <= set(TEMPLATES)


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name.startswith("cluster/")])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_template_keeps_to_the_rule(rule: Rule, name: str) -> None:
    assert list(rule(json.loads(TEMPLATES[name].read_text()))) == []


def security_rules(template: Template) -> Any:
    return rules.rules_of(template, find(template, "/networkSecurityGroups"))


def interface(template: Template) -> Any:
    configurations = find(template, "/networkInterfaces")["properties"]["ipConfigurations"]
    return configurations[0]["properties"]


def machine(template: Template) -> Any:
    return find(template, "/virtualMachines")["properties"]


def frontend(template: Template) -> Any:
    """The internal balancer's: the one that is always there."""
    found = (b for b in rules.of_type(template, "/loadBalancers") if "condition" not in b)
    return next(found)["properties"]["frontendIPConfigurations"][0]["properties"]


def public_balancer(template: Template) -> Any:
    return next(b for b in rules.of_type(template, "/loadBalancers") if "condition" in b)


OTHER_ADDRESS = {"id": "[resourceId('Microsoft.Network/publicIPAddresses', 'mine')]"}
KEY = "[parameters('customData')]"

BREAKS: list[Break] = [
    (
        rules.parameters_are_described,
        "nodes",
        lambda t: t["parameters"]["vmSize"].pop("metadata"),
    ),
    (
        rules.parameters_are_described,
        "nodes",
        lambda t: t["parameters"]["vmSize"].update(defaultValue="Standard_D2s_v5"),
    ),
    (
        rules.everything_declared_is_used,
        "nodes",
        lambda t: machine(t)["hardwareProfile"].update(vmSize="Standard_D2s_v5"),
    ),
    (
        rules.everything_declared_is_used,
        "controller",
        lambda t: t["variables"].update(forgotten="x"),
    ),
    (
        rules.api_versions_are_pinned,
        "nodes",
        lambda t: find(t, "/disks").update(apiVersion="2024-03-02"),
    ),
    (
        rules.api_versions_are_pinned,
        "nodes",
        lambda t: find(t, "/disks").update(type="Microsoft.Compute/snapshots"),
    ),
    (rules.security_groups_end_in_deny_all, "network", lambda t: security_rules(t).pop()),
    (
        rules.security_groups_end_in_deny_all,
        "network",
        lambda t: security_rules(t)[-1]["properties"].update(sourceAddressPrefix="Internet"),
    ),
    (
        rules.security_groups_end_in_deny_all,
        "network",
        lambda t: security_rules(t)[1]["properties"].update(priority=100),
    ),
    (
        rules.security_groups_name_their_sources,
        "network",
        lambda t: security_rules(t)[1]["properties"].update(sourceAddressPrefix="VirtualNetwork"),
    ),
    (
        rules.security_groups_name_their_sources,
        "network",
        lambda t: security_rules(t)[1]["properties"].update(destinationPortRange="1-65535"),
    ),
    (
        rules.outputs_hold_no_secret,
        "nodes",
        lambda t: t["outputs"].update(data={"type": "object", "value": KEY}),
    ),
    (
        rules.outputs_hold_no_secret,
        "nodes",
        lambda t: t["outputs"].update(data={"type": "secureObject", "value": "x"}),
    ),
    (
        rules.outputs_hold_no_secret,
        "nodes",
        lambda t: t["outputs"].update(k={"type": "string", "value": "[listKeys('x', '1')]"}),
    ),
    (
        rules.secrets_go_only_into_custom_data,
        "nodes",
        lambda t: find(t, "/virtualMachines")["properties"].update(userData=KEY),
    ),
    (
        rules.secrets_go_only_into_custom_data,
        "nodes",
        lambda t: t["variables"].update(all=KEY),
    ),
    (
        rules.secrets_go_only_into_custom_data,
        "nodes",
        lambda t: t["parameters"]["customData"].update(defaultValue={}),
    ),
    (
        rules.passwords_are_off,
        "controller",
        lambda t: machine(t)["osProfile"]["linuxConfiguration"].update(
            disablePasswordAuthentication=False
        ),
    ),
    (
        rules.passwords_are_off,
        "controller",
        lambda t: machine(t)["osProfile"].update(adminPassword="x"),
    ),
    (
        rules.subnets_are_children,
        "network",
        lambda t: find(t, "/virtualNetworks")["properties"].update(subnets=[]),
    ),
    (
        rules.subnets_are_children,
        "network",
        lambda t: find(t, "/subnets")["copy"].pop("mode"),
    ),
    (
        rules.subnets_are_children,
        "network",
        lambda t: t["resources"].append({**find(t, "/subnets"), "copy": {}}),
    ),
    (
        rules.nothing_is_linked,
        "network",
        lambda t: t["variables"].update(link={"templateLink": {"uri": "x"}}),
    ),
    (
        rules.nothing_is_linked,
        "network",
        lambda t: t["variables"].update(base="https://example.net/nested.json"),
    ),
    (
        rules.nothing_is_linked,
        "network",
        lambda t: t["resources"].append({"type": "Microsoft.Resources/deployments", "name": "x"}),
    ),
    (
        rules.skus_are_standard,
        "network",
        lambda t: find(t, "/loadBalancers")["sku"].update(name="Basic"),
    ),
    (
        rules.skus_are_standard,
        "network",
        lambda t: find(t, "/publicIPAddresses")["properties"].update(
            publicIPAllocationMethod="Dynamic"
        ),
    ),
    (
        rules.only_the_controller_is_public,
        "nodes",
        lambda t: interface(t).update(publicIPAddress=OTHER_ADDRESS),
    ),
    (
        rules.only_the_controller_is_public,
        "network",
        lambda t: frontend(t).update(publicIPAddress=OTHER_ADDRESS),
    ),
    (
        rules.only_the_controller_is_public,
        "network",
        lambda t: public_balancer(t).pop("condition"),
    ),
    (
        rules.disks_are_managed,
        "nodes",
        lambda t: machine(t)["diagnosticsProfile"]["bootDiagnostics"].update(storageUri="x"),
    ),
    (
        rules.disks_are_managed,
        "nodes",
        lambda t: machine(t)["storageProfile"]["osDisk"].pop("name"),
    ),
    (rules.everything_is_tagged, "nodes", lambda t: find(t, "/disks").pop("tags")),
]


@each(BREAKS)
def test_a_rule_catches_what_it_is_for(rule: Rule, name: str, change: Change) -> None:
    assert faults(rule, load(name), change)


def test_no_rule_goes_without_a_broken_template() -> None:
    assert {rule for rule, _, _ in BREAKS} == set(RULES)
