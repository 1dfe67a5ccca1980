"""Events as Event Grid delivers them: what is not for the app is acknowledged, and a batch that
comes again does nothing twice."""

import json
from typing import Any

import pytest
import requests

from lab.testing.standins import SUBSCRIPTION
from lab.testing.templates import put_group
from tests.http.conftest import KEYS, App

GROUPS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"
WRITE = "Microsoft.Resources/subscriptions/resourceGroups/write"
DELETE = "Microsoft.Resources/subscriptions/resourceGroups/delete"
DELETED = "Microsoft.Resources.ResourceDeleteSuccess"


def event(**changes: Any) -> dict[str, Any]:
    """A group was written; a change to None leaves the field out."""
    made = {
        "specversion": "1.0",
        "id": "1",
        "source": f"/subscriptions/{SUBSCRIPTION}",
        "type": "Microsoft.Resources.ResourceWriteSuccess",
        "subject": f"{GROUPS}/some-group",
        "time": "2026-01-01T00:00:00Z",
        "data": {"operationName": WRITE},
    } | changes
    return {name: value for name, value in made.items() if value is not None}


def deliver(app: App, *events: dict[str, Any]) -> int:
    return requests.post(
        f"{app.url}/runtime/webhooks/eventgrid",
        params={"functionName": "on_group_event", "code": KEYS["eventGrid"]},
        data=json.dumps(events),
        headers={"aeg-event-type": "Notification"},
        timeout=60,
    ).status_code


EVENT_GRID_SCHEMA = {
    "id": "1",
    "topic": f"/subscriptions/{SUBSCRIPTION}",
    "subject": f"{GROUPS}/some-group",
    "data": {"operationName": WRITE},
    "eventType": "Microsoft.Resources.ResourceWriteSuccess",
    "eventTime": "2026-01-01T00:00:00Z",
    "metadataVersion": "1",
    "dataVersion": "1",
}
NOT_FOR_THE_APP: dict[str, dict[str, Any]] = {
    "an unknown group": event(),
    "a group that is gone and was never known": event(type=DELETED, data={"operationName": DELETE}),
    "another type": event(type="Microsoft.Storage.BlobCreated"),
    "another operation": event(data={"operationName": "Microsoft.Compute/x/write"}),
    "another subscription": event(subject="/subscriptions/other/resourceGroups/some-group"),
    "a resource, not a group": event(subject=f"{GROUPS}/some-group/providers/x"),
    "another schema": EVENT_GRID_SCHEMA,
    "an empty object": {},
    "no type": event(type=None),
    "a type that is no text": event(type=5),
    "no subject": event(subject=None),
    "a subject that is no text": event(subject=["a"]),
    "no data": event(data=None),
    "data that is text": event(data="x"),
    "data that is a list": event(data=[1]),
    "an operation that is no text": event(data={"operationName": {"a": 1}}),
    "no id": event(id=None),
    "no time": event(time=None),
    "a name with a step upwards": event(subject=f"{GROUPS}/.."),
    "a name with a query": event(subject=f"{GROUPS}/a?x=1"),
    "a name with an encoded slash": event(subject=f"{GROUPS}/a%2Fb"),
    "a name that is too long": event(subject=f"{GROUPS}/{'a' * 91}"),
    "a name with half a character": event(subject=f"{GROUPS}/\ud800"),
    "a name with a NUL": event(subject=f"{GROUPS}/a\0"),
}


@pytest.mark.parametrize("name", NOT_FOR_THE_APP)
def test_what_is_not_for_the_app_is_acknowledged(app: App, name: str) -> None:
    """Event Grid would send it again for a day."""
    before = app.created()
    assert deliver(app, NOT_FOR_THE_APP[name]) == 202
    assert app.created() == before


def test_a_batch_comes_again_when_one_event_fails_and_does_nothing_twice(app: App) -> None:
    names = ["batch-one", "batch-two"]
    for name in names:
        tags = {"slipway": "no-such-profile"}
        put_group(app.azure.arm.state, SUBSCRIPTION, name, {"location": "westeurope", "tags": tags})
    served = [event(id=name, subject=f"{GROUPS}/{name}") for name in names]
    # The library that decodes it raises: the app does not see this event.
    broken = event(id="3", time="yesterday")
    assert deliver(app, broken, *served, *served) == 500
    for name in names:
        shown = app.send("GET", f"/api/clusters/{name}").json()
        assert shown["cause"]["code"] == "TagRefused", shown
    recorded = {name: app.send("GET", f"/api/clusters/{name}/events").json() for name in names}
    assert all(len(one["events"]) == 1 for one in recorded.values()), recorded
    left = app.created()
    assert deliver(app, broken, *served, *served) == 500
    assert deliver(app, *served) == 202
    assert app.created() == left
    assert {n: app.send("GET", f"/api/clusters/{n}/events").json() for n in names} == recorded
