"""ARM's answers as the clients see them: throttled, nested, late, elsewhere, repeated.

Shapes: Azure/azure-cli, recorded exchanges of the commands resource and vm.
"""

import json
import threading
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from clients.azure import validation
from clients.azure.arm import Deployments, ResourceGroups, Resources
from clients.errors import Refused, Transient
from clients.settings import Settings
from cluster.presentable import LEFT_OUT
from tests.clients.conftest import SUBSCRIPTION, Script, document

SCOPE = f"/subscriptions/{SUBSCRIPTION}"
GROUP = f"{SCOPE}/resourcegroups/demo-rg"
DEPLOYMENTS = f"{GROUP}/providers/Microsoft.Resources/deployments"
OPERATIONS = f"{GROUP}/deployments/net/operations"
VALIDATE = f"{DEPLOYMENTS}/slipway-validation/validate"
TEMPLATE: dict[str, Any] = {"resources": []}
SKU_CAUSE = json.dumps(
    {
        "error": {
            "code": "SkuNotAvailable",
            "message": "The requested size 'Standard_D2s_v5' is not available.",
        }
    }
)
NESTED = {
    "code": "DeploymentFailed",
    "message": "At least one resource deployment operation failed.",
    "details": [
        {
            "code": "Conflict",
            "message": SKU_CAUSE,
            "target": f"{GROUP}/providers/x/vms/demo-etcd-0",
        },
        {"code": "BadRequest", "message": '{"error": {"code": "Quota", "message": "No cores"}}'},
    ],
}


def fail(code: str, message: str, status: int = 400, **headers: str) -> Response:
    return document(status, {"error": {"code": code, "message": message}}, headers)


def deployment(state: str, **properties: Any) -> tuple[int, dict[str, Any]]:
    return 200, {
        "id": f"{DEPLOYMENTS}/net",
        "name": "net",
        "properties": {"provisioningState": state, **properties},
    }


def operation(name: str, state: str, message: Any = None) -> dict[str, Any]:
    return {
        "id": f"{OPERATIONS}/1",
        "operationId": "1",
        "properties": {
            "provisioningState": state,
            "targetResource": {"id": f"{GROUP}/{name}", "resourceName": name},
            "statusMessage": message,
        },
    }


def test_throttling_is_reported_with_its_seconds_and_asked_once(
    settings: Settings, script: Script
) -> None:
    script.on("GET", GROUP, fail("TooManyRequests", "slow down", 429, **{"Retry-After": "300"}))
    with pytest.raises(Transient) as told:
        ResourceGroups(settings).get("demo-rg")
    assert told.value.retry_after == 300
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("0", 1), ("0.4", 1), ("7", 7), ("Wed, 21 Oct 2015 07:28:00 GMT", 1), ("soon", None)],
)
def test_whatever_retry_after_says_is_a_number_of_at_least_one(
    settings: Settings, script: Script, header: str, seconds: float | None
) -> None:
    script.on("GET", GROUP, fail("ServerBusy", "x", 503, **{"Retry-After": header}))
    with pytest.raises(Transient) as told:
        ResourceGroups(settings).get("demo-rg")
    assert told.value.retry_after == seconds


def test_a_server_error_is_tried_again_a_few_times(settings: Settings, script: Script) -> None:
    found = (200, {"name": "demo-rg", "location": "westeurope", "tags": {"a": "b"}})
    script.on("GET", GROUP, Response("oops", 502), found)
    group = ResourceGroups(settings).get("demo-rg")
    assert group is not None
    assert (group.location, group.tags) == ("westeurope", {"a": "b"})
    script.on("GET", GROUP, Response("oops", 502))
    with pytest.raises(Transient, match="502"):
        ResourceGroups(settings).get("demo-rg")
    assert len(script.asked) == 2 + 3


@pytest.mark.parametrize("code", ["AnotherOperationInProgress", "RetryableError"])
def test_conflicts_that_pass_are_a_matter_of_coming_again(
    settings: Settings, script: Script, code: str
) -> None:
    script.on("PUT", GROUP, fail(code, "try again", 409))
    with pytest.raises(Transient, match=code):
        ResourceGroups(settings).create("demo-rg", "westeurope", {})


