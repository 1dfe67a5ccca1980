"""What Flex Consumption refuses: by the ARM stand-in, and before that by the template."""

import json
from pathlib import Path
from typing import Any

import pytest

from lab.testing.templates import KINDS, SECTIONS, refused
from tests.arm.installation import EMPTY, GROUP, PLATFORM, Installation, load
from triggers.thread_pools import REQUEST_THREADS

ENTRIES = [(section, name) for section, *_ in SECTIONS for name in refused()[section]]
SETTINGS = list(refused()["appSettings"])
SITE = "Microsoft.Web/sites"


@pytest.fixture
def azure(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def app(tier: str = "FlexConsumption", **properties: Any) -> dict[str, Any]:
    """A template of a plan and an app on it."""
    plan = {
        "type": "Microsoft.Web/serverfarms",
        "apiVersion": "2025-03-01",
        "name": "plan",
        "location": "westeurope",
        "sku": {"name": "any", "tier": tier},
        "properties": {"reserved": True},
    }
    site = {
        "type": SITE,
        "apiVersion": "2025-03-01",
        "name": "an-app",
        "location": "westeurope",
        "kind": "functionapp,linux",
        "properties": {
            "serverFarmId": "[resourceId('Microsoft.Web/serverfarms', 'plan')]",
            "siteConfig": {"minTlsVersion": "1.2"},
            **properties,
        },
        "dependsOn": ["[resourceId('Microsoft.Web/serverfarms', 'plan')]"],
    }
    return {**EMPTY, "resources": [plan, site]}


def value_of(name: str) -> Any:
    """A value that the published type allows: what is refused is the property."""
    forms = KINDS[SITE.lower()].newest.forms
    place = next(f["properties"][name] for f in forms if name in f.get("properties", {}))
    form = forms[place]
    values = {"flag": True, "number": 1, "text": "x", "word": form.get("words", [""])[0]}
    return values[form["kind"]]


def with_entries(section: str, *names: str) -> dict[str, Any]:
    if section == "site":
        return {name: value_of(name) for name in names}
    if section == "siteConfig":
        return {"siteConfig": {name: value_of(name) for name in names}}
    return {"siteConfig": {"appSettings": [{"name": name, "value": "x"} for name in names]}}


def always_ready(name: str) -> dict[str, Any]:
    ready = [{"name": name, "instanceCount": 1}]
    return {"functionAppConfig": {"scaleAndConcurrency": {"alwaysReady": ready}}}


@pytest.fixture
def grouped(azure: Installation) -> Installation:
    group = {
        "type": "Microsoft.Resources/resourceGroups",
        "apiVersion": "2025-04-01",
        "name": GROUP,
        "location": "westeurope",
    }
    schema = load("main")["$schema"]
    azure.deploy("", {**EMPTY, "$schema": schema, "resources": [group]})
    return azure


def answer(azure: Installation, template: dict[str, Any]) -> dict[str, Any]:
    """The provider's own error, in the deployment's."""
    with pytest.raises(AssertionError) as caught:
        azure.deploy(GROUP, template)
    failure = json.loads(str(caught.value).partition("\nassert ")[0])
    return json.loads(failure["details"][0]["message"])["error"]


@pytest.mark.parametrize(("section", "name"), ENTRIES)
def test_each_entry_is_refused_as_azure_does(
    grouped: Installation, section: str, name: str
) -> None:
    error = answer(grouped, app(**with_entries(section, name)))
    assert error["code"] == "BadRequest"
    (entity,) = [part["ErrorEntity"] for part in error["details"] if "ErrorEntity" in part]
    assert entity["ExtendedCode"] == "51021"
    prefix = next(prefix for known, prefix, *_ in SECTIONS if known == section)
    assert (
        f"({prefix}.{name[0].upper()}{name[1:]}) for Flex Consumption sites is invalid"
        in (entity["Message"])
    )
    assert grouped.state.of_type(SITE.lower()) == []


def test_several_are_named_at_once_in_azures_words(grouped: Installation) -> None:
    """As quoted in microsoft/azure-pipelines-tasks#21032."""
    error = answer(grouped, app(**with_entries("siteConfig", "ftpsState", "netFrameworkVersion")))
    assert error["message"] == (
        "The following list of 2 site configuration properties (Site.SiteConfig.FtpsState, "
        "Site.SiteConfig.NetFrameworkVersion) for Flex Consumption sites is invalid.  Please "
        "remove or rename them before retrying."
    )


def test_other_plans_take_what_this_one_refuses(grouped: Installation) -> None:
    grouped.deploy(GROUP, app("ElasticPremium", **with_entries("siteConfig", "ftpsState")))
    assert grouped.one(SITE)["name"] == "an-app"


def test_each_entry_says_how_it_is_known() -> None:
    for section, entries in refused().items():
        for name, entry in entries.items():
            assert set(entry) == {"known", "source", "instead"}, (section, name)
            assert entry["known"] in ("refused", "advised"), (section, name)


def test_the_template_refuses_the_same_app_settings() -> None:
    """A template cannot read a file: it has the names themselves, in lower case."""
    names = json.loads((PLATFORM / "main.json").read_text())["variables"]["refusedSettings"]
    assert names == sorted(name.lower() for name in SETTINGS)


@pytest.mark.parametrize("name", [*SETTINGS, "Functions_Worker_Runtime", "A:B"])
def test_a_setting_of_the_callers_is_refused_before_anything_is_made(
    azure: Installation, name: str
) -> None:
    with pytest.raises(Exception, match=f"Flex Consumption refuses: {name}. Leave them out"):
        azure.install(appSettings={"SLIPWAY_POLL_SECONDS": "30", name: "1"})
    assert azure.everything() == {"groups": {}, "all": {}}


def test_the_app_has_what_stands_in_the_settings_place(azure: Installation) -> None:
    azure.install()
    config = azure.one(SITE)["properties"]["functionAppConfig"]
    assert config["runtime"] == {"name": "python", "version": "3.13"}
    assert config["deployment"]["storage"]["type"] == "blobContainer"


@pytest.mark.parametrize(("given", "ready"), [({}, 1), ({"alwaysReadyInstances": 3}, 3)])
def test_instances_are_kept_ready_for_runs(
    azure: Installation, given: dict[str, int], ready: int
) -> None:
    azure.install(**given)
    scale = azure.one(SITE)["properties"]["functionAppConfig"]["scaleAndConcurrency"]
    assert scale["alwaysReady"] == [{"name": "durable", "instanceCount": ready}]


def test_no_instance_is_kept_ready_where_none_is_wanted(azure: Installation) -> None:
    azure.install(alwaysReadyInstances=0)
    scale = azure.one(SITE)["properties"]["functionAppConfig"]["scaleAndConcurrency"]
    assert scale["alwaysReady"] == []


def test_an_instance_takes_as_many_requests_as_the_app_has_threads_for(azure: Installation) -> None:
    azure.install()
    scale = azure.one(SITE)["properties"]["functionAppConfig"]["scaleAndConcurrency"]
    assert scale["triggers"] == {"http": {"perInstanceConcurrency": REQUEST_THREADS}}


@pytest.mark.parametrize("name", ["http", "durable", "blob", "function:on_group_event"])
def test_groups_of_functions_can_be_kept_ready(grouped: Installation, name: str) -> None:
    grouped.deploy(GROUP, app(**always_ready(name)))


def test_a_setting_with_a_colon_is_refused(grouped: Installation) -> None:
    error = answer(grouped, app(**with_entries("appSettings", "a:b")))
    assert error["message"] == "AppSetting with name 'a:b' is not allowed."


def test_an_unknown_group_of_functions_is_refused(grouped: Installation) -> None:
    error = answer(grouped, app(**always_ready("orchestrators")))
    assert "alwaysReady of 'an-app' names 'orchestrators'" in error["message"]


def test_strangers_get_no_page_and_no_room_for_large_bodies(azure: Installation) -> None:
    """Bodies are read before a key is looked at; Event Grid sends up to 1 MB, the API 64 KiB."""
    azure.install()
    settings = azure.settings()
    assert settings["AzureWebJobsDisableHomepage"] == "true"
    assert 2**20 < int(settings["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"]) <= 2**21
