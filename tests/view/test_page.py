"""What the page shows of a running, a failed, a successful and a removed cluster."""

from dataclasses import replace
from typing import Any

import pytest

from cluster.stages import STAGES, UPGRADE, UPGRADE_FETCH
from tests.view.browser import Page
from tests.view.runs import KEY, LARGE, SMALL, Runs, runs

SHOWN = "!document.getElementById('page').hidden"
ROWS = """
return Object.fromEntries([...document.querySelectorAll('.group')].map((group) => [
    group.querySelector('h3').textContent,
    [...group.querySelectorAll('.row')].map((row) => {
        const bar = row.querySelector('.bar').getBoundingClientRect();
        const track = row.querySelector('.track').getBoundingClientRect();
        return {
            name: row.querySelector('.name span:last-child').textContent,
            kind: row.className.replace('row ', ''),
            left: (bar.left - track.left) / track.width,
            right: (bar.right - track.left) / track.width,
            state: row.querySelector('.visually-hidden').textContent.trim(),
        };
    }),
]));
"""

BOX = """
const box = document.getElementById(arguments[0]);
return [box.scrollTop, box.clientHeight, box.scrollHeight];
"""


def show(page: Page, found: Runs, end: str = "") -> dict[str, list[dict[str, Any]]]:
    """Opens the page; returns its timeline, the rows by group, with places as shares of the whole.

    `end`: what follows the page's address.
    """
    page.open(found.page + end)
    page.enter(KEY)
    page.until(SHOWN)
    return page.run(ROWS)


def test_a_running_launch_is_followed_to_its_end(page: Page) -> None:
    with runs() as found:
        found.advance(100)
        early = show(page, found)
        assert page.text("#state") == "running"
        kinds = {row["name"]: row["kind"] for row in early["Phases"]}
        assert (kinds["network"], kinds["machines"], kinds["nodes"]) == (
            "done",
            "running",
            "pending",
        )
        assert {row["kind"] for row in early["Nodes"]} == {"waiting"}
        machines = next(row for row in early["Phases"] if row["name"] == "machines")
        assert machines["right"] == pytest.approx(1, abs=0.01)
        assert 0 < int(page.text("#percent").removesuffix(" %")) < 100
        found.advance()
        page.until("document.getElementById('state').textContent === 'ready'")
        late = page.run(ROWS)
    assert {row["kind"] for group in late.values() for row in group} == {"done"}
    played = [stage.title for stage in STAGES if stage.id not in (UPGRADE_FETCH, UPGRADE)]
    assert [row["name"] for row in late["Play"]] == played
    for before, after in zip(late["Play"], late["Play"][1:], strict=False):
        assert before["right"] <= after["left"] + 0.01
    assert len(page.all("#pools .cell.done")) == SMALL.nodes + 1
    assert "passed" in page.text("#checks-count")
    assert page.text("#percent") == ""
    assert page.console() == []


def test_the_progress_stays_while_the_engine_cannot_be_asked(page: Page) -> None:
    with runs() as found:
        found.advance(200)
        show(page, found)
        before, bar = page.text("#percent"), page.one("#progress").get_attribute("aria-valuenow")
        assert bar is not None
        assert before == f"{bar} %"
        found.engine_away = True
        page.run("document.dispatchEvent(new Event('visibilitychange'))")
        page.until("document.getElementById('facts').textContent.includes('cannot be asked')")
        assert page.text("#percent") == before
        assert page.one("#progress").get_attribute("aria-valuenow") == bar
        page.one("#forget").click()
        show(page, found)  # from the beginning, with nothing known of the run
        assert page.text("#percent") == ""
        assert page.one("#progress").get_attribute("aria-valuenow") is None


def test_a_failure_shows_place_log_and_next_step(page: Page) -> None:
    with runs() as found:
        found.made.fleet.play = replace(found.made.fleet.play, failing=9)
        found.advance()
        page.size(390, 844)  # so narrow that the log does not fit its box, in any font
        rows = show(page, found)
        record = found.made.services.store.record("demo")
    assert record
    cause = record[0].cause
    assert cause
    assert page.text("#failure-title") == f"Failed in phase playbook at {cause.place}"
    assert page.text("#failure-code") == cause.code
    assert page.text("#failure-message") == cause.message
    assert page.text("#failure-next") == f"Next: {cause.next_step}"
    assert page.text("#log") == cause.log_tail
    # Of several lines, the end is visible first: the error is there.
    top, height, whole = page.run(BOX, "log")
    assert (top > 0, top + height) == (True, pytest.approx(whole, abs=1)), (top, height, whole)
    assert (rows["Play"][-1]["name"], rows["Play"][-1]["kind"]) == ("Verify", "failed")
    assert {row["name"]: row["kind"] for row in rows["Phases"]}["playbook"] == "failed"
    assert page.all("#events .event.error")


def test_the_next_run_replaces_the_last_one(page: Page) -> None:
    with runs() as found:
        found.made.fleet.play = replace(found.made.fleet.play, failing=1)
        found.advance()
        show(page, found)
        known = int(page.text("#events-count"))
        found.made.fleet.play = replace(found.made.fleet.play, failing=0)
        found.made.apply()
        found.advance()
        # A page that becomes visible polls at once.
        page.run("document.dispatchEvent(new Event('visibilitychange'))")
        page.until("document.getElementById('state').textContent === 'ready'")
        assert page.one("#failure").get_attribute("hidden")
        assert "#2" in page.text("#facts")
        events = found.made.services.store.events(
            found.made.result(2) or pytest.fail("the second run left no result")
        )
        assert known != len(events)
        page.until(f"document.getElementById('events-count').textContent === '{len(events)}'")


