"""Deployments through the real SDK: accepted, running, done, failed, cancelled, compared."""

import json
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from lab.arm.service import ArmService
from lab.testing.fabric import RememberingFabric, eventually
from lab.tests.arm.conftest import GROUP, SUBSCRIPTION, Azure, deployment
from lab.tests.arm.samples import (
    DATA,
    address,
    interface,
    machine,
    nested,
    network,
    one_machine,
    resource,
    subnet,
    template,
)

ROOT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers"
DEPLOYMENT = f"/resourcegroups/{GROUP}/providers/Microsoft.Resources/deployments/d"
SECURITY_GROUP = "Microsoft.Network/networkSecurityGroups"


def operations(azure: Azure, name: str = "d") -> dict[str, dict[str, Any]]:
    found = azure.deployments.deployment_operations.list(GROUP, name)
    return {
        (item.get("targetResource") or {}).get("resourceName", item["provisioningOperation"]): item
        for item in (operation.as_dict()["properties"] for operation in found)
    }


def causes(found: dict[str, Any]) -> list[dict[str, Any]]:
    """What the resources' providers said, out of the JSON inside of the strings."""
    assert found["properties"]["provisioningState"] == "Failed"
    error = found["properties"]["error"]
    assert error["code"] == "DeploymentFailed"
    return [json.loads(detail["message"])["error"] for detail in error["details"]]


def test_the_sdk_waits_for_a_deployment_and_reads_its_outputs(azure: Azure, group: str) -> None:
    body = one_machine()
    body["outputs"] = {
        "mac": {"type": "string", "value": "[reference('nic').macAddress]"},
        "tags": {"type": "object", "value": "[reference('vm', '2026-04-01', 'Full').tags]"},
    }
    poller = azure.deployments.deployments.begin_create_or_update(group, "d", deployment(body))
    found = poller.result(30).as_dict()["properties"]
    assert found["provisioningState"] == "Succeeded"
    assert found["outputs"]["mac"]["value"].startswith("00-0D-3A-")
    assert found["outputs"]["tags"] == {"type": "Object", "value": {}}
    (spec,) = azure.fabric.machines.values()
    assert (spec.id, spec.hostname, spec.address) == ("demo-rg/vm", "vm", "10.0.1.4")
    assert (spec.subnet, spec.vm_size) == ("10.0.1.0/24", "Standard_D2s_v5")
    assert spec.custom_data == b"#cloud-config\n"
    assert azure.fabric.calls == ["apply_network", "create demo-rg/vm"]


def test_the_same_deployment_again_asks_nothing_of_the_fabric(azure: Azure, group: str) -> None:
    azure.deploy(one_machine())
    before = list(azure.fabric.calls)
    assert azure.deploy(one_machine(), "again")["properties"]["provisioningState"] == "Succeeded"
    assert azure.deploy(one_machine())["properties"]["provisioningState"] == "Succeeded"
    assert azure.fabric.calls == before
    assert operations(azure, "again")["vm"]["statusCode"] == "OK"
    assert operations(azure, "d")["net"]["statusCode"] == "OK"


def test_machines_of_one_deployment_are_made_four_at_a_time(azure: Azure, group: str) -> None:
    nics = [interface(f"nic{n}", f"10.0.1.{n + 4}") for n in range(6)]
    vms = [machine(f"vm{n}", f"nic{n}", dependsOn=[f"nic{n}"]) for n in range(6)]
    for nic in nics:
        nic["dependsOn"] = ["one"]
    azure.fabric.may_boot.clear()
    azure.start(template(network(), subnet(), *nics, *vms))
    for _ in range(4):
        assert azure.fabric.entered.acquire(timeout=10)
    assert not azure.fabric.entered.acquire(blocking=False)
    state = azure.call("GET", DEPLOYMENT)
    assert state.json()["properties"]["provisioningState"] == "Running"
    assert state.headers["Retry-After"] == "1"
    assert operations(azure)["nic5"]["provisioningState"] == "Succeeded"
    azure.fabric.may_boot.set()
    assert azure.ended()["properties"]["provisioningState"] == "Succeeded"
    assert len(azure.fabric.machines) == 6


