"""The page of an installation that takes tokens: the reader signs in, in a real browser."""

import json
from collections.abc import Iterator

import pytest
import requests

from lab.simulation.run import simulation
from tests.clients.conftest import azurite  # noqa: F401 -- a fixture
from tests.http.conftest import App, guarded  # noqa: F401 -- a fixture
from tests.http.people import EVE, READER
from tests.view.browser import Page
from tests.view.runs import SMALL
from tests.view.test_page import SHOWN
from tests.view.test_session import EVERYWHERE

OFFERED = "!document.getElementById('token-sign-in').hidden"
NOTICE = "!document.getElementById('key-notice').hidden"


@pytest.fixture
def site(guarded: App) -> Iterator[App]:  # noqa: F811
    with simulation(SMALL) as made:
        made.apply()
        made.engine.finish()
        for name, (data, _) in made.services.store.blobs.content.items():  # type: ignore[attr-defined]
            guarded.blobs.write(name, data)
    guarded.azure.issuer.signed_in = READER
    yield guarded
    guarded.azure.issuer.signed_in = None


def offered(page: Page, site: App) -> None:
    page.open(f"{site.url}/api/clusters/demo/view")
    page.until(OFFERED)
    assert not page.one("#key-form").is_displayed()


def test_whoever_signs_in_sees_the_run_and_the_token_is_in_memory_only(
    page: Page, site: App
) -> None:
    offered(page, site)
    page.one("#token-sign-in").click()
    page.until(SHOWN)
    assert page.text("#state") == "ready"
    assert page.run("return location.pathname + location.search") == "/api/clusters/demo/view"
    text = page.driver.execute_async_script(EVERYWHERE)
    assert "eyJ" not in text
    assert json.loads(text)["session"] == {"slipway-signed-in": "yes"}
    assert page.driver.execute_cdp_cmd("Network.getAllCookies", {})["cookies"] == []
    assert page.console() == []


def test_a_reload_keeps_whoever_is_still_signed_in(page: Page, site: App) -> None:
    offered(page, site)
    page.one("#token-sign-in").click()
    page.until(SHOWN)
    steps = page.run("return history.length")
    for _ in range(2):
        page.run("window.before = true")
        page.driver.refresh()
        page.until(f"window.before === undefined && {SHOWN}")
        assert page.text("#state") == "ready"
        assert page.run("return location.pathname + location.search") == "/api/clusters/demo/view"
    assert page.run("return history.length") == steps
    assert page.console() == []


def test_a_reload_asks_whoever_is_no_longer_signed_in_and_does_so_once(
    page: Page, site: App
) -> None:
    offered(page, site)
    page.one("#token-sign-in").click()
    page.until(SHOWN)
    site.azure.issuer.signed_in = None
    page.driver.refresh()
    page.until(NOTICE)
    assert page.text("#key-notice") == "The sign-in has ended."
    assert not page.one("#page").is_displayed()
    asked = len(site.azure.issuer.asked)
    page.driver.refresh()
    page.until(OFFERED)
    assert len(site.azure.issuer.asked) == asked


def test_whoever_signs_out_is_not_signed_in_again_by_a_reload(page: Page, site: App) -> None:
    offered(page, site)
    page.one("#token-sign-in").click()
    page.until(SHOWN)
    page.one("#forget").click()
    page.until(OFFERED)
    asked = len(site.azure.issuer.asked)
    page.driver.refresh()
    page.until(OFFERED)
    assert len(site.azure.issuer.asked) == asked


def test_a_sign_in_that_is_declined_says_why(page: Page, site: App) -> None:
    site.azure.issuer.signed_in = None
    offered(page, site)
    page.one("#token-sign-in").click()
    page.until(NOTICE)
    assert "declined" in page.text("#key-notice")
    assert page.run("return location.pathname") == "/api/clusters/demo/view"


def test_whoever_has_no_role_is_told_which_one_is_needed(page: Page, site: App) -> None:
    site.azure.issuer.signed_in = EVE
    offered(page, site)
    page.one("#token-sign-in").click()
    page.until(NOTICE)
    assert "the role Reader" in page.text("#key-notice")


@pytest.mark.parametrize("query", ["?code=stolen&state=x", "?code=stolen", "?error=<b>x</b>", ""])
def test_a_code_that_another_tab_or_site_brings_is_not_used(
    page: Page, site: App, query: str
) -> None:
    before = len(site.azure.issuer.asked)
    page.open(f"{site.url}/api/view/signed-in{query}")
    page.until(NOTICE)
    assert page.run("return location.search") == ""
    assert page.run("return document.querySelector('#key-notice b')") is None
    asked = site.azure.issuer.asked[before:]
    assert not [path for path in asked if path.endswith("/token")]


@pytest.mark.parametrize("query", ["error_description=Call+555", "error=Call+555&state=x"])
def test_a_reason_that_another_site_brings_is_not_shown(page: Page, site: App, query: str) -> None:
    page.open(f"{site.url}/api/view/signed-in?{query}")
    page.until(NOTICE)
    assert "555" not in page.text("#key-notice")
    assert "not begun in this tab" in page.text("#key-notice")


def test_the_page_sends_requests_to_the_app_and_to_the_place_of_tokens_only(site: App) -> None:
    answer = requests.get(f"{site.url}/api/clusters/demo/view", timeout=30)
    rules = dict(
        rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; ")
    )
    authority = requests.get(f"{site.url}/api/sign-in", timeout=30).json()["authority"]
    assert rules["connect-src"] == f"'self' {authority.rpartition('/')[0]}"
    assert rules["script-src"] == "'self'"
