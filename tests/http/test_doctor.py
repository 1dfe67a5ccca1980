"""GET /api/doctor: each finding against services that work, and against services that do not."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import grpc
import pytest

from clients.settings import Settings, SettingsError
from cluster.profiles import load_profiles
from dev.paths import ROOT
from doctor.fixes import Installation
from tests.clients.conftest import azurite  # noqa: F401 -- a fixture
from tests.http.conftest import App, app  # noqa: F401 -- a fixture
from triggers import doctor

INSTALLATION = Installation("slipway-abc", "slipway-platform")
SOUND = Settings(
    subscription_id="00000000-0000-0000-0000-000000000001",
    vault_url="https://v.vault.azure.net",
    storage="https://s.blob.core.windows.net",
    allowed_sources=("198.51.100.7/32",),
)


def examined(app: App, query: str = "") -> dict[str, dict[str, Any]]:  # noqa: F811
    answer = app.send("GET", f"/api/doctor{query}")
    assert answer.status_code == 200, answer.text
    return {finding["name"]: finding for finding in answer.json()["findings"]}


def test_a_sound_installation_is_well_and_nothing_is_left_behind(app: App) -> None:  # noqa: F811
    before = app.created()
    answer = app.send("GET", "/api/doctor?location=westeurope").json()
    states = {finding["name"]: finding["state"] for finding in answer["findings"]}
    assert states == {
        "access": "ok", "settings": "ok", "versions": "ok", "engine": "ok", "identity": "ok",
        "quota": "ok", "capacity": "ok", "rights": "ok", "vault": "ok", "slack": "notChecked",
        "storage": "ok", "controller": "notChecked", "events": "notChecked",
    }, answer  # fmt: skip
    assert answer["well"] is True
    assert app.created() == before


@pytest.fixture
def repaired(app: App) -> Iterator[App]:  # noqa: F811
    yield app
    app.azure.arm.faults.change({})
    app.azure.vault.deny = False


def failing(app: App, *names: str) -> list[dict[str, Any]]:  # noqa: F811
    """Those findings, of which each has failed; and all others are as they were."""
    found = examined(app)
    assert {name for name, one in found.items() if one["state"] == "failed"} == set(names), found
    assert all(found[name]["fix"] for name in names)
    return [found[name] for name in names]


def test_a_vault_that_refuses_is_named_with_what_gives_the_right(repaired: App) -> None:
    repaired.azure.vault.deny = True
    (vault,) = failing(repaired, "vault")
    assert "Forbidden" in vault["seen"]
    assert "arm/platform/azuredeploy.json" in vault["fix"]["command"]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/usages", ("quota", "capacity")),
        ("/skus", ("capacity",)),
        ("/validate", ("rights",)),
    ],
)
def test_a_right_that_is_missing_is_named_where_it_is_needed(
    repaired: App, path: str, names: tuple[str, ...]
) -> None:
    refusal = {"match": path, "count": 99, "status": 403, "code": "AuthorizationFailed"}
    repaired.azure.arm.faults.change({"requests": [refusal]})
    for finding in failing(repaired, *names):
        assert "AuthorizationFailed" in finding["seen"]
        assert "arm/platform/azuredeploy.json" in finding["fix"]["command"]


def test_a_validation_that_misses_a_right_is_reported_as_such(repaired: App) -> None:
    refusal = {
        "match": "/validate", "count": 99, "status": 400, "code": "InvalidTemplateDeployment",
        "message": "Authorization failed for template resource 'net' of type "
        "'Microsoft.Network/virtualNetworks'. The client 'x' does not have permission to perform "
        "action 'Microsoft.Network/virtualNetworks/write'",
    }  # fmt: skip
    repaired.azure.arm.faults.change({"requests": [refusal]})
    (rights,) = failing(repaired, "rights")
    assert "arm/platform/azuredeploy.json" in rights["fix"]["command"]
    assert "--location LOCATION" in rights["fix"]["command"], "not where clusters are"


def test_an_app_that_is_kept_to_named_groups_asks_for_one(repaired: App) -> None:
    refusal = {"match": "/resourcegroups/", "count": 99, "status": 403,
               "code": "AuthorizationFailed"}  # fmt: skip
    repaired.azure.arm.faults.change({"requests": [refusal]})
    rights = examined(repaired)["rights"]
    assert (rights["state"], rights["fix"]["command"]) == (
        "notChecked",
        "./slipway doctor --group GROUP",
    )
    assert examined(repaired, "?group=mine")["rights"]["state"] == "failed"


def test_a_region_that_is_none_is_not_called_a_missing_right(repaired: App) -> None:
    refusal = {"match": "/usages", "count": 99, "status": 400, "code": "NoRegisteredProviderFound"}
    repaired.azure.arm.faults.change({"requests": [refusal]})
    for finding in failing(repaired, "quota", "capacity"):
        assert "az account list-locations" in finding["fix"]["command"]


def test_a_region_without_room_is_a_warning(repaired: App) -> None:
    repaired.azure.arm.faults.change({"quota": {"cores": 1}})
    answer = repaired.send("GET", "/api/doctor?location=northeurope").json()
    capacity = next(found for found in answer["findings"] if found["name"] == "capacity")
    assert (capacity["state"], answer["well"]) == ("warning", True)
    assert "quota cores in northeurope" in capacity["seen"]
    assert capacity["fix"]["command"].startswith("az vm list-usage --location northeurope")


def test_a_service_that_throttles_is_said_to_be_busy_and_others_answer(repaired: App) -> None:
    busy = {"match": "/usages", "count": 99, "status": 429, "code": "TooManyRequests"}
    repaired.azure.arm.faults.change({"requests": [busy]})
    for finding in failing(repaired, "quota", "capacity"):
        assert "429" in finding["seen"]
        assert "again" in finding["fix"]["text"]


@pytest.mark.parametrize(
    ("query", "path"), [("cluster=../x", "cluster"), ("group=a/b", "resourceGroup")]
)
def test_what_cannot_be_asked_for_is_refused_by_name(app: App, query: str, path: str) -> None:  # noqa: F811
    answer = app.send("GET", f"/api/doctor?{query}")
    assert answer.status_code == 400
    assert [fault["path"] for fault in answer.json()["faults"]] == [path]


def test_a_cluster_that_does_not_exist_is_not_checked(app: App) -> None:  # noqa: F811
    found = examined(app, "?cluster=nobody")["controller"]
    assert (found["state"], found["seen"]) == ("notChecked", "no cluster 'nobody'")


def test_settings_that_are_wrong_are_named_before_all_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wrong() -> None:
        Settings.from_env({"SLIPWAY_VAULT_URL": "http://the-canary"})

    monkeypatch.setattr(doctor, "services", wrong)
    monkeypatch.setenv("WEBSITE_SITE_NAME", "slipway-abc")
    monkeypatch.setenv("WEBSITE_RESOURCE_GROUP", "slipway-platform")
    handler: Any = doctor.get_doctor
    answer = handler(func.HttpRequest("GET", "https://app/api/doctor", body=b""), None)
    document = json.loads(answer.get_body())
    first = document["findings"][0]
    assert (document["well"], first["name"], first["state"]) == (False, "settings", "failed")
    assert "SLIPWAY_VAULT_URL is wrong" in first["seen"]
    assert "the-canary" not in json.dumps(document)
    assert "-g slipway-platform -n slipway-abc" in first["fix"]["command"]


@pytest.fixture
def findings(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The first findings of an app whose services cannot be created, or whose engine is
    unavailable."""

    def ask(problem: Exception) -> dict[str, dict[str, Any]]:
        def fails(*_: Any, **__: Any) -> None:
            raise problem

        monkeypatch.setattr(doctor, "services", fails)
        client = SimpleNamespace(get_orchestration_state=fails)
        handler: Any = doctor.get_doctor
        answer = handler(func.HttpRequest("GET", "https://app/api/doctor", body=b""), client)
        assert answer.status_code == 200
        return {one["name"]: one for one in json.loads(answer.get_body())["findings"]}

    return ask


