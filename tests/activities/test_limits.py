"""The time limit of an activity: each activity ends before it."""

import importlib
import json
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any

import pytest

import activities
from activities import control_planes
from activities.registration import ActivityFaultError, ServiceFaultError
from clients import services as services_module
from clients import time_limit
from clients.azure.limited_transport import READ_SECONDS
from clients.settings import Settings
from clients.ssh import connection
from cluster.contracts import POST_SLACK, RECORD_EVENTS, VERIFY_CLUSTER
from tests.clients.conftest import SUBSCRIPTION, VAULT

# By its name: the package has a function of the same one.
verify = importlib.import_module("activities.verify_cluster")
ROOT = Path(__file__).parents[2]
VALUES: dict[str, Any] = {
    "turn": 1,
    "cluster": "demo",
    "generation": 2,
    "part": "network",
    "parts": ["network"],
    "position": 0,
    "lines": ["x\n"],
    "number": 1,
    "result": "failed",
    "role": "worker",
    "node": "demo-worker-0",
}
EACH = pytest.mark.parametrize("activity", activities.ALL, ids=lambda a: a.contract.name)


def payload(activity: Any) -> dict[str, Any]:
    return {name: VALUES[name] for name in activity.contract.takes.model_fields if name in VALUES}


@EACH
def test_an_activity_ends_well_before_the_host_ends_its_worker(activity: Any) -> None:
    text = json.loads((ROOT / "host.json").read_text())["functionTimeout"]
    limit = datetime.strptime(text, "%H:%M:%S") - datetime.strptime("0", "%H")  # noqa: DTZ007
    assert timedelta(seconds=2 * activity.contract.seconds) <= limit


class LookedForServicesError(Exception):
    """Raised in place of them; what an activity does first is ask for its services."""


@EACH
def test_inside_an_activity_its_own_time_is_left(
    activity: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[float] = []

    def services() -> None:
        left.append(time_limit.left())
        raise LookedForServicesError

    monkeypatch.setattr(services_module, "_services", services)
    with pytest.raises(ActivityFaultError, match="LookedForServicesError"):
        activity(payload(activity))
    (seconds,) = left
    assert 0 < seconds <= activity.contract.seconds
    assert time_limit.left() == inf


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An installation whose services do not answer. It records which of them were called."""
    asked: list[str] = []

    def connect(*args: Any, **_: Any) -> None:
        asked.append(str(args[1] if len(args) > 1 else args))
        raise OSError("nobody may be asked")

    monkeypatch.setattr("socket.socket.connect", connect)
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1/identity")
    monkeypatch.setenv("IDENTITY_HEADER", "x")
    settings = Settings(
        subscription_id=SUBSCRIPTION,
        vault_url=VAULT,
        storage="https://slipway.blob.core.windows.net",
    )
    made = services_module.Services(settings)
    monkeypatch.setattr(services_module, "_services", lambda: made)
    return asked


@EACH
def test_an_activity_without_time_left_sends_no_request_and_leaves_the_rest_to_the_next(
    activity: Any, no_network: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_limit, "left", lambda: 0.0)
    if activity.contract is RECORD_EVENTS:
        with pytest.raises(ServiceFaultError, match="not now"):
            activity(payload(activity))
    else:
        answer = activity(payload(activity))
        expected = ("done", "lost") if activity.contract is POST_SLACK else ("wait", None)
        assert (answer["state"], answer.get("posted")) == expected
    assert no_network == []


def test_what_verifying_waits_for_fits_into_its_time() -> None:
    """A node is asked until the time for that is over; then comes the probe, or nothing."""
    connect = connection.CONNECT_SECONDS + 2 * connection.HANDSHAKE_SECONDS
    asking = verify.ASK_SECONDS + connect + verify.COMMAND_SECONDS
    probing = (
        verify.SHORT_SECONDS + 2 * connect + control_planes.READY_SECONDS + verify.PROBE_SECONDS
    )
    assert connect + max(asking, probing) + READ_SECONDS <= VERIFY_CLUSTER.seconds