def test_a_missing_right_is_refused_with_the_services_words(
    settings: Settings, script: Script
) -> None:
    script.on("PUT", GROUP, fail("AuthorizationFailed", "no right to write", 403))
    with pytest.raises(Refused, match="no right to write") as refused:
        ResourceGroups(settings).create("demo-rg", "westeurope", {})
    assert refused.value.code == "AuthorizationFailed"


def test_a_provider_that_is_not_registered_is_reported_and_not_waited_for(
    settings: Settings, script: Script
) -> None:
    text = "The subscription is not registered to use namespace 'Microsoft.Compute'"
    script.on("PUT", GROUP, fail("MissingSubscriptionRegistration", text, 409))
    with pytest.raises(Refused, match=r"Microsoft\.Compute"):
        ResourceGroups(settings).create("demo-rg", "westeurope", {})
    assert script.paths() == [f"PUT {GROUP}"]


def test_a_disk_without_tags_has_those_of_its_machine(settings: Settings, script: Script) -> None:
    scope = f"{GROUP}/providers/Microsoft.Compute"
    machine = f"{scope}/virtualMachines/demo-etcd-0"
    disks = {
        "demo-etcd-0-os": {"managedBy": machine.upper()},
        "demo-etcd-0-data-0": {"managedBy": machine, "tags": {"slipway-uid": "2"}},
        "loose": {},
        "elsewhere": {"managedBy": machine.replace("demo-etcd-0", "another")},
    }
    found = [
        {"id": f"{scope}/disks/{name}", "name": name, "type": "Microsoft.Compute/disks"} | more
        for name, more in disks.items()
    ]
    tags = {"slipway-uid": "1"}
    vm = {"id": machine, "name": "demo-etcd-0", "type": "Microsoft.Compute/virtualMachines"}
    script.on(
        "GET",
        f"{GROUP.replace('resourcegroups', 'resourceGroups')}/resources",
        document(200, {"value": [*found, vm | {"tags": tags}]}),
    )
    assert {one.name: one.tags for one in Resources(settings).list("demo-rg")} == {
        "demo-etcd-0-os": tags,
        "demo-etcd-0-data-0": {"slipway-uid": "2"},
        "loose": {},
        "elsewhere": {},
        "demo-etcd-0": tags,
    }


def test_what_is_gone_already_needs_no_deleting(settings: Settings, script: Script) -> None:
    ResourceGroups(settings).begin_delete("demo-rg")
    Resources(settings).begin_delete(
        f"{GROUP}/providers/Microsoft.Network/networkInterfaces/demo-etcd-0-nic"
    )
    assert script.asked[-1].args["api-version"] == "2025-09-01"


def test_a_type_that_is_not_ours_is_deleted_only_with_a_version_of_the_caller(
    settings: Settings, script: Script
) -> None:
    strange = f"{GROUP}/providers/Microsoft.Web/sites/x"
    with pytest.raises(Refused, match="ApiVersionUnknown"):
        Resources(settings).begin_delete(strange)
    assert script.asked == []
    Resources(settings).begin_delete(strange, "2025-03-01")
    assert script.asked[0].args["api-version"] == "2025-03-01"


def test_a_start_sends_template_and_parameters_and_does_not_wait(
    settings: Settings, script: Script
) -> None:
    status = {"Azure-AsyncOperation": "https://management.azure.com/op", "Retry-After": "0"}
    body = deployment("Accepted")[1]
    script.on("PUT", f"{DEPLOYMENTS}/net", document(201, body, status))
    Deployments(settings).start("demo-rg", "net", TEMPLATE, {"a": {"value": 1}})
    assert len(script.asked) == 1
    assert script.asked[0].headers["X-Forwarded-Host"] == "management.azure.com"
    assert script.asked[0].headers["Authorization"] == "Bearer token-of-a-test"
    assert script.asked[0].get_json()["properties"] == {
        "mode": "Incremental",
        "template": TEMPLATE,
        "parameters": {"a": {"value": 1}},
    }


def test_a_deployment_that_runs_already_is_a_success(settings: Settings, script: Script) -> None:
    script.on("PUT", f"{DEPLOYMENTS}/net", fail("DeploymentActive", "is running", 409))
    Deployments(settings).start("demo-rg", "net", TEMPLATE, {})
    script.on("PUT", f"{DEPLOYMENTS}/net", fail("InvalidTemplate", "no good"))
    with pytest.raises(Refused, match="no good"):
        Deployments(settings).start("demo-rg", "net", TEMPLATE, {})