def test_a_failure_is_json_in_a_string_and_keeps_back_what_depends_on_it(
    azure: Azure, group: str
) -> None:
    body = one_machine()
    body["resources"] += [
        resource(SECURITY_GROUP, "after", dependsOn=["vm"]),
        resource(SECURITY_GROUP, "beside"),
    ]
    azure.fabric.broken.add("vm")
    (cause,) = causes(azure.deploy(body))
    assert cause["code"] == "OSProvisioningTimedOut"
    assert "kernel panic" in cause["message"]
    found = operations(azure)
    assert found["vm"]["provisioningState"] == "Failed"
    assert found["vm"]["statusCode"] == "Conflict"
    assert found["vm"]["statusMessage"]["error"]["code"] == "OSProvisioningTimedOut"
    assert found["beside"]["provisioningState"] == "Succeeded"
    assert "after" not in found
    assert "EvaluateDeploymentOutput" not in found


def test_a_failed_machine_is_made_by_the_next_deployment(azure: Azure, group: str) -> None:
    azure.fabric.broken.add("vm")
    causes(azure.deploy(one_machine()))
    azure.fabric.broken.clear()
    assert azure.deploy(one_machine())["properties"]["provisioningState"] == "Succeeded"
    assert azure.fabric.calls.count("create demo-rg/vm") == 2


def test_the_sdk_raises_a_failed_deployment_with_its_causes(azure: Azure, group: str) -> None:
    azure.service.faults.change({"fail": {"vm": "AllocationFailed"}})
    poller = azure.deployments.deployments.begin_create_or_update(
        group, "d", deployment(one_machine())
    )
    with pytest.raises(HttpResponseError) as raised:
        poller.result(30)
    assert raised.value.status_code == 200
    assert raised.value.error is not None
    assert raised.value.error.code == "DeploymentFailed"
    assert "AllocationFailed" in str(raised.value.error.details[0].message)


def test_outputs_that_cannot_be_evaluated_fail_the_deployment(azure: Azure, group: str) -> None:
    outputs = {"o": {"type": "string", "value": "[reference('net').nothing]"}}
    found = azure.deploy(template(network(), outputs=outputs))["properties"]
    assert found["provisioningState"] == "Failed"
    (detail,) = found["error"]["details"]
    assert detail["code"] == "InvalidTemplate"
    assert "property 'nothing' doesn't exist" in detail["message"]
    assert operations(azure)["EvaluateDeploymentOutput"]["provisioningState"] == "Failed"


def test_an_active_deployment_is_not_replaced_and_can_be_cancelled(
    azure: Azure, group: str
) -> None:
    azure.fabric.may_boot.clear()
    body = one_machine()
    body["resources"].append(resource(SECURITY_GROUP, "after", dependsOn=["vm"]))
    azure.start(body)
    assert azure.fabric.entered.acquire(timeout=10)
    with pytest.raises(HttpResponseError) as raised:
        azure.start(body)
    assert raised.value.error is not None
    assert (raised.value.status_code, raised.value.error.code) == (409, "DeploymentActive")
    with pytest.raises(HttpResponseError, match="DeploymentActive"):
        azure.deployments.deployments.begin_delete(group, "d", polling=False)
    azure.deployments.deployments.cancel(group, "d")
    azure.fabric.may_boot.set()
    assert azure.ended()["properties"]["provisioningState"] == "Canceled"
    with pytest.raises(HttpResponseError, match="DeploymentCannotBeCancelled"):
        azure.deployments.deployments.cancel(group, "d")
    # What was being put went on to its end; what waited for it was never begun.
    eventually(lambda: operations(azure)["vm"]["provisioningState"] == "Succeeded" or None)
    assert "after" not in operations(azure)
    assert azure.deploy(body, "next")["properties"]["provisioningState"] == "Succeeded"
    assert azure.fabric.calls.count("create demo-rg/vm") == 1


