"""The installation, evaluated by the ARM stand-in: whole, twice, and what comes out of it."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cli.exits import CommandError
from clients.access_settings import Access, AccessSettings
from clients.azure.event_grid import OPERATIONS
from clients.settings import Settings, SettingsError
from cluster.access import AppRole, RoleBound
from dev import template
from lab.testing.templates import ArmError, mark_group, refuse_locked
from tests.arm.installation import GROUP, PLATFORM, ROOT, SUBSCRIPTION, Installation, load

SOURCE = Path(__file__).parents[2]
# Settings that the app reads and the template leaves alone.
LEFT_ALONE = {
    "SLIPWAY_ANSIBLE_VARIABLES": "the lab's",
    "SLIPWAY_LOOPBACK": "the lab's",
    "SLIPWAY_NODES_DEADLINE_SECONDS": "its default holds; appSettings sets another",
    "SLIPWAY_PLAY_DEADLINE_SECONDS": "its default holds; appSettings sets another",
    "SLIPWAY_POLL_SECONDS": "its default holds; appSettings sets another",
    "SLIPWAY_STORAGE_FROM_MACHINES": "the account's own host holds; appSettings sets another",
    "WEBSITE_RESOURCE_GROUP": "the platform's, where SLIPWAY_RESOURCE_GROUP is not set",
}
# Settings of the example for a developer's machine that an installation does not have.
NOT_IN_AZURE = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "another place for telemetry; appSettings names one",
    "FUNCTIONS_WORKER_RUNTIME": "on Flex Consumption a property of the app; the setting is refused",
}


@pytest.fixture
def azure(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def test_the_file_that_is_deployed_is_made_of_its_parts() -> None:
    assert template.join(PLATFORM / "main.json") == (PLATFORM / "azuredeploy.json").read_text()


def test_a_link_to_anything_but_a_file_beside_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_text("{}")
    inner = tmp_path / "inner"
    inner.mkdir()
    for link in (
        {"relativePath": "../outside.json"},
        {"relativePath": "missing.json"},
        {"uri": "x", "relativePath": "main.json"},
        {"id": "x"},
    ):
        (inner / "main.json").write_text(json.dumps({"resources": [{"templateLink": link}]}))
        with pytest.raises(CommandError, match="only a relativePath in the folder of"):
            template.join(inner / "main.json")


@pytest.mark.parametrize("backend", ["azureStorage", "durableTaskScheduler"])
def test_the_second_time_changes_nothing(azure: Installation, backend: str) -> None:
    outputs = azure.install(durableBackend=backend)
    azure.publish()
    azure.subscribe()
    before = azure.everything()
    assert azure.install(durableBackend=backend) == outputs
    azure.subscribe()
    assert azure.everything() == before
    nested = [
        operation["properties"]["statusCode"]
        for deployment in azure.state.deployments.values()
        for operation in deployment["operations"]
        if "/on_group_event" not in str(operation["properties"].get("targetResource"))
    ]
    assert set(nested) == {"OK"}


def test_two_installations_live_beside_each_other(azure: Installation) -> None:
    azure.install()
    azure.install(name="second", location="northeurope")
    assert {"slipway-platform", "second-platform"} == set(azure.state.groups)
    assert len(azure.state.of_type("microsoft.authorization/roledefinitions")) == 6


def test_an_installation_that_was_removed_can_be_made_again(azure: Installation) -> None:
    """With identities of the same name and other principals."""
    azure.install()
    first = azure.one("Microsoft.Web/sites")["properties"]
    with azure.state.lock:
        for key, resource in list(azure.state.resources.items()):
            if resource["group"] == GROUP:
                del azure.state.resources[key]
        del azure.state.groups[GROUP]
    azure.install()
    assert azure.one("Microsoft.Web/sites")["properties"] != first


@pytest.mark.parametrize("backend", ["azureStorage", "durableTaskScheduler"])
def test_the_app_takes_the_settings_it_is_given(azure: Installation, backend: str) -> None:
    outputs = azure.install(
        durableBackend=backend,
        slackSecret="slack-webhook",
        historyDays=7,
        maintenanceDays=3,
        maintenanceAtOnce=5,
        recordDays=90,
        defaultArtifacts={"url": "https://mirror.example", "manifestSha256": "0" * 64},
        appSettings={"SLIPWAY_POLL_SECONDS": "30"},
    )
    settings = Settings.from_env(azure.settings())
    assert settings.subscription_id == SUBSCRIPTION
    assert settings.vault_url == f"https://{outputs['vaultName']}.vault.azure.net"
    assert settings.storage == f"https://{outputs['storageAccount']}.blob.core.windows.net/"
    assert settings.allowed_sources == (f"{outputs['natAddress']}/32",)
    assert settings.slack_secret == "slack-webhook"
    assert settings.default_artifacts == {
        "url": "https://mirror.example",
        "manifestSha256": "0" * 64,
    }
    assert (settings.poll_seconds, settings.loopback) == (30, "")
    assert (settings.history_days, settings.record_days) == (7, 90)
    assert (settings.maintenance_days, settings.maintenance_at_once) == (3, 5)
    assert settings.cluster_groups == frozenset()
    client = next(
        i["properties"]["clientId"]
        for i in azure.state.of_type("microsoft.managedidentity/userassignedidentities")
        if i["properties"]["principalId"] == outputs["appPrincipalId"]
    )
    assert settings.client_id == client
    assert azure.settings()["AzureWebJobsStorage__clientId"] == client


class Asked(Mapping[str, str]):
    """Settings with nothing in them, which remember what they were asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, key: str) -> str:
        self.names.add(key)
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_every_setting_is_set_or_left_alone_on_purpose(azure: Installation) -> None:
    asked = Asked()
    with pytest.raises(SettingsError):
        Settings.from_env(asked)
    AccessSettings.from_env(asked)
    azure.install()
    given = set(azure.settings())
    assert asked.names == {n for n in given if n.startswith(("SLIPWAY_", "AZURE_"))} | set(
        LEFT_ALONE
    )
    example = json.loads((SOURCE / "local.settings.example.json").read_text())["Values"]
    assert set(example) - given == set(NOT_IN_AZURE)


