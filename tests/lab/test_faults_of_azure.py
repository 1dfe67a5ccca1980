"""What Azure, the vault, storage, Slack and the users do to a run; each fault is reported, and then
the run is resumed.

The tests share one cluster and run in order: each continues from the state that the fault left.
"""

import os
import signal
import time
from typing import Any

import pytest

from clients.azure.arm import ResourceGroups, Resources
from clients.azure.deployments import Deployments
from clients.azure.vault import Vault

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(600)]
MODE, NETWORK, THROUGH = "once", 95, "wait"
FOREIGN = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "resources": [
        {
            "type": "Microsoft.Network/publicIPAddresses",
            "apiVersion": "2025-09-01",
            "name": "somebody-elses",
            "location": "westeurope",
            "sku": {"name": "Standard"},
            "properties": {"publicIPAllocationMethod": "Static"},
        }
    ],
}


def started(texts: list[str]) -> list[str]:
    """The deployments that a run started."""
    return [text.split()[1] for text in texts if text.startswith("deployment ") and "star" in text]


def test_a_group_of_another_cluster_is_left_alone(lab: Any, field: dict[str, Any]) -> None:
    groups = ResourceGroups(lab.settings())
    groups.create("field-rg", "westeurope", {"slipway-owner": "another"})
    cause = lab.refused(field)
    assert (cause["code"], cause["phase"]) == ("GroupOwnedByAnother", "preflight")
    assert cause["place"] == "field-rg"
    assert "'another'" in cause["message"]
    assert Resources(lab.settings()).list("field-rg") == []
    groups.create("field-rg", "westeurope", {})


def test_a_size_that_is_not_offered_is_refused_before_anything_is_made(
    lab: Any, field: dict[str, Any]
) -> None:
    lab.faults(arm={"restricted": ["Standard_D2s_v5"]})
    cause = lab.refused(field)
    assert (cause["code"], cause["phase"]) == ("PreflightFailed", "preflight")
    assert "Standard_D2s_v5 is not available in westeurope" in cause["message"]
    assert lab.machines("field") == []


def test_a_template_that_arm_refuses_is_named(lab: Any, field: dict[str, Any]) -> None:
    refusal = {"match": "POST .*/validate", "count": 1, "status": 400, "code": "InvalidTemplate"}
    lab.faults(arm={"requests": [refusal]})
    cause = lab.refused(field)
    assert (cause["code"], cause["phase"]) == ("PreflightFailed", "preflight")
    assert "template network" in cause["message"]
    assert "InvalidTemplate" in cause["message"]


def test_a_vault_that_denies_access_says_which_role_is_missing(
    lab: Any, field: dict[str, Any]
) -> None:
    lab.faults(vault={"deny": True})
    cause = lab.refused(field)
    assert (cause["code"], cause["phase"]) == ("Forbidden", "keys")
    assert cause["place"].startswith("secret field-")
    assert "Key Vault Secrets Officer" in cause["nextStep"]
    note = lab.call("GET", "/api/clusters/field").json()["note"]
    assert "Slack messages were not delivered" in note
    assert lab.machines("field") == []


def test_an_operation_that_fails_half_way_names_its_root_cause_and_the_rest_is_kept(
    lab: Any, field: dict[str, Any]
) -> None:
    lab.faults(arm={"fail": {"field-etcd-0": "AllocationFailed"}})
    cause = lab.refused(field)
    assert (cause["code"], cause["phase"], cause["place"]) == (
        "AllocationFailed",
        "machines",
        "etcd-0",
    )
    assert "field-etcd-0" in cause["message"]
    assert lab.machines("field") == ["field-control-plane-0", "field-controller"]


def test_throttling_everywhere_delays_a_run_that_makes_only_what_was_missing(
    lab: Any, field: dict[str, Any]
) -> None:
    pauses = {"count": 2, "status": 429, "retryAfter": 2}
    lab.faults(
        arm={"requests": [pauses | {"match": "PUT .*deployments"}, pauses | {"match": "/usages"}]},
        vault={"throttle": 2},
        slack={"throttle": 2},
    )
    already = len(lab.slack())
    texts = lab.succeeds(field)
    assert started(texts) == ["network", "etcd-0"]
    assert any("status 429" in text for text in texts)
    assert lab.call("GET", "/api/clusters/field").json()["note"] is None
    said = lab.slack()[already:]
    assert len(said) == len(set(said))
    assert any("field is as asked" in line for line in said)
    assert all(len(versions) == 1 for versions in lab.secrets("field").values())


