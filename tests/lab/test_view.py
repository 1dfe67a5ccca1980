"""The page beside a real run: opened while machines boot, left open until the run has ended.

With SLIPWAY_PICTURES=DIR it leaves pictures there (docs/view.md says how they are made).
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from tests.lab.conftest import tiny
from tests.view.browser import Page, browser
from tests.view.pictures import take
from tests.view.test_page import ROWS, SHOWN

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]
MODE = "once"
PICTURES = os.environ.get("SLIPWAY_PICTURES", "")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chrome]:
    with browser() as driver:
        yield driver


def picture(page: Page, name: str) -> None:
    if PICTURES:
        take(page, Path(PICTURES) / f"{name}.png")


def test_a_run_is_shown_while_it_is_in_progress_and_after_its_end(
    lab: Any, chromium: Chrome
) -> None:
    spec = tiny("seen", 94, "etcd") | {"workers": [{"name": "worker", "count": 2}]}
    accepted = lab.call("PUT", "/api/clusters/seen", spec)
    assert accepted.status_code == 202
    page = Page(chromium)
    page.size(1180, 900)
    page.open(f"{lab.info.url}/api/clusters/seen/view")
    page.enter(lab.info.key)
    page.until(SHOWN)
    seen: dict[str, set[str]] = {}
    until = time.monotonic() + 300
    pictured = False
    while page.text("#state").startswith("running"):
        assert time.monotonic() < until, "the run never ended"
        for rows in page.run(ROWS).values():
            for row in rows:
                seen.setdefault(row["name"], set()).add(row["kind"])
        if not pictured and "etcd" in page.text("#facts").lower():
            picture(page, "real-running")
            pictured = True
        time.sleep(0.5)
    assert page.text("#state") == "ready, stops after: etcd"
    assert lab.follow(accepted.headers["Location"]).status_code == 200
    page.until("document.getElementById('facts').textContent.includes('Took')")
    rows = page.run(ROWS)
    picture(page, "real-ready")
    # It was seen going on, not only when it was over.
    assert {"pending", "running", "done"} <= seen["machines"] | seen["nodes"]
    assert {"pending", "running"} <= seen["playbook"]
    assert "waiting" in seen["seen-worker-1"]
    _is_what_the_api_says(lab, page, rows)
    assert lab.info.key not in page.driver.page_source
    assert page.console() == []


def _is_what_the_api_says(lab: Any, page: Page, rows: dict[str, Any]) -> None:
    told = lab.call("GET", "/api/clusters/seen").json()
    timeline = lab.call("GET", "/api/clusters/seen/timeline").json()
    assert [row["name"] for row in rows["Phases"]] == [p["name"] for p in told["phases"]]
    assert [r["name"] for r in rows["Deployments"]] == [d["name"] for d in timeline["deployments"]]
    assert [row["name"] for row in rows["Nodes"]] == [node["name"] for node in told["nodes"]]
    stages = timeline["stages"] + timeline["skipped"]
    assert [row["name"] for row in rows["Play"]] == [stage["name"] for stage in stages]
    assert "Etcd" in [row["name"] for row in rows["Play"]]
    left_out = {stage["name"] for stage in timeline["skipped"]}
    every = [row for group in rows.values() for row in group]
    assert {row["name"] for row in every if row["kind"] != "done"} == left_out
    assert len(page.all("#pools .cell.done")) == len(told["nodes"])
    assert page.text("#events-count").replace(",", "") == str(len(lab.events("seen")))
    assert page.text("#checks-count") == f"{len(told['checks'])} passed"


def test_a_run_that_azure_refuses_shows_why_and_what_to_do(lab: Any, chromium: Chrome) -> None:
    lab.faults(arm={"quota": {"cores": 1}})
    try:
        cause = lab.refused(tiny("denied", 95, "wait"))
    finally:
        lab.faults()
    page = Page(chromium)
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})  # another test's session
    page.open(f"{lab.info.url}/api/clusters/denied/view")
    page.enter(lab.info.key)
    page.until(SHOWN)
    assert page.text("#failure-title") == "Failed in phase preflight at westeurope"
    assert page.text("#failure-code") == cause["code"]
    assert page.text("#failure-message") == cause["message"]
    assert page.text("#failure-next") == f"Next: {cause['nextStep']}"
    kinds = {row["name"]: row["kind"] for row in page.run(ROWS)["Phases"]}
    assert (kinds["preflight"], kinds["machines"]) == ("failed", "pending")
    assert page.console() == []