def test_deployments_are_listed_deleted_and_found_without_regard_to_case(
    azure: Azure, group: str
) -> None:
    api = azure.deployments.deployments
    azure.deploy(template(network()), "One")
    azure.deploy(template(network()), "two")
    assert sorted(str(d.name) for d in api.list_by_resource_group(group)) == ["One", "two"]
    assert api.get(group.upper(), "oNE").name == "One"
    assert api.check_existence(group, "one")
    api.begin_delete(group, "ONE").wait(20)
    assert not api.check_existence(group, "one")
    api.begin_delete(group, "one").wait(20)
    with pytest.raises(HttpResponseError, match="DeploymentNotFound"):
        api.get(group, "one")
    assert azure.resource("Microsoft.Network/virtualNetworks/net")["name"] == "net"


def test_old_deployments_go_before_the_limit_is_reached(azure: Azure, group: str) -> None:
    azure.deploy(template(), "first")
    (key,) = azure.service.state.deployments
    record = azure.service.state.deployments[key]
    for number in range(775):
        azure.service.state.deployments[key.replace("/first", f"/n{number}")] = record
    azure.deploy(template(), "last")
    found = azure.service.state.deployments
    assert len(found) <= 776
    assert key.replace("/first", "/last") in found


def test_secure_parameters_are_neither_echoed_nor_kept(
    azure: Azure, group: str, state: Path
) -> None:
    secret = "c2VjcmV0LWhvc3Qta2V5"
    body = one_machine(data="[parameters('data').vm]")
    body["parameters"] = {"data": {"type": "secureObject"}, "n": {"type": "int"}}
    found = azure.deploy(body, data={"vm": secret}, n=3)
    assert found["properties"]["parameters"] == {
        "data": {"type": "SecureObject"},
        "n": {"type": "Int", "value": 3},
    }
    (spec,) = azure.fabric.machines.values()
    assert spec.custom_data == b"secret-host-key"
    assert secret not in json.dumps(
        azure.resource("Microsoft.Compute/virtualMachines/vm", "2026-04-01")
    )
    kept = state / "arm.json"
    assert secret not in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"mode": "Complete", "template": template()}, "InvalidRequestContent"),
        ({"template": template()}, "InvalidRequestContent"),
        ({"mode": "Incremental", "templateLink": {"uri": "x"}}, "InvalidRequestContent"),
        ({"mode": "Incremental", "template": {}}, "InvalidTemplate"),
    ],
)
def test_what_the_stand_in_cannot_deploy_is_refused(
    azure: Azure, group: str, properties: dict[str, Any], code: str
) -> None:
    answer = azure.call("PUT", DEPLOYMENT, {"properties": properties})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert azure.call("GET", DEPLOYMENT).status_code == 404


def test_validation_finds_every_wrong_resource_and_makes_nothing(azure: Azure, group: str) -> None:
    wrong = template(network(colour="red"), resource(SECURITY_GROUP, "g", {"securityRules": 1}))
    answer = azure.call("POST", f"{DEPLOYMENT}/validate", deployment(wrong))
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "InvalidTemplateDeployment"
    assert [detail["code"] for detail in error["details"]] == ["InvalidRequestFormat"] * 2
    assert "Could not find member 'colour'" in error["details"][0]["details"][0]["message"]
    right = azure.deployments.deployments.begin_validate(group, "d", deployment(one_machine()))
    found = right.result(20).as_dict()["properties"]
    assert len(found["validatedResources"]) == 4
    assert azure.fabric.calls == []
    assert azure.service.state.resources == {}


def test_a_group_that_is_missing_is_reported_before_the_template_is_read(azure: Azure) -> None:
    for method, path in (("PUT", ""), ("POST", "/validate"), ("POST", "/whatIf"), ("GET", "")):
        answer = azure.call(method, DEPLOYMENT + path, deployment({}))
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "ResourceGroupNotFound"


# -- what if -------------------------------------------------------------------------------------


def what_if(azure: Azure, body: dict[str, Any], **settings: str) -> dict[str, dict[str, Any]]:
    wanted = deployment(body)
    wanted["properties"]["whatIfSettings"] = settings or {"resultFormat": "FullResourcePayloads"}
    poller = azure.deployments.deployments.begin_what_if(GROUP, "d", wanted)
    found = poller.result(20).as_dict()
    assert found["status"] == "Succeeded"
    return {c["resourceId"].rpartition("/")[2]: c for c in found["properties"]["changes"]}


