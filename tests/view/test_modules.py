"""The page's modules in a browser: their addresses, the cache, and what happens without them."""

import pytest

from tests.view.browser import Page
from tests.view.runs import runs
from tests.view.test_page import SHOWN, show
from triggers.view import read_modules


@pytest.mark.parametrize("prefix", ["", "/api", "/a/longer/prefix"])
@pytest.mark.parametrize("end", ["", "/", "?x=/", "/#x"])
def test_the_page_works_at_any_route_prefix(page: Page, prefix: str, end: str) -> None:
    with runs() as found:
        found.prefix = prefix
        found.advance(100)
        show(page, found, end)
        assert page.text("#state") == "running"
        assert page.console() == []


def test_each_module_is_fetched_once_and_then_taken_from_the_cache(page: Page) -> None:
    with runs() as found:
        found.advance(100)
        show(page, found)
        assert sorted(found.modules_asked) == [*read_modules().texts]
        for _ in range(2):
            page.driver.refresh()
            page.until(SHOWN)
        assert len(found.modules_asked) == len(read_modules().texts)
        assert sum(path.endswith("/view") for path in found.asked) == 3


def test_a_page_without_its_scripts_says_what_to_do(page: Page) -> None:
    with runs() as found:
        found.modules_missing = True
        page.open(found.page)
        assert not page.one("#loading").is_displayed()
        page.until("document.getElementById('loading').checkVisibility({visibilityProperty: true})")
        assert "reload the page" in page.text("#loading")
        assert not page.one("#sign-in").is_displayed()


def test_a_page_with_its_scripts_shows_no_such_text(page: Page) -> None:
    with runs() as found:
        page.open(found.page)
        page.until("document.activeElement.id === 'key'")
        assert page.all("#loading") == []
