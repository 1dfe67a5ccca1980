"""The page exchanges the key for a session, which keeps the reader over a reload. No script can
read it."""

import json
import time
from typing import Any

import requests
from werkzeug.wrappers import Response

from tests.view.browser import Page
from tests.view.runs import KEY, runs
from tests.view.test_key import ASKED_AGAIN, left_of
from tests.view.test_page import SHOWN, show

# Everything that outlives a script or that another script can read.
EVERYWHERE = """
const done = arguments[arguments.length - 1];
const found = {
    html: document.documentElement.outerHTML,
    fields: [...document.querySelectorAll('input')].map((field) => field.value),
    address: location.href,
    state: history.state,
    referrer: document.referrer,
    title: document.title,
    name: window.name,
    cookie: document.cookie,
    local: { ...localStorage },
    session: { ...sessionStorage },
    requests: performance.getEntriesByType('resource').map((entry) => entry.name),
    globals: Object.getOwnPropertyNames(window).map((name) => {
        try { return JSON.stringify(window[name]) ?? ''; } catch { return ''; }
    }),
};
Promise.all([indexedDB.databases(), caches.keys(), navigator.serviceWorker.getRegistrations()])
    .then((kept) => done(JSON.stringify({ ...found, kept })));
"""


def cookies_for(page: Page, url: str) -> list[dict[str, Any]]:
    """Returns the cookies that the browser would send there."""
    return page.driver.execute_cdp_cmd("Network.getCookies", {"urls": [url]})["cookies"]


def test_neither_the_key_nor_the_session_is_where_a_script_can_read_it(page: Page) -> None:
    with runs() as found:
        found.advance(200)
        show(page, found)
        (cookie,) = cookies_for(page, f"{found.url}/api/session")
        text = page.driver.execute_async_script(EVERYWHERE)
        assert KEY not in text
        assert cookie["value"] not in text
        assert json.loads(text)["cookie"] == ""
        assert json.loads(text)["session"] == {}
        assert json.loads(text)["kept"] == [[], [], []]
        # The search works: it finds what the page shows.
        assert "demo-worker-0" in text
        # The tab is that of all tests: an earlier one gave the key in an address.
        history = page.driver.execute_cdp_cmd("Page.getNavigationHistory", {})
        entry = history["entries"][history["currentIndex"]]
        assert entry["url"] == found.page
        assert KEY not in json.dumps(entry)
        assert len([asked for asked in found.asked if "/view" not in asked]) >= 3
        assert not [asked for asked in found.asked if KEY in asked]
        assert not [asked for asked in found.asked if cookie["value"] in asked]


def test_the_cookie_is_limited_to_the_sessions_of_this_app(page: Page) -> None:
    with runs() as found:
        found.advance(200)
        show(page, found)
        (cookie,) = cookies_for(page, f"{found.url}/api/session/clusters/demo")
        assert {
            name: cookie.get(name)
            for name in ("name", "path", "httpOnly", "secure", "sameSite", "session")
        } == {
            "name": "__Secure-slipway-page",
            "path": "/api/session",
            "httpOnly": True,
            "secure": True,
            "sameSite": "Strict",
            "session": True,  # it ends with the browser
        }
        for path in ("/api/clusters/demo", "/api/sessions", "/"):
            assert cookies_for(page, found.url + path) == []


def test_a_reload_and_the_way_back_keep_the_reader(page: Page) -> None:
    with runs() as found:
        found.advance(200)
        show(page, found)
        for move in (page.driver.refresh, page.driver.back):
            if move == page.driver.back:
                page.open("about:blank")
            move()
            page.until(SHOWN)
            assert page.text("#title") == "demo"
            assert page.console() == []


def test_what_was_signed_out_stays_closed(page: Page) -> None:
    with runs() as found:
        found.advance(200)
        show(page, found)
        (cookie,) = cookies_for(page, f"{found.url}/api/session")
        page.one("#forget").click()
        page.until(ASKED_AGAIN)
        page.driver.refresh()
        page.until("document.activeElement.id === 'key'")
        assert left_of(page) == []
        assert cookies_for(page, f"{found.url}/api/session") == []
        # A copy of the cookie is worth nothing either: the app itself has ended the session.
        held = {"Cookie": f"{cookie['name']}={cookie['value']}"}
        answer = requests.get(f"{found.url}/api/session/clusters/demo", headers=held, timeout=20)
        assert answer.status_code == 401


def test_a_session_that_cannot_be_ended_is_reported(page: Page) -> None:
    with runs() as found:
        found.advance(200)
        show(page, found)
        page.driver.execute_cdp_cmd("Network.enable", {})
        page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/api/session"]})
        try:
            page.one("#forget").click()
            page.until("document.getElementById('key-notice').textContent.includes('not be ended')")
            assert left_of(page) == []
        finally:
            page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})


def test_a_reload_asks_for_the_key_if_the_session_ended_meanwhile(page: Page) -> None:
    with runs() as found:
        found.advance(200)
        show(page, found)
        blobs = found.made.services.store.blobs
        for name in blobs.list("page-sessions/"):
            blobs.delete(name)
        page.until(ASKED_AGAIN)
        assert page.text("#key-notice") == "The session has ended."
        page.driver.refresh()
        page.until("document.activeElement.id === 'key'")
        page.enter(KEY)
        page.until(SHOWN)


def test_an_ended_session_closes_the_page(page: Page) -> None:
    with runs() as found:
        found.advance(200)
        show(page, found)
        found.answer_instead = lambda _: Response("", 401)
        page.until(ASKED_AGAIN)
        asked = len(found.asked)
        time.sleep(4)
        assert len(found.asked) == asked
