"""One browser for all tests of the page; each test gets a fresh tab."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.view.browser import Page, browser


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chrome]:
    with browser() as driver:
        yield driver


@pytest.fixture
def page(chromium: Chrome) -> Iterator[Page]:
    tab = Page(chromium)
    # Cookies of an earlier test's server: they are the same for every port.
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    tab.media(prefers_color_scheme="light")
    tab.size(1180, 900)
    tab.console()
    yield tab
    # What the tab remembers of a sign-in.
    tab.run("try { sessionStorage.clear(); } catch { /* a document without an origin */ }")
    tab.open("about:blank")