def test_custom_data_that_arm_quotes_does_not_come_back(settings: Settings, script: Script) -> None:
    data = "I2Nsb3VkLWNvbmZpZwo" * 20

    def quoting(request: Request) -> Response:
        value = request.get_json()["properties"]["parameters"]["customData"]["value"]["n"]
        return fail("InvalidRequestContent", f"Error converting value '{value}' to type")

    script.on("PUT", f"{DEPLOYMENTS}/net", quoting)
    with pytest.raises(Refused) as refused:
        Deployments(settings).start(
            "demo-rg", "net", TEMPLATE, {"customData": {"value": {"n": data}}}
        )
    assert LEFT_OUT in refused.value.message
    assert data[:20] not in str(refused.value)


def test_a_running_deployment_says_when_to_look_again(settings: Settings, script: Script) -> None:
    script.on(
        "GET",
        f"{DEPLOYMENTS}/net",
        document(200, deployment("Running")[1], {"Retry-After": "15"}),
        deployment("Succeeded", outputs={"natAddress": {"type": "String", "value": "20.1.2.3"}}),
    )
    deployments = Deployments(settings)
    running = deployments.get("demo-rg", "net")
    assert running is not None
    assert (running.state, running.retry_after, running.error) == ("Running", 15, None)
    done = deployments.get("demo-rg", "net")
    assert done is not None
    assert (done.state, done.outputs) == ("Succeeded", {"natAddress": "20.1.2.3"})
    assert deployments.get("demo-rg", "other") is None


def test_a_failure_names_every_resource_that_failed_and_why(
    settings: Settings, script: Script
) -> None:
    script.on("GET", f"{DEPLOYMENTS}/net", deployment("Failed", error=NESTED))
    second = f"https://management.azure.com{OPERATIONS}?api-version=2026-06-01&$skiptoken=2"
    script.on(
        "GET",
        OPERATIONS,
        (
            200,
            {
                "value": [operation("demo-vnet", "Succeeded")],
                "nextLink": second,
            },
        ),
        (
            200,
            {
                "value": [
                    operation("demo-etcd-0", "Failed", json.loads(SKU_CAUSE)),
                    operation("demo-etcd-1", "Failed", {"error": {"code": "B", "message": "b"}}),
                    {"properties": {"provisioningState": "Succeeded"}},  # the outputs' own entry
                ]
            },
        ),
    )
    found = Deployments(settings).get("demo-rg", "net")
    assert found is not None
    assert found.error is not None
    assert found.error.code == "SkuNotAvailable"
    assert found.error.message == (
        "demo-etcd-0: The requested size 'Standard_D2s_v5' is not available."
    )
    assert found.error.details[1:] == ["B: demo-etcd-1: b"]
    assert found.error.details[0].startswith("SkuNotAvailable: demo-etcd-0: ")
    operations = Deployments(settings).operations("demo-rg", "net")
    assert [o.resource for o in operations] == ["demo-etcd-0", "demo-etcd-1"]


def test_without_operations_the_nested_error_is_taken_apart(
    settings: Settings, script: Script
) -> None:
    script.on("GET", f"{DEPLOYMENTS}/net", deployment("Failed", error=NESTED))
    script.on("GET", OPERATIONS, fail("TooManyRequests", "slow down", 429))
    found = Deployments(settings).get("demo-rg", "net")
    assert found is not None
    assert found.error is not None
    assert found.error.code == "SkuNotAvailable"
    assert found.error.details[1] == "Quota: No cores"


def test_a_deployment_that_ended_meanwhile_needs_no_cancelling(
    settings: Settings, script: Script
) -> None:
    path = f"{DEPLOYMENTS}/net/cancel"
    script.on("POST", path, fail("DeploymentCannotBeCancelled", "ended", 409))
    Deployments(settings).cancel("demo-rg", "net")
    script.on("POST", path, fail("AuthorizationFailed", "no right", 403))
    with pytest.raises(Refused, match="no right"):
        Deployments(settings).cancel("demo-rg", "net")


def test_a_good_template_has_no_errors_and_a_bad_one_has_each_of_its_causes(
    settings: Settings, script: Script
) -> None:
    script.on("POST", VALIDATE, (200, {"properties": {"provisioningState": "Succeeded"}}))
    assert Deployments(settings).validate("demo-rg", TEMPLATE, {}) == []
    script.on("POST", VALIDATE, (400, {"error": NESTED}))
    errors = Deployments(settings).validate("demo-rg", TEMPLATE, {})
    assert [error.code for error in errors] == ["SkuNotAvailable", "Quota"]