CLIENT_ID = "33333333-3333-3333-3333-333333333333"
BOUND = {"principal": "*", "role": "Operator", "prefixes": ["ci-"], "groups": ["Team-A"]}


def authentication(azure: Installation) -> dict[str, Any]:
    return azure.one("Microsoft.Web/sites/config")["properties"]


def test_keys_are_what_opens_an_app_that_was_installed_without_a_choice(
    azure: Installation,
) -> None:
    azure.install()
    found = AccessSettings.from_env(azure.settings())
    assert (found.access, found.reads_tokens, found.bounds) == (Access.KEYS, False, ())
    assert authentication(azure)["platform"]["enabled"] is False
    assert authentication(azure)["identityProviders"] == {}


def test_tokens_replace_keys_in_app_and_platform_and_go_again(azure: Installation) -> None:
    azure.install(access="tokens", entraClientId=CLIENT_ID, roleBounds=[BOUND])
    found = AccessSettings.from_env(azure.settings())
    assert found.access is Access.TOKENS
    bound = RoleBound("*", AppRole.OPERATOR, ("ci-",), ("team-a",))
    assert (found.client_id, found.bounds) == (CLIENT_ID, (bound,))
    wanted = authentication(azure)
    provider = wanted["identityProviders"]["azureActiveDirectory"]
    assert (wanted["platform"]["enabled"], provider["enabled"]) == (True, True)
    assert provider["validation"]["allowedAudiences"] == list(found.audiences)
    issuer = f"https://login.microsoftonline.com/{found.tenant}/v2.0"
    assert provider["registration"]["openIdIssuer"] == issuer
    # The app refuses whoever has no token; Event Grid and the page come without one.
    assert wanted["globalValidation"]["unauthenticatedClientAction"] == "AllowAnonymous"
    azure.install()
    assert authentication(azure)["platform"]["enabled"] is False
    assert AccessSettings.from_env(azure.settings()).access is Access.KEYS


@pytest.mark.parametrize("access", ["tokens", "keys-and-tokens"])
def test_tokens_without_an_app_registration_are_refused_before_anything_is_made(
    azure: Installation, access: str
) -> None:
    with pytest.raises(ArmError, match="entraClientId is empty"):
        azure.install(access=access)
    assert azure.state.groups == {}


