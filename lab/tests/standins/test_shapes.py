"""The stand-ins' answers, held to the shapes of recorded exchanges with the real services.

Sources: Azure/azure-cli, resource/tests/latest/recordings/test_group_deployment.yaml (recorded
2020-02-11, API version 2019-07-01); Azure/azure-sdk-for-js, keyvault-secrets,
recording_can_wait_until_a_secret_is_recovered.js (2020-01-31). Names and types only: values are
scrubbed there.
"""

from typing import Any

import pytest
import requests

from lab.tests.standins.shapes import ERROR, MANAGEMENT, Rest, differences

RESOURCE_TYPE = {"resourceType": str, "locations": [str]}
DEPLOYMENT: dict[str, Any] = {
    "id": str,
    "name": str,
    "type": str,
    "properties": {
        "templateHash": str,
        "parameters": dict,
        "mode": str,
        "provisioningState": str,
        "timestamp": str,
        "duration": str,
        "correlationId": str,
        "providers": [
            {"namespace": str, "resourceTypes": [{"resourceType": str, "locations": [str]}]}
        ],
        "dependencies": list,
        "outputResources": [{"id": str}],
    },
}
OPERATION: dict[str, Any] = {
    "id": str,
    "operationId": str,
    "properties": {
        "provisioningOperation": str,
        "provisioningState": str,
        "timestamp": str,
        "duration": str,
        "trackingId": str,
        "statusCode": str,
        "targetResource": {"id": str, "resourceType": str, "resourceName": str},
    },
}
DELETED_SECRET: dict[str, Any] = {
    "recoveryId": str,
    "deletedDate": int,
    "scheduledPurgeDate": int,
    "id": str,
    "attributes": {"enabled": bool, "created": int, "updated": int, "recoveryLevel": str},
}
TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {"prefix": {"type": "string"}, "word": {"type": "secureString"}},
    "resources": [
        {
            "type": "Microsoft.Network/virtualNetworks",
            "apiVersion": "2025-09-01",
            "name": "net",
            "location": "westeurope",
            "properties": {"addressSpace": {"addressPrefixes": ["[parameters('prefix')]"]}},
        }
    ],
}
PARAMETERS = {"prefix": {"value": "10.0.0.0/16"}, "word": {"value": "hunter2"}}
PATH = "/resourcegroups/g/providers/Microsoft.Resources/deployments/d"


@pytest.fixture
def rest(azure: Any) -> Rest:
    found = Rest(azure)
    assert found.call("PUT", "/resourcegroups/g", {"location": "westeurope"}).status_code == 201
    return found


def put(rest: Rest, template: dict[str, Any]) -> requests.Response:
    properties = {"mode": "Incremental", "template": template, "parameters": PARAMETERS}
    return rest.call("PUT", PATH, {"properties": properties})


def finished(rest: Rest) -> dict[str, Any]:
    for _ in range(200):
        found = rest.call("GET", PATH).json()
        if found["properties"]["provisioningState"] in ("Succeeded", "Failed"):
            return found
    raise AssertionError("the deployment never ended")


def test_a_deployment_has_the_recorded_shape(rest: Rest) -> None:
    accepted = put(rest, TEMPLATE)
    assert accepted.status_code == 201
    assert accepted.json()["properties"]["provisioningState"] == "Accepted"
    assert accepted.headers["Azure-AsyncOperation"].startswith(f"{MANAGEMENT}/subscriptions/")
    found = finished(rest)
    assert differences(DEPLOYMENT, found) == []
    assert found["properties"]["parameters"] == {
        "prefix": {"type": "String", "value": "10.0.0.0/16"},
        "word": {"type": "SecureString"},
    }
    assert put(rest, TEMPLATE).status_code == 200


def test_operations_have_the_recorded_shape_and_the_extra_entry_for_outputs(rest: Rest) -> None:
    put(rest, TEMPLATE)
    finished(rest)
    found = rest.call("GET", "/resourcegroups/g/deployments/d/operations").json()["value"]
    *resources, outputs = found
    assert [text for item in resources for text in differences(OPERATION, item)] == []
    assert outputs["properties"]["provisioningOperation"] == "EvaluateDeploymentOutput"


def test_a_shape_that_is_not_kept_is_found() -> None:
    assert differences({"a": {"b": str}}, {"a": {"b": 1}}) == [".a.b: int"]
    assert differences({"a": [{"b": str}]}, {"a": []}) == [".a: no list, or an empty one"]
    assert differences({"a": int, "b": str}, {"a": True}) == [".b: missing", ".a: bool"]


def test_the_vault_has_the_recorded_shapes_of_challenge_delete_and_absence(azure: Any) -> None:
    url, query = f"{azure.url}/secrets/one", {"api-version": "2026-04-01"}
    host = {"X-Forwarded-Host": "slipway-test.vault.azure.net"}
    challenge = requests.put(url, json={"value": "v"}, params=query, headers=host, timeout=10)
    assert challenge.status_code == 401
    assert differences(ERROR, challenge.json()) == []
    told = challenge.headers["WWW-Authenticate"]
    assert told.startswith("Bearer authorization=")
    assert told.endswith('resource="https://vault.azure.net"')
    token = azure.facade.identity.token("https://vault.azure.net", 2**40)
    key = host | {"Authorization": f"Bearer {token}"}
    made = requests.put(url, json={"value": "v"}, params=query, headers=key, timeout=10).json()
    assert differences({"value": str, "id": str, "attributes": dict}, made) == []
    deleted = requests.delete(url, params=query, headers=key, timeout=10)
    assert differences(DELETED_SECRET, deleted.json()) == []
    assert "value" not in deleted.json()
    gone = requests.get(url, params=query, headers=key, timeout=10)
    assert gone.status_code == 404
    assert gone.json()["error"]["code"] == "SecretNotFound"