def test_what_if_compares_with_what_exists(azure: Azure, group: str) -> None:
    azure.deploy(template(*one_machine()["resources"], address("other")))
    calls = list(azure.fabric.calls)
    changed = one_machine()
    changed["resources"][0]["properties"]["dhcpOptions"] = {"dnsServers": ["10.0.0.4"]}
    changed["resources"][0]["tags"] = {"a": "b"}
    changed["resources"].append(resource(SECURITY_GROUP, "new"))
    found = what_if(azure, changed)
    assert {name: change["changeType"] for name, change in found.items()} == {
        "net": "Modify",
        "one": "NoChange",
        "nic": "NoChange",
        "vm": "NoChange",
        "new": "Create",
        "other": "Ignore",
    }
    assert found["net"]["delta"] == [
        {
            "path": "properties.dhcpOptions",
            "propertyChangeType": "Create",
            "after": {"dnsServers": ["10.0.0.4"]},
        },
        {"path": "tags", "propertyChangeType": "Create", "after": {"a": "b"}},
    ]
    assert found["new"]["after"]["type"] == SECURITY_GROUP
    assert azure.fabric.calls == calls


def test_what_if_shows_changes_inside_of_lists_and_no_secret(azure: Azure, group: str) -> None:
    azure.deploy(one_machine())
    changed = one_machine(data="b3RoZXI=")
    changed["resources"][0]["properties"]["addressSpace"]["addressPrefixes"].append("10.1.0.0/16")
    found = what_if(azure, changed, resultFormat="FullResourcePayloads")
    (delta,) = found["net"]["delta"]
    assert (delta["path"], delta["propertyChangeType"]) == (
        "properties.addressSpace.addressPrefixes",
        "Array",
    )
    assert delta["children"] == [
        {"path": "1", "propertyChangeType": "Create", "after": "10.1.0.0/16"}
    ]
    (hidden,) = found["vm"]["delta"]
    assert hidden["path"] == "properties.osProfile.customData"
    text = json.dumps(found)
    assert DATA not in text
    assert "sha256" not in text
    short = what_if(azure, changed, resultFormat="ResourceIdOnly")
    assert "after" not in short["net"]


def test_what_if_reports_what_is_wrong_with_the_template(azure: Azure, group: str) -> None:
    poller = azure.deployments.deployments.begin_what_if(
        group, "d", deployment(template(resource("Microsoft.Network/nothing", "x")))
    )
    found = poller.result(20).as_dict()
    assert (found["status"], found["error"]["code"]) == ("Failed", "InvalidTemplate")


# -- subscription scope and nesting --------------------------------------------------------------


