"""Extension resources, on other resources or on the subscription, such as role assignments and
locks."""

import uuid
from typing import Any

import pytest

from lab.arm.errors import ArmError
from lab.arm.template import evaluate
from lab.testing.fabric import eventually
from lab.tests.arm.conftest import GROUP, SUBSCRIPTION, Azure, deployment
from lab.tests.arm.samples import account, make, nested, network, template

ROOT = f"/subscriptions/{SUBSCRIPTION}"
IN_GROUP = f"{ROOT}/resourceGroups/{GROUP}"
READER = "[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{0}')]"
BLOB_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
ASSIGNMENT = str(uuid.uuid5(uuid.NAMESPACE_URL, "assignment"))


def assignment(principal: str, role: str = BLOB_OWNER, **more: Any) -> dict[str, Any]:
    properties = {"roleDefinitionId": READER.format(role), "principalId": principal}
    return make(
        "Microsoft.Authorization/roleAssignments",
        more.pop("name", ASSIGNMENT),
        properties,
        **{"scope": "Microsoft.Storage/storageAccounts/records", **more},
    )


def role(**properties: Any) -> dict[str, Any]:
    own = {
        "roleName": "Runner",
        "permissions": [{"actions": ["Microsoft.Compute/disks/read"]}],
        "assignableScopes": [ROOT],
    }
    name = str(uuid.uuid5(uuid.NAMESPACE_URL, "role"))
    return make("Microsoft.Authorization/roleDefinitions", name, own | properties)


def lock(scope: str) -> dict[str, Any]:
    body = {"level": "CanNotDelete"}
    return make("Microsoft.Authorization/locks", "held", body, scope=scope)


@pytest.fixture
def principal(azure: Azure, group: str) -> str:
    """Creates a role assignment for an identity on a storage account."""
    identity = make("Microsoft.ManagedIdentity/userAssignedIdentities", "app")
    azure.deploy(template(identity, account()), "before")
    found = azure.resource("Microsoft.ManagedIdentity/userAssignedIdentities/app", "2024-11-30")
    return found["properties"]["principalId"]


def in_subscription(azure: Azure, *resources: dict[str, Any]) -> dict[str, Any]:
    """The deployment as it ended; refused at once: the answer."""
    path = "/providers/Microsoft.Resources/deployments/whole"
    body = {"location": "westeurope", **deployment(template(*resources))}
    answer = azure.call("PUT", path, body)
    if not answer.ok:
        return answer.json()

    def look() -> dict[str, Any] | None:
        found = azure.call("GET", path).json()
        going_on = found["properties"]["provisioningState"] in ("Accepted", "Running")
        return None if going_on else found

    return eventually(look)


def test_an_extension_stands_on_what_its_scope_names(azure: Azure, principal: str) -> None:
    relative, whole = "Microsoft.Storage/storageAccounts/records", f"{IN_GROUP}/providers/"
    for scope in (relative, whole + relative):
        ended = azure.deploy(template(assignment(principal, scope=scope)))
        assert ended["properties"]["provisioningState"] == "Succeeded"
    (found,) = azure.service.state.of_type("microsoft.authorization/roleassignments")
    path = f"{relative}/providers/Microsoft.Authorization/roleAssignments/{ASSIGNMENT}"
    assert found["id"] == whole + path
    shown = azure.resource(path, "2022-04-01")
    assert shown["properties"]["scope"] == whole + relative
    assert "location" not in shown
    listed = azure.call("GET", f"/resourcegroups/{GROUP}/resources").json()["value"]
    assert {item["name"] for item in listed} == {"app", "records"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"scope": "Microsoft.Storage/storageAccounts/other"}, "was not found"),
        ({"name": "not-a-guid"}, "must be a GUID"),
        ({"role": str(uuid.uuid5(uuid.NAMESPACE_URL, "other"))}, "RoleDefinitionDoesNotExist"),
        ({"principal": str(uuid.uuid5(uuid.NAMESPACE_URL, "other"))}, "PrincipalNotFound"),
    ],
)
def test_an_assignment_of_what_is_not_there_is_refused(
    azure: Azure, principal: str, change: dict[str, Any], reason: str
) -> None:
    wanted = assignment(**({"principal": principal} | change))
    ended = azure.deploy(template(wanted))
    assert ended["properties"]["provisioningState"] == "Failed"
    assert reason in str(ended["properties"]["error"])


def test_an_assignment_is_neither_changed_nor_made_twice(azure: Azure, principal: str) -> None:
    azure.deploy(template(assignment(principal)))
    other = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
    ended = azure.deploy(template(assignment(principal, other)))
    assert "RoleAssignmentUpdateNotPermitted" in str(ended["properties"]["error"])
    twice = assignment(principal, name=str(uuid.uuid5(uuid.NAMESPACE_URL, "twice")))
    ended = azure.deploy(template(twice))
    assert "RoleAssignmentExists" in str(ended["properties"]["error"])


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (network() | {"scope": IN_GROUP}, "is no extension"),
        (lock("Microsoft.Storage"), "does not name a resource"),
        (lock("/subscriptions/another"), "one subscription"),
        (lock(f"{ROOT}/resourceGroups/other"), "not within the scope of its deployment"),
    ],
)
def test_a_scope_that_cannot_be_is_refused(
    azure: Azure, group: str, resource: dict[str, Any], reason: str
) -> None:
    path = f"/resourcegroups/{group}/providers/Microsoft.Resources/deployments/d"
    answer = azure.call("PUT", path, deployment(template(resource)))
    assert answer.status_code == 400
    assert reason in answer.text


