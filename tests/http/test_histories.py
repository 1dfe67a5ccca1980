"""The timer's function, called as the host does it: in the worker, with the real durable client."""

import json

import pytest

from lab.testing.hosts import FunctionFailedError
from tests.http.conftest import App

TIMER = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False}


def call(app: App) -> None:
    binding = {
        "taskHubName": "slipway",
        "rpcBaseUrl": f"http://{app.host.hub.address}",
        "httpBaseUrl": f"{app.url}/runtime/webhooks/durabletask",
        "requiredQueryStringParameters": "code=c",
    }
    # Both triggers' data is JSON.
    app.host.pool.ask("event", "purge_histories", TIMER, json.dumps(binding))


def test_young_histories_are_kept_and_a_backend_that_is_unavailable_fails_the_call(
    app: App,
) -> None:
    body = json.dumps({"name": "demo", "workers": [{"name": "worker", "count": 1}]}).encode()
    answer = app.send("PUT", "/api/clusters/demo", body, content_type="application/json")
    assert answer.status_code == 202
    call(app)
    assert app.host.instances() == ["demo-000001"]
    with app.without_engine(), pytest.raises(FunctionFailedError, match="the durable backend"):
        call(app)
