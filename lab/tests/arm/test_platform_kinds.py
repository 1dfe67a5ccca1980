"""The kinds of an installation: what their providers refuse."""

import uuid
from typing import Any

import pytest

from lab.tests.arm.conftest import GROUP, SUBSCRIPTION, Azure, deployment
from lab.tests.arm.samples import account, make, template

IN_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (account(allowSharedKeys=False), "Could not find member 'allowSharedKeys'"),
        (account(minimumTlsVersion="TLS9"), "Allowed values are"),
        (make("Microsoft.Web/serverfarms", "plan"), "required 'sku.name' is missing"),
        (account() | {"name": "Upper"}, "'Upper' of 'name' does not match"),
        (
            make("Microsoft.Storage/storageAccounts/blobServices", "none/default"),
            "parent resource",
        ),
        (
            make("Microsoft.Web/sites", "app", {"serverFarmId": f"{IN_GROUP}/none"}, kind="x"),
            "names, was not found",
        ),
        (
            make(
                "Microsoft.KeyVault/vaults",
                "vault",
                {
                    "sku": {"family": "A", "name": "standard"},
                    "tenantId": SUBSCRIPTION,
                    "enablePurgeProtection": False,
                },
            ),
            "cannot be set to false",
        ),
        (
            make(
                "Microsoft.Insights/components",
                "insights",
                {"Application_Type": "web", "WorkspaceResourceId": f"{IN_GROUP}/none"},
                kind="web",
            ),
            "was not found",
        ),
    ],
)
def test_what_a_provider_would_refuse_is_refused(
    azure: Azure, group: str, resource: dict[str, Any], reason: str
) -> None:
    path = f"/resourcegroups/{group}/providers/Microsoft.Resources/deployments/d"
    answer = azure.call("PUT", path, deployment(template(resource)))
    said = answer.text if not answer.ok else str(azure.ended()["properties"].get("error"))
    assert reason in said


def test_an_alert_needs_what_it_looks_at_and_whom_it_notifies(azure: Azure, group: str) -> None:
    logs = make("Microsoft.OperationalInsights/workspaces", "logs")
    people = make(
        "Microsoft.Insights/actionGroups",
        "people",
        {"groupShortName": "slipway", "enabled": True, "emailReceivers": []},
    )
    query = {"query": "AppTraces", "timeAggregation": "Count", "operator": "GreaterThan"}
    rule = make(
        "Microsoft.Insights/scheduledQueryRules",
        "failed",
        {
            "scopes": ["[resourceId('Microsoft.OperationalInsights/workspaces', 'logs')]"],
            "criteria": {"allOf": [query | {"threshold": 0}]},
            "actions": {
                "actionGroups": ["[resourceId('Microsoft.Insights/actionGroups', 'people')]"]
            },
        },
        kind="LogAlert",
    )
    ended = azure.deploy(template(logs, rule))
    assert "actionGroups/people', which 'failed' names" in str(ended).replace("\\", "")
    ended = azure.deploy(template(logs, people, rule | {"dependsOn": ["logs", "people"]}))
    assert ended["properties"]["provisioningState"] == "Succeeded"
    book = make(
        "Microsoft.Insights/workbooks", str(uuid.uuid4()), {"displayName": "x"}, kind="shared"
    )
    path = f"/resourcegroups/{group}/providers/Microsoft.Resources/deployments/d"
    assert "serializedData" in azure.call("PUT", path, deployment(template(book))).text
