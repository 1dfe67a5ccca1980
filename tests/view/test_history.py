"""The page's lists: the cluster's earlier operations, and the other clusters."""

from dataclasses import replace

from werkzeug.wrappers import Request, Response

from cluster.contracts import FinishInput
from cluster.record import ClusterRecord
from tests.view.browser import Page
from tests.view.runs import KEY, Runs, runs
from tests.view.test_key import ASKED_AGAIN
from tests.view.test_page import SHOWN, show


def lines(page: Page, selector: str) -> list[str]:
    return [" ".join(item.text.split()) for item in page.all(f"{selector} li")]


def add_cluster(found: Runs, name: str) -> None:
    found.made.services.store.create_record(
        ClusterRecord(name=name, uid="abc", state="ready", group=f"{name}-rg")
    )


def test_operations_are_listed_with_how_they_ended_and_a_new_one_comes_on_top(page: Page) -> None:
    with runs() as found:
        found.made.fleet.play = replace(found.made.fleet.play, failing=1)
        found.advance()
        found.made.fleet.play = replace(found.made.fleet.play, failing=0)
        found.made.apply()
        found.advance()
        show(page, found)
        page.until("document.querySelectorAll('#operations li').length === 2")
        latest, first = lines(page, "#operations")
        assert latest.startswith("✓ #2 Operation succeeded")
        assert first.startswith("✕ #1 Operation failed")
        assert first.endswith("PlayFailed")
        assert page.one("#operations-earlier").get_attribute("hidden")
        found.made.delete()
        found.advance()
        page.run("document.dispatchEvent(new Event('visibilitychange'))")
        page.until("document.querySelectorAll('#operations li').length === 3")
        assert "#3 Removal succeeded" in lines(page, "#operations")[0]
        assert page.console() == []


def test_a_cancelled_operation_is_called_cancelled(page: Page) -> None:
    with runs() as found:
        found.advance()
        ended = FinishInput(cluster="demo", generation=1, result="cancelled")
        found.made.services.store.save_result(ended)
        show(page, found)
        page.until("document.querySelectorAll('#operations li').length === 1")
        assert "– #1 Operation cancelled" in lines(page, "#operations")[0]


def test_earlier_operations_are_shown_on_request_and_stay(page: Page) -> None:
    with runs() as found:
        found.advance()
        store = found.made.services.store
        record, etag = store.record("demo") or (None, "")
        assert record
        assert record.operation
        operation = record.operation.model_copy(
            update={"generation": 25, "instance_id": "demo-000025"}
        )
        changed = record.model_copy(update={"generation": 25, "operation": operation})
        store.save_record(changed, etag)
        for generation in range(2, 26):
            store.save_result(
                FinishInput(cluster="demo", generation=generation, result="succeeded")
            )
        show(page, found)
        page.until("document.querySelectorAll('#operations li').length === 20")
        page.one("#operations-earlier").click()
        page.until("document.querySelectorAll('#operations li').length === 25")
        assert "#1 " in lines(page, "#operations")[-1]
        assert page.one("#operations-earlier").get_attribute("hidden")
        page.run("document.dispatchEvent(new Event('visibilitychange'))")
        page.run("return new Promise((done) => setTimeout(done, 1500))")
        assert len(lines(page, "#operations")) == 25


def test_another_cluster_is_opened_in_the_same_session_and_the_way_back_too(page: Page) -> None:
    with runs() as found:
        found.advance(200)
        add_cluster(found, "shop")
        show(page, found)
        page.until("!document.getElementById('clusters-section').hidden")
        assert lines(page, "#clusters")[0].startswith("● demo running")
        page.one("#clusters a[href$='/shop/view']").click()
        page.until("document.getElementById('title').textContent === 'shop'")
        page.until("document.getElementById('state').textContent === 'ready'")
        assert page.run("return location.pathname") == "/api/clusters/shop/view"
        assert "demo-worker-0" not in page.run("return document.getElementById('page').outerHTML")
        assert page.one("#clusters a[aria-current]").text == "shop"
        page.driver.back()
        page.until("document.getElementById('title').textContent === 'demo'")
        page.until("document.getElementById('state').textContent === 'running'")
        page.one("#forget").click()
        page.until(ASKED_AGAIN)
        page.driver.forward()
        page.until("document.querySelector('h1 [data-name]').textContent === 'shop'")
        assert page.run(f"return {ASKED_AGAIN}")
        assert "shop-rg" not in page.driver.page_source
        assert page.console() == []


def test_an_app_without_the_lists_still_shows_the_run(page: Page) -> None:
    def older(request: Request) -> Response | None:
        missing = request.path.endswith("/operations")
        return Response('{"title": "not found"}', 404) if missing else None

    with runs() as found:
        found.advance(200)
        found.answer_instead = older
        page.open(found.page)
        page.enter(KEY)
        page.until(SHOWN)
        page.until("document.getElementById('link-state').textContent.startsWith('last event')")
        assert page.one("#operations-section").get_attribute("hidden")
        assert page.one("#clusters-section").get_attribute("hidden")