def test_a_subscription_has_resources_of_its_own(azure: Azure, principal: str) -> None:
    own = role()
    given = assignment(principal, own["name"], dependsOn=[own["name"]])
    del given["scope"]
    ended = in_subscription(azure, own, given)
    assert ended["properties"]["provisioningState"] == "Succeeded", ended
    path = f"/providers/Microsoft.Authorization/roleDefinitions/{own['name']}"
    shown = azure.call("GET", path, version="2022-04-01").json()
    assert shown["properties"]["type"] == "CustomRole"
    assert "location" not in shown
    assert azure.call("DELETE", path, version="2022-04-01").status_code == 200
    assert azure.call("GET", path, version="2022-04-01").status_code == 404


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"permissions": [{"actions": ["read everything"]}]}, "InvalidActionOrNotAction"),
        ({"permission": []}, "Could not find member 'permission'"),
        ({"assignableScopes": [f"{ROOT}/resourceGroups/other"]}, "cannot be assigned to role"),
    ],
)
def test_a_role_that_cannot_be_is_refused(
    azure: Azure, principal: str, change: dict[str, Any], reason: str
) -> None:
    own = role(**change)
    given = assignment(principal, own["name"], dependsOn=[own["name"]])
    del given["scope"]
    assert reason in str(in_subscription(azure, own, given))


def test_two_roles_of_one_name_are_refused(azure: Azure, principal: str) -> None:
    in_subscription(azure, role())
    second = role() | {"name": str(uuid.uuid5(uuid.NAMESPACE_URL, "second"))}
    assert "RoleDefinitionWithSameNameExists" in str(in_subscription(azure, second))


def test_what_belongs_into_a_group_is_refused_beside_one(azure: Azure, group: str) -> None:
    assert "cannot be deployed at subscription scope" in str(in_subscription(azure, account()))
    outside = assignment("p", scope=f"{IN_GROUP}/providers/Microsoft.Storage/storageAccounts/x")
    assert "not within the scope of its deployment" in str(in_subscription(azure, outside))
    inner = nested("inner", template())
    assert "'location' property must be specified" in str(in_subscription(azure, inner))
    ended = in_subscription(azure, inner | {"location": "westeurope"})
    assert ended["properties"]["provisioningState"] == "Succeeded"


@pytest.mark.parametrize("scope", ["Microsoft.Storage/storageAccounts/records", IN_GROUP])
def test_what_is_locked_stays(azure: Azure, principal: str, scope: str) -> None:
    azure.deploy(template(lock(scope)))
    path = f"/resourcegroups/{GROUP}/providers/Microsoft.Storage/storageAccounts/records"
    for target, version in ((path, "2026-04-01"), (f"/resourcegroups/{GROUP}", "2025-04-01")):
        answer = azure.call("DELETE", target, version=version)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "ScopeLocked")
    assert azure.call("GET", path, version="2026-04-01").ok
    (held,) = azure.service.state.of_type("microsoft.authorization/locks")
    removed = azure.call("DELETE", held["id"].removeprefix(ROOT), version="2020-05-01")
    assert removed.status_code == 200
    assert azure.call("DELETE", path, version="2026-04-01").status_code == 200
    assert azure.call("DELETE", f"/resourcegroups/{GROUP}").status_code == 202


def test_what_a_parameter_waits_for_is_looked_into_when_it_is_there(
    azure: Azure, group: str
) -> None:
    """A name made of another deployment's output: known when that one has ended."""
    first = template(outputs={"word": {"type": "string", "value": "later"}})
    inner = template(
        network() | {"name": "[format('{0}-net', parameters('word'))]"},
        parameters={"word": {"type": "string"}},
    )
    target = "extensionResourceId(resourceGroup().id, 'Microsoft.Resources/deployments', 'one')"
    word = {"value": f"[reference({target}, '2025-04-01').outputs.word.value]"}
    two = nested("two", inner, parameters={"word": word}, dependsOn=["one"])
    ended = azure.deploy(template(nested("one", first), two))
    assert ended["properties"]["provisioningState"] == "Succeeded"
    assert azure.resource("Microsoft.Network/virtualNetworks/later-net")["name"] == "later-net"


def test_the_id_of_an_extension_is_its_targets_and_its_own() -> None:
    expression = "[extensionResourceId('/subscriptions/s', 'Microsoft.X/a/b', 'one', 'two')]"
    body = template(outputs={"id": {"type": "string", "value": expression}})
    found = evaluate(body, {}, group="g", location="l", subscription="s")
    value = found.outputs(lambda *_: None)["id"]["value"]
    assert value == "/subscriptions/s/providers/Microsoft.X/a/one/b/two"
    body["outputs"]["id"]["value"] = "[extensionResourceId('/x', 'Microsoft.X/a/b', 'one')]"
    with pytest.raises(ArmError, match="requires '2' resource name"):
        evaluate(body, {}, group="g", location="l", subscription="s")