def test_a_validation_that_takes_longer_is_looked_at_where_arm_says(
    settings: Settings, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "LOOK_SECONDS", 0.01)
    place = {"Location": "https://management.azure.com/subscriptions/x/operationresults/1"}
    script.on("POST", VALIDATE, Response("", 202, place))
    script.on(
        "GET",
        "/subscriptions/x/operationresults/1",
        Response("", 202, place),
        (400, {"error": {"code": "InvalidTemplateDeployment", "message": "no"}}),
    )
    (error,) = Deployments(settings).validate("demo-rg", TEMPLATE, {})
    assert (error.code, error.message) == ("InvalidTemplateDeployment", "no")
    assert len(script.asked) == 3


def test_a_validation_that_takes_too_long_is_a_matter_of_coming_again(
    settings: Settings, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "WAIT_SECONDS", 0)
    script.on("POST", VALIDATE, Response("", 202, {"Retry-After": "20"}))
    with pytest.raises(Transient) as told:
        Deployments(settings).validate("demo-rg", TEMPLATE, {})
    assert told.value.retry_after == 20


def test_the_token_does_not_follow_a_pointer_away_from_arm(
    settings: Settings, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "LOOK_SECONDS", 0.01)
    script.on("POST", VALIDATE, Response("", 202, {"Location": "https://evil.example/x"}))
    with pytest.raises(Refused, match="NotManagement"):
        Deployments(settings).validate("demo-rg", TEMPLATE, {})
    assert len(script.asked) == 1


def test_validating_without_a_right_is_refused_and_is_no_verdict(
    settings: Settings, script: Script
) -> None:
    script.on("POST", VALIDATE, fail("AuthorizationFailed", "no right", 403))
    with pytest.raises(Refused, match="no right"):
        Deployments(settings).validate("demo-rg", TEMPLATE, {})


def test_a_new_group_is_validated_inside_a_deployment_that_would_create_it(
    settings: Settings, script: Script
) -> None:
    path = f"{SCOPE}/providers/Microsoft.Resources/deployments/slipway-validation/validate"
    script.on("POST", path, (200, {}))
    parameters = {"customData": {"value": {}}}
    assert not Deployments(settings).validate_new_group("westeurope", "new", TEMPLATE, parameters)
    body = script.asked[0].get_json()
    group, inner = body["properties"]["template"]["resources"]
    assert (body["location"], group["name"]) == ("westeurope", "new")
    assert inner["resourceGroup"] == "new"
    assert inner["properties"]["expressionEvaluationOptions"] == {"scope": "inner"}
    assert inner["properties"]["parameters"] == parameters


def test_threads_share_one_client_and_its_token(settings: Settings, script: Script) -> None:
    script.on("GET", GROUP, (200, {"name": "demo-rg", "location": "westeurope"}))
    groups = ResourceGroups(settings)
    found: list[bool] = []
    threads = [
        threading.Thread(target=lambda: found.append(groups.exists("demo-rg"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8
    asked = script.tokens
    groups.exists("demo-rg")
    assert script.tokens == asked


def test_deployments_that_go_on_are_named_with_their_owners_tags(
    settings: Settings, script: Script
) -> None:
    tags = {"slipway-cluster": "demo", "slipway-uid": "0a1b2c3d"}
    ours = {"ownerTags": {"type": "Object", "value": tags}}
    states = {"a": ("Running", ours), "b": ("Accepted", {}), "c": ("Succeeded", ours)}
    listed = [
        {"name": name, "properties": {"provisioningState": state, "parameters": given}}
        for name, (state, given) in states.items()
    ]
    script.on("GET", DEPLOYMENTS, (200, {"value": listed}))
    found = Deployments(settings).active("demo-rg")
    assert [(one.name, one.tags) for one in found] == [("a", tags), ("b", {})]
    every = Deployments(settings).every("demo-rg")
    assert [(one.name, one.state) for one in every][2:] == [("c", "Succeeded")]
    script.on("GET", f"{DEPLOYMENTS}/c", (200, listed[2]))
    one = Deployments(settings).get("demo-rg", "c")
    assert one is not None
    assert one.tags == tags
