"""The app behind its host while the durable engine is unavailable."""

import json

from tests.http.conftest import App

PUT, JSON = "/api/clusters/demo", "application/json"


def put(app: App, name: str, workers: int = 1) -> int:
    body = {"name": name, "workers": [{"name": "worker", "count": workers}]}
    sent = json.dumps(body).encode()
    answer = app.send("PUT", f"/api/clusters/{name}", sent, content_type=JSON)
    if answer.status_code >= 400:
        assert answer.headers["content-type"].startswith("application/problem+json")
    if answer.status_code == 503:
        assert int(answer.headers["retry-after"]) > 0
        assert "the durable backend" in answer.json()["detail"]
    return answer.status_code


def test_while_the_engine_is_unavailable_reads_answer_and_nothing_is_called_a_fault(
    app: App,
) -> None:
    assert put(app, "demo") == 202
    with app.without_engine():
        shown = app.send("GET", PUT)
        assert shown.status_code == 200
        assert shown.json()["state"] == "running"
        assert "cannot be asked" in shown.json()["note"]
        followed = app.send("GET", f"{PUT}/operations/1")
        assert followed.status_code == 202
        assert "cannot be asked" in followed.json()["note"]
        for path in ("/api/clusters", f"{PUT}/events", f"{PUT}/timeline"):
            assert app.send("GET", path).status_code == 200
        for method, path in (("DELETE", PUT), ("POST", f"{PUT}/cancel")):
            answer = app.send(method, path)
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["retry-after"]) > 0
        assert put(app, "demo") == 503
        assert put(app, "other") == 503
        assert app.send("GET", "/api/clusters/other").status_code == 404
        states = {
            one["name"]: one["state"] for one in app.send("GET", "/api/doctor").json()["findings"]
        }
        assert states["engine"] == "failed"