def with_group(name: str, inner: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = {
        "type": "Microsoft.Resources/resourceGroups",
        "apiVersion": "2025-04-01",
        "name": name,
        "location": "northeurope",
        "tags": {"made": "here"},
    }
    wait = f"[subscriptionResourceId('Microsoft.Resources/resourceGroups', '{name}')]"
    return template(made, nested("in", inner, resourceGroup=name, dependsOn=[wait], **more))


def test_a_subscription_deployment_makes_a_group_and_deploys_into_it(azure: Azure) -> None:
    inner = template(
        network("[parameters('prefix')]"),
        parameters={"prefix": {"type": "string"}},
        outputs={"guid": {"type": "string", "value": "[reference('net').resourceGuid]"}},
    )
    outer = with_group(
        "Made-RG", inner, parameters={"prefix": {"value": "[concat('10.7.0.0', '/16')]"}}
    )
    outer["outputs"] = {"guid": {"type": "string", "value": "[reference('in').outputs.guid.value]"}}
    body = {"location": "westeurope", **deployment(outer)}
    poller = azure.deployments.deployments.begin_create_or_update_at_subscription_scope("s", body)
    found = poller.result(30).as_dict()
    assert found["location"] == "westeurope"
    assert found["properties"]["provisioningState"] == "Succeeded"
    made = azure.call("GET", "/resourcegroups/made-rg").json()
    assert (made["location"], made["tags"]) == ("northeurope", {"made": "here"})
    net = azure.service.state.get(
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Made-RG/providers/"
        "Microsoft.Network/virtualNetworks/net"
    )
    assert net is not None
    assert net["properties"]["addressSpace"]["addressPrefixes"] == ["10.7.0.0/16"]
    guid = net["properties"]["resourceGuid"]
    assert found["properties"]["outputs"]["guid"]["value"] == guid
    assert azure.deployments.deployments.get("made-rg", "in").name == "in"
    assert azure.deployments.deployments.get_at_subscription_scope("s").name == "s"


def test_a_failure_inside_of_a_nested_deployment_comes_out(azure: Azure) -> None:
    body = {"location": "westeurope", **deployment(with_group("Made-RG", template(subnet_alone())))}
    api = azure.deployments.deployments
    with pytest.raises(HttpResponseError) as raised:
        api.begin_create_or_update_at_subscription_scope("s", body).result(30)
    assert "ParentResourceNotFound" in str(raised.value.error.details[0].message)  # type: ignore[union-attr]


def subnet_alone() -> dict[str, Any]:
    found = subnet()
    del found["dependsOn"]
    return found


def test_a_subscription_deployment_is_validated_with_all_that_it_nests(azure: Azure) -> None:
    path = "/providers/Microsoft.Resources/deployments/s/validate"
    body = {"location": "westeurope", **deployment(with_group("Made-RG", template(network())))}
    assert azure.call("POST", path, body).status_code == 200
    assert azure.service.state.groups == {}
    wrong = {"location": "westeurope", **deployment(with_group("Made-RG", template(network(x=1))))}
    error = azure.call("POST", path, wrong).json()["error"]
    assert "Could not find member 'x'" in json.dumps(error)
    assert azure.call("POST", path, deployment(template())).json()["error"]["code"] == (
        "LocationRequired"
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (template(network()), "cannot be deployed at subscription scope"),
        (template(nested("in", template(), resourceGroup="nobody")), "'nobody' could not be found"),
        (
            template(resource(SECURITY_GROUP, "[resourceGroup().name]")),
            "'resourceGroup' is not expected",
        ),
    ],
)
def test_what_does_not_belong_to_a_subscription_is_refused(
    azure: Azure, body: dict[str, Any], reason: str
) -> None:
    path = "/providers/Microsoft.Resources/deployments/s"
    answer = azure.call("PUT", path, {"location": "westeurope", **deployment(body)})
    assert answer.status_code == 400
    assert reason in answer.text


def test_nested_expressions_in_outer_scope_are_refused(azure: Azure, group: str) -> None:
    inner = nested("in", template())
    del inner["properties"]["expressionEvaluationOptions"]
    answer = azure.call("PUT", DEPLOYMENT, deployment(template(inner)))
    assert "evaluated in outer scope" in answer.text


# -- restart -------------------------------------------------------------------------------------


def test_a_restarted_stand_in_keeps_resources_and_ends_what_was_under_way(
    azure: Azure, group: str, state: Path
) -> None:
    azure.deploy(template(network(), subnet()), "done")
    azure.fabric.may_boot.clear()
    azure.start(one_machine())
    assert azure.fabric.entered.acquire(timeout=10)
    azure.service.state.save()
    fabric = RememberingFabric()
    again = ArmService(state, fabric, SUBSCRIPTION)
    states = {
        key.rpartition("/")[2]: value["properties"]["provisioningState"]
        for key, value in again.state.deployments.items()
    }
    assert states == {"done": "Succeeded", "d": "Failed"}
    found = again.state.get(f"{ROOT}/Microsoft.Compute/virtualMachines/vm")
    assert found is not None
    assert found["properties"]["provisioningState"] == "Failed"
    again.deployer.refresh_network()
    assert [s.cidr for made in fabric.networks[-1].networks for s in made.subnets] == [
        "10.0.1.0/24"
    ]