def test_what_callers_may_write_reaches_the_app(azure: Installation) -> None:
    azure.install(allowedFields={"artifacts": ["https://mirror.example"]})
    allowed = Settings.from_env(azure.settings()).allowed_fields
    assert (allowed["artifacts"], allowed["proxy"]) == (("https://mirror.example",), ())


def test_no_setting_holds_a_key(azure: Installation) -> None:
    azure.install(durableBackend="durableTaskScheduler")
    for name, value in azure.settings().items():
        assert "AccountKey" not in value, name
        assert "SharedAccess" not in value, name
    text = json.dumps(load("azuredeploy")) + json.dumps(load("events"))
    assert "listKeys" not in text
    assert "list(" not in text


def test_the_scheduler_is_what_the_packages_host_json_names(azure: Installation) -> None:
    """The repository's is for Azure Storage; the one for the scheduler is in the docs. Not by app
    settings: the platform's scaling reads the file, and would watch queues that nobody fills."""
    host = json.loads((SOURCE / "host.json").read_text())["extensions"]["durableTask"]
    text = (SOURCE / "docs" / "install.md").read_text()
    (block,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    provider = json.loads("{" + block + "}")["storageProvider"]
    assert host["storageProvider"]["type"] == "azureStorage"
    assert provider["type"] == "azureManaged"
    azure.install()
    assert provider["connectionStringName"] not in azure.settings()
    azure.install(durableBackend="durableTaskScheduler")
    settings = azure.settings()
    assert not [name for name in settings if name.startswith("AzureFunctionsJobHost")]
    endpoint = azure.one("Microsoft.DurableTask/schedulers")["properties"]["endpoint"]
    connection = settings[provider["connectionStringName"]]
    assert connection.startswith(f"Endpoint={endpoint};Authentication=ManagedIdentity;ClientID=")
    assert azure.one("Microsoft.DurableTask/schedulers/taskHubs")["name"] == host["hubName"]


def test_the_events_go_to_a_function_that_the_app_has(
    azure: Installation, functions: list[Any]
) -> None:
    names = {function.get_function_name() for function in functions}
    azure.install()
    azure.publish()
    azure.subscribe()
    properties = azure.one("Microsoft.EventGrid/systemTopics/eventSubscriptions")["properties"]
    target = properties["destination"]["properties"]["resourceId"]
    site = azure.one("Microsoft.Web/sites")["id"]
    assert target.rpartition("/functions/")[0] == site
    assert target.rpartition("/")[2] in names
    assert properties["eventDeliverySchema"] == "CloudEventSchemaV1_0"
    passing = properties["filter"]
    assert {kind.lower() for kind in passing["includedEventTypes"]} == set(OPERATIONS)
    (operations,) = passing["advancedFilters"]
    assert {value.lower() for value in operations["values"]} == {
        one for operations in OPERATIONS.values() for one in operations
    }


def test_the_events_wait_for_the_package(azure: Installation) -> None:
    azure.install()
    with pytest.raises(AssertionError, match="functions/on_group_event"):
        azure.subscribe()


def test_a_topic_that_the_subscription_has_already_is_used(azure: Installation) -> None:
    azure.install()
    azure.publish()
    identity = f"{ROOT}/resourceGroups/{GROUP}/providers/Microsoft.ManagedIdentity"
    topic: dict[str, Any] = {
        "type": "Microsoft.EventGrid/systemTopics",
        "apiVersion": "2025-02-15",
        "name": "theirs",
        "location": "global",
        "identity": {
            "type": "UserAssigned",
            "userAssignedIdentities": {
                f"{identity}/userAssignedIdentities/slipway-events": {},
            },
        },
        "properties": {"source": ROOT, "topicType": "Microsoft.Resources.Subscriptions"},
    }
    group = {
        "type": "Microsoft.Resources/resourceGroups",
        "apiVersion": "2025-04-01",
        "name": "theirs-rg",
        "location": "westeurope",
    }
    schema = {key: load("main")[key] for key in ("$schema", "contentVersion")}
    azure.deploy("", {**schema, "resources": [group]})
    azure.deploy("theirs-rg", {**schema, "resources": [topic]})
    with pytest.raises(AssertionError, match="Only one system topic is allowed per source"):
        azure.subscribe()
    azure.subscribe("theirs-rg", installationGroup=GROUP, existingTopic="theirs")
    subscription = azure.one("Microsoft.EventGrid/systemTopics/eventSubscriptions")
    assert "/systemTopics/theirs/" in subscription["id"]


def test_what_cannot_be_made_again_is_held(azure: Installation) -> None:
    """The app may delete groups of the subscription; of this one it cannot."""
    azure.install()
    with pytest.raises(ArmError, match="ScopeLocked"):
        mark_group(azure.state, azure.state.groups[GROUP])
    for kind in ("Microsoft.KeyVault/vaults", "Microsoft.Storage/storageAccounts"):
        with pytest.raises(ArmError, match="ScopeLocked"):
            refuse_locked(azure.state, azure.one(kind)["id"])
    refuse_locked(azure.state, azure.one("Microsoft.Web/sites")["id"])


def test_the_vault_admits_the_app_and_named_networks(azure: Installation) -> None:
    outputs = azure.install(operatorSources=["198.51.100.0/24"])
    properties = azure.one("Microsoft.KeyVault/vaults")["properties"]
    subnet = azure.one("Microsoft.Network/virtualNetworks/subnets")
    rules = properties["networkAcls"]
    assert (rules["defaultAction"], rules["bypass"]) == ("Deny", "None")
    assert [rule["id"] for rule in rules["virtualNetworkRules"]] == [subnet["id"]]
    own = f"{outputs['natAddress']}/32"
    assert [rule["value"] for rule in rules["ipRules"]] == [own, "198.51.100.0/24"]
    endpoints = [e["service"] for e in subnet["properties"]["serviceEndpoints"]]
    assert "Microsoft.KeyVault" in endpoints
    for sources, action, admitted in ((["*"], "Allow", []), ([], "Deny", [{"value": own}])):
        azure.install(operatorSources=sources)
        rules = azure.one("Microsoft.KeyVault/vaults")["properties"]["networkAcls"]
        assert (rules["defaultAction"], rules["ipRules"]) == (action, admitted)


def test_clusters_may_be_kept_to_groups_that_others_made(azure: Installation) -> None:
    """Then the app's rights at the subscription are to read, and groups it neither makes nor
    deletes."""
    schema = {key: load("main")[key] for key in ("$schema", "contentVersion")}
    group = {
        "type": "Microsoft.Resources/resourceGroups",
        "apiVersion": "2025-04-01",
        "name": "[format('clusters-{0}', copyIndex())]",
        "copy": {"name": "groups", "count": 2},
        "location": "westeurope",
    }
    azure.deploy("", {**schema, "resources": [group]})
    azure.install(clusterGroups=["clusters-0", "clusters-1"])
    before = azure.everything()
    azure.install(clusterGroups=["clusters-0", "clusters-1"])
    assert azure.everything() == before
    assert Settings.from_env(azure.settings()).cluster_groups == {"clusters-0", "clusters-1"}
    roles = {
        role["id"].lower(): role["properties"]
        for role in azure.state.of_type("microsoft.authorization/roledefinitions")
    }
    found: dict[str, set[str]] = {}
    for assignment in azure.state.of_type("microsoft.authorization/roleassignments"):
        properties = assignment["properties"]
        role = roles.get(properties["roleDefinitionId"].lower())
        if role:
            found.setdefault(role["roleName"].split()[1], set()).add(properties["scope"])
    assert found["capacity"] == {ROOT}
    assert found["clusters"] == {f"{ROOT}/resourceGroups/clusters-{n}" for n in range(2)}
    actions = {
        role["roleName"].split()[1]: set(role["permissions"][0]["actions"])
        for role in roles.values()
    }
    assert all(action.endswith("/read") for action in actions["capacity"])
    groups = "Microsoft.Resources/subscriptions/resourceGroups"
    assert f"{groups}/read" in actions["clusters"]
    assert not actions["clusters"] & {f"{groups}/write", f"{groups}/delete"}


def test_the_group_of_the_installation_starts_no_cluster(azure: Installation) -> None:
    azure.install()
    assert "slipway" not in azure.state.groups[GROUP]["tags"]
