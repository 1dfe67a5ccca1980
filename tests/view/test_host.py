"""The page served by a Functions host: the whole app, with a stored run in Azurite."""

import json

import pytest
import requests

from lab.simulation.run import simulation
from lab.testing.engines import durable_storage, engine_config, engine_name  # noqa: F401 -- fixtures
from tests.clients.conftest import azurite  # noqa: F401 -- a fixture
from tests.http.conftest import KEY, App, app  # noqa: F401 -- a fixture
from tests.view.browser import Page
from tests.view.runs import SMALL
from tests.view.test_page import ROWS, SHOWN


@pytest.mark.parametrize(
    "path",
    ["/api/clusters/demo/view", "/API/Clusters/demo/View/", "/api/clusters/d%65mo/vie%77"],
    ids=["plain", "another case", "encoded"],
)
def test_the_host_serves_the_page_and_its_run(
    page: Page,
    app: App,  # noqa: F811
    path: str,
) -> None:
    with simulation(SMALL) as made:
        made.apply()
        made.engine.finish()
        for name, (data, _) in made.services.store.blobs.content.items():  # type: ignore[attr-defined]
            app.blobs.write(name, data)
    url = app.url + path
    plain = requests.get(url, timeout=30)
    assert plain.status_code == 200
    assert plain.headers["content-type"].startswith("text/html")
    assert "'sha256-" in plain.headers["content-security-policy"]
    for end in ("", "/events", "/timeline"):
        for prefix in ("/api", "/api/session"):
            refused = requests.get(f"{app.url}{prefix}/clusters/demo{end}", timeout=30)
            assert refused.status_code == 401
    page.open(url)
    page.enter(KEY)
    page.until(SHOWN)
    rows = page.run(ROWS)
    assert page.text("#state") == "ready"
    assert {row["kind"] for group in rows.values() for row in group} == {"done"}
    timeline = json.loads(app.send("GET", "/api/clusters/demo/timeline").content)
    assert [row["name"] for row in rows["Play"]] == [bar["name"] for bar in timeline["stages"]]
    assert page.console() == []
    page.driver.refresh()
    page.until(SHOWN)
    assert page.text("#state") == "ready"
    for wrong in ("/timeline?generation=x", "/timeline?generation=-1"):
        assert app.send("GET", f"/api/clusters/demo{wrong}").status_code == 400
    assert app.send("GET", "/api/clusters/nobody/timeline").status_code == 404
