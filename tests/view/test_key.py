"""The page asks for the key, and without it shows no data."""

import threading
import time
from dataclasses import replace

import pytest
from selenium.webdriver import Keys
from werkzeug.wrappers import Request, Response

from cluster.contracts import RunRef
from tests.view.browser import Page
from tests.view.runs import KEY, runs
from tests.view.test_page import SHOWN, show

ASKED_AGAIN = "document.getElementById('page').hidden && !document.getElementById('sign-in').hidden"


def test_the_page_holds_no_data_and_sends_no_request_before_the_key(
    page: Page,
) -> None:
    with runs() as found:
        found.advance(200)
        page.open(found.page)
        page.until("document.activeElement.id === 'key'")
        assert found.asked == ["GET /api/clusters/demo/view"]
        for word in ("demo-worker-0", "westeurope", "ada"):
            assert word not in page.driver.page_source
        page.press("\ue007")  # Enter in the empty field
        assert found.asked == ["GET /api/clusters/demo/view"]


@pytest.mark.parametrize("part", [f"?code={KEY}", f"#key={KEY}", f"?x=1#code={KEY}"])
def test_a_key_in_the_address_is_removed_reported_and_not_used(page: Page, part: str) -> None:
    with runs() as found:
        page.open(found.page + part)
        page.until("!document.getElementById('key-notice').hidden")
        assert page.run("return location.href") == found.page
        assert "held a key" in page.text("#key-notice")
        assert KEY not in page.driver.page_source
        assert len(found.asked) == 1
        entries = page.driver.execute_cdp_cmd("Page.getNavigationHistory", {})["entries"]
        assert entries[-1]["url"] == found.page


@pytest.mark.parametrize("wrong", ["wrong", "ключ", "two words"])
def test_a_wrong_key_is_reported_and_asked_for_again(page: Page, wrong: str) -> None:
    with runs() as found:
        found.advance(50)
        page.open(found.page)
        page.enter(wrong)
        page.until("!document.getElementById('key-notice').hidden")
        assert "rejected this key" in page.text("#key-notice")
        assert page.run("return document.getElementById('key').value") == ""
        page.enter(KEY)
        page.until(SHOWN)


def left_of(page: Page) -> list[str]:
    """Returns the words of the run that are still in the document, in texts or attributes."""
    words = ("demo-worker-0", "westeurope", "ada", "10.0.", "phase nodes", "network")
    return [
        word
        for word in words
        if word in page.run("return document.getElementById('page').outerHTML")
    ]


def test_signing_out_removes_all_data_and_stops_polling(page: Page) -> None:
    with runs() as found:
        found.made.fleet.play = replace(found.made.fleet.play, failing=1)
        found.advance()
        show(page, found)
        page.one("#pools .cell").click()
        page.one("#events").send_keys(Keys.END)
        assert len(left_of(page)) >= 4
        page.one("#forget").click()
        page.until(ASKED_AGAIN)
        assert left_of(page) == []
        asked = len(found.asked)
        time.sleep(4)
        assert len(found.asked) == asked


def test_a_busy_api_is_polled_when_it_asks_for(page: Page) -> None:
    with runs() as found:
        found.advance(200)
        show(page, found)
        refused: list[float] = []

        def busy(request: Request) -> Response | None:
            refused.append(time.monotonic())
            return Response('{"title": "busy"}', 503, {"Retry-After": "6"}) if refused else None

        found.answer_instead = busy
        page.until("document.getElementById('link-state').textContent.includes('busy; again in')")
        time.sleep(2)  # the clock ticks on and does not replace the message
        assert "busy; again in" in page.text("#link-state")
        assert page.text("#state") == "running"  # the known state stays
        deadline = time.monotonic() + 20
        while len(refused) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert refused[1] - refused[0] >= 6
        found.answer_instead = lambda _: None
        page.until("document.getElementById('link-state').textContent.startsWith('last event')", 30)


def test_a_hidden_page_does_not_poll_and_polls_at_once_when_visible(
    page: Page,
) -> None:
    with runs() as found:
        found.advance(200)
        show(page, found)
        page.driver.minimize_window()
        try:
            page.until("document.hidden")
            time.sleep(1)  # earlier requests have their answers
            asked = len(found.asked)
            time.sleep(5)
            quiet = len(found.asked) == asked
        finally:
            page.driver.set_window_rect(0, 0, 1180, 900)
        assert quiet
        page.until("!document.hidden")
        time.sleep(1.5)
        assert len(found.asked) > asked


def test_a_403_keeps_the_page(page: Page) -> None:
    """403 comes from the network or for a stopped app; a wrong key is answered with 401."""
    with runs() as found:
        found.advance(200)
        show(page, found)
        found.answer_instead = lambda _: Response("", 403)
        page.until("document.getElementById('link-state').textContent.includes('again in')")
        assert page.one("#page").is_displayed()


def test_an_answer_to_the_previous_key_is_ignored(page: Page) -> None:
    with runs() as found:
        found.advance(200)
        show(page, found)
        held, go = threading.Event(), threading.Event()

        def slow(request: Request) -> Response | None:
            if held.is_set():
                return None
            held.set()
            go.wait(20)
            return Response("", 401)

        found.answer_instead = slow
        assert held.wait(20)
        page.one("#forget").click()
        page.until(ASKED_AGAIN)
        page.enter(KEY)
        page.until(SHOWN)
        go.set()
        time.sleep(1)
        assert page.one("#page").is_displayed()
        count = page.text("#events-count")
        assert int(count) == len(
            found.made.services.store.events(RunRef(cluster="demo", generation=1))
        )


def test_the_key_field_shows_dots_and_is_no_password_field(page: Page) -> None:
    with runs() as found:
        page.open(found.page)
        field = page.one("#key")
        assert (field.get_attribute("type"), field.get_attribute("autocomplete")) == ("text", "off")
        assert field.value_of_css_property("-webkit-text-security") == "disc"
