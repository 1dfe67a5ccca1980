"""The installation's templates keep to the rules, and every rule catches one that does not."""

from typing import Any

import pytest

from tests.arm import platform_rules as rules
from tests.arm.broken_templates import Break, Change, each, faults, find
from tests.arm.installation import PLATFORM, load
from tests.arm.platform_rules import OWN_RULES, PLATFORM_RULES
from tests.arm.rules import Rule, of_type

JOINED = "azuredeploy"
PARTS = sorted(path.stem for path in PLATFORM.glob("*.json") if path.stem != JOINED)


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("rule", PLATFORM_RULES, ids=lambda rule: rule.__name__)
def test_a_template_keeps_to_the_rule(rule: Rule, name: str) -> None:
    assert list(rule(load(name))) == []


def test_every_part_is_deployed() -> None:
    linked = {
        nested["properties"]["templateLink"]["relativePath"].removesuffix(".json")
        for part in PARTS
        for nested in of_type(load(part), "/deployments")
    }
    assert linked == set(PARTS) - {"main", "events"}


@pytest.mark.parametrize("name", PARTS)
def test_a_template_says_what_it_is_deployed_to(name: str) -> None:
    """Its schema does: ARM refuses a subscription's deployment with a group's."""
    whole = "subscriptionDeploymentTemplate.json#" in load(name)["$schema"]
    assert whole == (name in ("main", "rights"))


def properties(end: str, **changes: Any) -> Change:
    return lambda template: find(template, end)["properties"].update(changes)


BREAKS: list[Break] = [
    (
        rules.storage_takes_identities_only,
        "storage",
        properties("/storageAccounts", allowSharedKeyAccess=True),
    ),
    (
        rules.storage_takes_identities_only,
        "storage",
        lambda t: find(t, "/storageAccounts")["properties"].pop("allowSharedKeyAccess"),
    ),
    (
        rules.storage_takes_identities_only,
        "storage",
        properties("/containers", publicAccess="Blob"),
    ),
    (
        rules.vaults_keep_what_they_have,
        "vault",
        lambda t: find(t, "/vaults")["properties"].pop("enablePurgeProtection"),
    ),
    (
        rules.vaults_keep_what_they_have,
        "vault",
        lambda t: find(t, "/vaults")["properties"]["networkAcls"].update(defaultAction="Allow"),
    ),
    (
        rules.telemetry_takes_identities_only,
        "telemetry",
        properties("/components", DisableLocalAuth=False),
    ),
    (
        rules.telemetry_takes_identities_only,
        "telemetry",
        properties("/workspaces", features={}),
    ),
    (
        rules.apps_are_published_by_identities_only,
        "app",
        properties("/basicPublishingCredentialsPolicies", allow=True),
    ),
    (rules.apps_are_published_by_identities_only, "app", properties("/sites", httpsOnly=False)),
    (
        rules.apps_are_published_by_identities_only,
        "app",
        lambda t: find(t, "/sites")["properties"]["siteConfig"].update(minTlsVersion="1.0"),
    ),
    (
        rules.flex_consumption_refuses_nothing,
        "app",
        lambda t: find(t, "/sites")["properties"]["siteConfig"].update(FtpsState="Disabled"),
    ),
    (rules.flex_consumption_refuses_nothing, "app", properties("/sites", containerSize=1536)),
    (
        rules.flex_consumption_refuses_nothing,
        "app",
        lambda t: t["variables"]["hostSettings"].update(FUNCTIONS_WORKER_RUNTIME="python"),
    ),
    (
        rules.flex_consumption_refuses_nothing,
        "app",
        lambda t: t["variables"].update(
            more="[createObject('WEBSITE_RUN_FROM_PACKAGE', string(1))]"
        ),
    ),
    (
        rules.delegated_subnets_leave_the_default_way_out_alone,
        "network",
        properties("/subnets", defaultOutboundAccess=False),
    ),
    (
        rules.delegated_subnets_leave_the_default_way_out_alone,
        "network",
        lambda t: find(t, "/subnets")["properties"].pop("natGateway"),
    ),
    (
        rules.nothing_reads_a_key,
        "app",
        lambda t: t["variables"].update(key="[listKeys('x', '2026-04-01').keys[0].value]"),
    ),
    (
        rules.parts_are_beside_and_inside,
        "main",
        properties("/deployments", templateLink={"uri": "https://example.net/identity.json"}),
    ),
    (
        rules.parts_are_beside_and_inside,
        "main",
        properties("/deployments", templateLink={"relativePath": "missing.json"}),
    ),
    (
        rules.parts_are_beside_and_inside,
        "main",
        lambda t: find(t, "/deployments")["properties"].pop("expressionEvaluationOptions"),
    ),
    (
        rules.assignments_say_why,
        "rights",
        lambda t: find(t, "/roleAssignments")["properties"].pop("description"),
    ),
    (
        rules.assignments_say_why,
        "vault",
        lambda t: find(t, "/roleAssignments")["properties"].pop("principalType"),
    ),
    (
        rules.everything_carries_the_installations_tags,
        "vault",
        lambda t: find(t, "/vaults").pop("tags"),
    ),
    (
        rules.everything_carries_the_installations_tags,
        "events",
        lambda t: find(t, "/systemTopics").update(tags={}),
    ),
]


@each(BREAKS)
def test_a_rule_catches_what_it_is_for(rule: Rule, name: str, change: Change) -> None:
    assert faults(rule, load(name), change)


def test_no_rule_goes_without_a_broken_template() -> None:
    assert {rule for rule, _, _ in BREAKS} == set(OWN_RULES)
