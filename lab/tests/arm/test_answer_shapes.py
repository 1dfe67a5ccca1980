"""Deletion and refusals, held to the shapes of recorded exchanges with the real service.

Sources: Azure/azure-cli, vm/tests/latest/recordings/test_vm_create_state_modifications.yaml
(recorded 2025-11-16, API version 2024-11-01) for the deletion of a machine. No recording of a
refusal was found; their bodies are as users reported them: Azure/azure-powershell issues 15117
(2021-05-26: ResourceNotFound) and 14283 (2021-02-23: InvalidTemplate), Azure/azure-sdk-for-java
issue 1976 (2017-11-16) and MicrosoftDocs/azure-docs issue 12602 (2018-07-30), both for
PropertyChangeNotAllowed. Names and types only.
"""

import base64
import json
from typing import Any

from lab.testing.fabric import eventually
from lab.tests.arm.conftest import Azure, deployment
from lab.tests.arm.samples import COMPUTE, one_machine, template
from lab.tests.standins.shapes import ERROR, MANAGEMENT, differences

MACHINES = "Microsoft.Compute/virtualMachines"
OPERATION = {"name": str, "status": str, "startTime": str}
PLACE = {"lineNumber": int, "linePosition": int, "path": str}
INVALID: dict[str, Any] = {
    "error": ERROR["error"] | {"additionalInfo": [{"type": str, "info": PLACE}]}
}
IMMUTABLE: dict[str, Any] = {"error": ERROR["error"] | {"target": str}}


def test_the_deletion_of_a_machine_is_accepted_and_then_over(azure: Azure, group: str) -> None:
    azure.deploy(one_machine())
    path = f"/resourcegroups/{group}/providers/{MACHINES}/vm"
    accepted = azure.call("DELETE", path, version=COMPUTE)
    assert (accepted.status_code, accepted.content) == (202, b"")
    status, location = accepted.headers["Azure-AsyncOperation"], accepted.headers["Location"]
    place = f"{azure.root}/providers/Microsoft.Compute/locations/westeurope/operations/"
    assert status.startswith(f"{MANAGEMENT}{place}")
    assert location.startswith(f"{MANAGEMENT}{azure.root}/")
    assert f"api-version={COMPUTE}" in status
    below = status.removeprefix(f"{MANAGEMENT}{azure.root}").partition("?")[0]

    def look() -> dict[str, Any] | None:
        answer = azure.call("GET", below, version=COMPUTE)
        assert answer.status_code == 200
        assert differences(OPERATION, answer.json()) == []
        return None if answer.json()["status"] == "InProgress" else answer.json()

    ended = eventually(look)
    assert differences(OPERATION | {"endTime": str}, ended) == []
    assert (ended["status"], ended["name"]) == ("Succeeded", below.rpartition("/")[2])
    assert azure.call("GET", path, version=COMPUTE).status_code == 404
    assert azure.call("DELETE", path, version=COMPUTE).status_code == 204


def test_what_is_not_there_is_refused_with_the_reported_body(azure: Azure, group: str) -> None:
    path = f"/resourcegroups/{group}/providers/{MACHINES}/none"
    refused = azure.call("GET", path, version=COMPUTE)
    assert refused.status_code == 404
    body = refused.json()
    assert differences(ERROR, body) == []
    assert body["error"]["code"] == "ResourceNotFound"
    for name in (f"'{MACHINES}/none'", f"'{group}'"):
        assert name in body["error"]["message"]
    assert set(body["error"]) == {"code", "message"}


def test_an_invalid_template_is_refused_with_the_place_of_its_fault(
    azure: Azure, group: str
) -> None:
    wrong = template(outputs={"one": {"type": "string", "value": "[unknown()]"}})
    path = f"/resourcegroups/{group}/providers/Microsoft.Resources/deployments/d"
    refused = azure.call("PUT", path, deployment(wrong))
    assert refused.status_code == 400
    assert differences(INVALID, refused.json()) == []
    error = refused.json()["error"]
    (place,) = error["additionalInfo"]
    assert (error["code"], place["type"]) == ("InvalidTemplate", "TemplateViolation")
    assert place["info"]["path"].startswith("outputs.one")


def test_a_change_that_is_not_allowed_fails_with_conflict_and_target(
    azure: Azure, group: str
) -> None:
    azure.deploy(one_machine())
    ended = azure.deploy(one_machine(data=base64.b64encode(b"#cloud-config\n# 2\n").decode()))
    (detail,) = ended["properties"]["error"]["details"]
    assert detail["code"] == "Conflict"
    inner = json.loads(detail["message"])
    assert differences(IMMUTABLE, inner) == []
    assert inner["error"]["code"] == "PropertyChangeNotAllowed"
    assert inner["error"]["target"] == "customData"
    below = f"/resourcegroups/{group}/deployments/d/operations"
    found = [item["properties"] for item in azure.call("GET", below).json()["value"]]
    (failed,) = [item for item in found if item["provisioningState"] == "Failed"]
    assert failed["statusCode"] == "Conflict"
    assert differences(IMMUTABLE, failed["statusMessage"]) == []