def test_a_removal_shows_its_own_phases_and_no_nodes(page: Page) -> None:
    with runs() as found:
        found.advance()
        found.made.delete()
        found.advance()
        rows = show(page, found)
        assert page.text("#state") == "deleted"
        assert "Removal" in page.text("#facts")
        assert list(rows) == ["Phases"]
        assert [row["kind"] for row in rows["Phases"]] == ["done"] * 3
        assert page.console() == []


def test_a_running_removal_shows_nodes_as_removing(page: Page) -> None:
    with runs() as found:
        found.advance()
        found.made.delete()
        show(page, found)
        states = {cell.get_attribute("aria-label") for cell in page.all("#pools .cell")}
        assert "demo-worker-0, removing" in states
        assert len(page.all("#pools .cell.waiting")) == 0


def test_a_run_that_the_engine_lost_is_not_shown_as_running(page: Page) -> None:
    with runs() as found:
        found.advance(200)
        found.made.engine._instances.clear()
        show(page, found)
        assert page.text("#state") == "failed"
        assert "send the same spec again" in page.text("#facts")
        width = "document.querySelector('.row:last-of-type .bar').style.width"
        before = page.run(f"return {width}")
        page.run("return new Promise((done) => setTimeout(done, 2100))")
        assert page.run(f"return {width}") == before


def test_long_names_are_not_cut(page: Page) -> None:
    with runs(replace(SMALL, cluster="a-cluster-with-a-long-nm")) as found:
        found.advance(200)
        show(page, found)
        cut = (
            "return [...document.querySelectorAll('.name span:last-child')]"
            ".filter((name) => name.scrollWidth > name.clientWidth).length"
        )
        assert page.run(cut) == 0
        names = [row.text for row in page.all(".row .name")]
        assert any("a-cluster-with-a-long-nm-worker-4" in name.replace("\n", "") for name in names)


def test_a_thousand_nodes_are_cells_with_bars_by_pool(page: Page) -> None:
    with runs(LARGE) as found:
        found.advance(450)
        rows = show(page, found)
        detail = len(page.all("#pools .cell.done")), len(page.all("#pools .cell.waiting"))
        worker = next(row for row in rows["Nodes"] if row["name"] == "worker")
        assert [row["name"] for row in rows["Nodes"]] == [
            "controller",
            "control-plane",
            "etcd",
            "worker",
        ]
        assert sum(detail) == LARGE.nodes + 1
        assert min(detail) > 100
        ready = detail[0] - 7  # the nodes of the other pools reported first
        assert worker["state"].startswith(f"{ready} of 994 ready")
        # The area is as high as the share of nodes that have reported.
        area = "[...document.querySelectorAll('.bar.ramp span')].at(-1).style.clipPath"
        corner = page.run(f"return {area}").removesuffix(")").split(", ")[-2].split()[1]
        assert float(corner.removesuffix("%")) / 100 == pytest.approx(1 - ready / 994, abs=0.06)
        assert page.run("return document.querySelectorAll('*').length") < 2500
        assert page.console() == []


def test_four_thousand_events_need_few_elements_and_can_all_be_found(page: Page) -> None:
    with runs(replace(SMALL, tasks=4000, play=1200.0)) as found:
        found.advance()
        show(page, found)
        count = int(page.text("#events-count").replace(",", ""))
        assert count > 4000
        assert len(page.all("#events .event")) < 60
        assert page.run("return document.querySelectorAll('*').length") < 1200
        newest = page.text("#events .event:last-of-type")
        assert newest
        page.run("document.getElementById('events').scrollTop = 26 * 2000")
        page.until("document.querySelector('[aria-posinset=\"2005\"]') !== null")
        seen = page.text('[aria-posinset="2005"]')
        events = found.made.services.store.events(found.made.result() or pytest.fail("no result"))
        assert events[2004].text in seen
        assert len(page.all("#events .event")) < 60
        page.run(
            "const field = document.getElementById('filter-text');"
            "for (const text of ['s', 'se', 'ser', 'number 3999']) {"
            "  field.value = text;"
            "  field.dispatchEvent(new Event('input', { bubbles: true }));"
            "}"
        )
        assert page.text("#events-count").startswith("1 of 4,")
        assert "number 3999" in page.text("#events .event:not([hidden])")


def test_levels_and_phases_filter_events(page: Page) -> None:
    with runs() as found:
        found.made.fleet.play = replace(found.made.fleet.play, failing=1)
        found.advance()
        show(page, found)
        events = found.made.services.store.events(found.made.result() or pytest.fail("no result"))
        set_to = (
            "const field = document.getElementById(arguments[0]); field.value = arguments[1];"
            "field.dispatchEvent(new Event('input', { bubbles: true }));"
        )
        page.run(set_to, "filter-level", "error")
        errors = sum(event.level == "error" for event in events)
        assert page.text("#events-count") == f"{errors} of {len(events)}"
        page.run(set_to, "filter-phase", "network")
        assert page.one("#events-none").is_displayed()
        page.run(set_to, "filter-level", "")
        network = sum(event.phase == "network" for event in events)
        assert page.text("#events-count") == f"{network} of {len(events)}"


@pytest.mark.parametrize("width", [360, 800, 1600])
def test_nothing_is_wider_than_the_window(page: Page, width: int) -> None:
    with runs() as found:
        found.made.fleet.play = replace(found.made.fleet.play, failing=1)
        found.advance()
        page.size(width, 800)
        show(page, found)
        assert page.run("return document.documentElement.scrollWidth") <= width