def test_a_secret_that_was_deleted_softly_is_recovered_with_its_value(
    lab: Any, field: dict[str, Any]
) -> None:
    before = lab.secrets("field")
    for name in before:
        Vault(lab.settings()).delete(name)
    assert lab.secrets("field") == {}
    texts = lab.succeeds(field)
    assert started(texts) == ["network"]
    assert lab.secrets("field") == before


def test_storage_that_is_unavailable_for_a_minute_costs_a_minute(
    lab: Any, field: dict[str, Any]
) -> None:
    (azurite,) = lab.children("blob/main.js")
    accepted = lab.call("PUT", "/api/clusters/field", field)
    lab.until("a phase after the plan", lambda: len(lab.events("field")) > 4)
    os.kill(azurite, signal.SIGSTOP)
    try:
        time.sleep(60)
    finally:
        os.kill(azurite, signal.SIGCONT)
    ended = lab.follow(accepted.headers["Location"])
    assert ended.status_code == 200, ended.text
    events = lab.events("field")
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["text"] == "launch of field started"
    assert events[-1]["text"].startswith("field is as asked")


def test_a_wrong_webhook_is_noted_and_never_called(lab: Any, field: dict[str, Any]) -> None:
    vault = Vault(lab.settings())
    right = vault.get("slack-webhook")
    assert right is not None
    vault.replace("slack-webhook", "https://hooks.example.org/services/x")
    already = lab.slack()
    try:
        lab.succeeds(field)
    finally:
        vault.replace("slack-webhook", right.value)
    note = lab.call("GET", "/api/clusters/field").json()["note"]
    assert "does not hold a Slack webhook's URL" in note
    assert "example" not in note
    assert lab.slack() == already


@pytest.mark.parametrize(
    ("fault", "reason"), [({"down": True}, "status 503"), ({"slow": 8}, "TimeoutError")]
)
def test_slack_being_down_or_slow_is_noted_and_stops_nothing(
    lab: Any, field: dict[str, Any], fault: dict[str, Any], reason: str
) -> None:
    lab.faults(slack=fault)
    texts = lab.succeeds(field)
    assert texts[-1].startswith("field is as asked")
    note = lab.call("GET", "/api/clusters/field").json()["note"]
    assert "Slack messages were not delivered" in note
    assert reason in note


def foreign_resource(lab: Any, group: str) -> None:
    deployments = Deployments(lab.settings())
    deployments.start(group, "theirs", FOREIGN, {})

    def look() -> bool:
        found = deployments.get(group, "theirs")
        assert found is None or found.state != "Failed", found
        return found is not None and found.state == "Succeeded"

    lab.until("somebody else's resource", look)


def names(lab: Any, group: str) -> list[str]:
    found = Resources(lab.settings()).list(group)
    return [resource.name for resource in found if "slipway-cluster" not in resource.tags]


def test_a_removal_during_a_run_ends_it_and_leaves_what_is_not_ours(
    lab: Any, field: dict[str, Any]
) -> None:
    foreign_resource(lab, "field-rg")
    running = lab.call("PUT", "/api/clusters/field", field)
    removed = lab.call("DELETE", "/api/clusters/field")
    assert removed.status_code == 202
    assert lab.call("PUT", "/api/clusters/field", field).status_code == 409
    assert lab.follow(running.headers["Location"]).json()["cause"]["code"] == "Cancelled"
    ended = lab.follow(removed.headers["Location"])
    assert ended.status_code == 200, ended.text
    assert lab.machines("field") == []
    assert lab.secrets("field") == {}
    left = Resources(lab.settings()).list("field-rg")
    assert [resource.name for resource in left] == ["somebody-elses"]


def test_a_group_that_we_made_stays_where_somebody_else_uses_it_too(
    lab: Any, field: dict[str, Any]
) -> None:
    shared = field | {"resourceGroup": "shared-rg"}
    lab.faults(arm={"restricted": ["Standard_D2s_v5"]})
    lab.refused(shared)
    foreign_resource(lab, "shared-rg")
    removed = lab.call("DELETE", "/api/clusters/field")
    assert lab.follow(removed.headers["Location"]).status_code == 200
    assert names(lab, "shared-rg") == ["somebody-elses"]
    kept = [event["text"] for event in lab.events("field") if "is kept" in event["text"]]
    assert kept == [
        "resource group shared-rg is kept: it has 1 resources of others: somebody-elses"
    ]


@pytest.fixture(autouse=True)
def _mended(lab: Any) -> Any:
    yield
    lab.faults()