def test_a_package_that_cannot_be_loaded_is_a_finding(findings: Any) -> None:
    found = findings(ModuleNotFoundError("No module named 'paramiko'", name="paramiko"))
    assert found["packages"]["seen"] == "the package paramiko cannot be loaded"
    assert found["versions"]["state"] == "ok"


def test_a_durable_backend_that_is_unavailable_is_not_slipways_own_fault(
    findings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class AwayError(grpc.RpcError, SettingsError):
        def code(self) -> Any:
            return grpc.StatusCode.UNAVAILABLE

    engine = findings(AwayError())["engine"]
    assert (engine["state"], engine["seen"]) == (
        "failed",
        "the durable backend answers UNAVAILABLE",
    )
    assert engine["fix"]["command"].startswith("az functionapp restart")


@pytest.mark.parametrize("profiles", ["{", "[]", '{"big": {"spec": 1}}', "7"])
def test_profiles_that_cannot_be_read_are_named(profiles: str) -> None:
    found = doctor.settings_finding(replace(SOUND, profiles=profiles), INSTALLATION)
    assert (found.state, "SLIPWAY_PROFILES" in found.seen) == ("failed", True)
    assert doctor.settings_finding(SOUND, INSTALLATION).state == "ok"


def test_the_profile_that_the_guide_shows_is_one() -> None:
    guide = (ROOT / "docs/install.md").read_text()
    (shown,) = re.findall(r"^\{\"big\".*$", guide, re.MULTILINE)
    assert "big" in load_profiles(shown)
    assert doctor.settings_finding(replace(SOUND, profiles=shown), INSTALLATION).state == "ok"


def test_no_allowed_source_is_a_warning_outside_of_the_lab() -> None:
    found = doctor.settings_finding(replace(SOUND, allowed_sources=()), INSTALLATION)
    assert (found.state, "SLIPWAY_ALLOWED_SOURCES" in found.seen) == ("warning", True)
    lab = replace(SOUND, allowed_sources=(), loopback="http://127.0.0.1:1")
    assert doctor.settings_finding(lab, INSTALLATION).state == "ok"
