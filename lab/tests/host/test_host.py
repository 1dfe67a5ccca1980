"""The lab's functions host with an app of its own, on each engine: triggers, modes, a dying
worker."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from lab.host.main import FunctionsHost
from lab.testing.engines import LONG_ON_EXTENSION

APP = Path(__file__).with_name("sample_app")
KEYS = {
    "function": "function-key",
    "master": "master-key",
    "durableTask": "durable-key",
    "eventGrid": "event-key",
}


class Host:
    def __init__(self, tmp_path: Path, mode: str, engine: dict[str, Any]) -> None:
        self.notes = tmp_path / "notes"
        self.notes.touch()
        config = engine | {
            "app": str(APP),
            "settings": {"SAMPLE_NOTES": str(self.notes)},
            "keys": KEYS,
            "mode": mode,
            "logs": str(tmp_path),
        }
        self.host = FunctionsHost(config)
        self.host.start()

    def begin(self, name: str, payload: Any, key: str = KEYS["function"]) -> requests.Response:
        return requests.post(
            f"{self.host.url}/api/begin/{name}",
            json=payload,
            headers={"x-functions-key": key},
            timeout=20,
        )

    def finished(self, instance: str) -> dict[str, Any]:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            answer = requests.get(
                f"{self.host.url}/runtime/webhooks/durabletask/instances/{instance}",
                params={"code": KEYS["durableTask"]},
                timeout=20,
            )
            status = answer.json()
            if status["runtimeStatus"] in ("Completed", "Failed"):
                return status
            time.sleep(0.05)
        raise AssertionError("the instance never ended")

    def run(self, name: str, payload: Any) -> dict[str, Any]:
        return self.finished(self.begin(name, payload).text)

    def lines(self) -> list[str]:
        return self.notes.read_text().splitlines()


@pytest.fixture
def start(
    tmp_path: Path,
    engine_config: Callable[[], dict[str, Any]],
) -> Iterator[Callable[[str], Host]]:
    hosts: list[Host] = []

    def make(mode: str = "once") -> Host:
        hosts.append(Host(tmp_path, mode, engine_config()))
        return hosts[-1]

    yield make
    for host in hosts:
        host.host.end()


def test_an_unchanged_app_runs_from_http_to_result(start: Any) -> None:
    host = start()
    assert host.run("fan_out", {"n": 20})["output"] == sorted(f"N{i}" for i in range(20))
    assert host.run("waiting", {"seconds": 0.1})["output"] == "timeout"
    counted = host.run("counting", {"n": 1})
    assert counted["output"] == ["N0", "N1"]
    assert counted["customStatus"] == {"n": 3}
    failed = host.run("failing", {})
    assert failed["runtimeStatus"] == "Failed"


def test_keys_are_enforced(start: Any) -> None:
    host = start()
    assert host.begin("fan_out", {"n": 1}, key="wrong").status_code == 401
    url = f"{host.host.url}/runtime/webhooks/durabletask/instances/x"
    assert requests.get(url, timeout=5).status_code == 401
    assert requests.get(f"{host.host.url}/api/nothing", timeout=5).status_code == 404
    assert requests.get(f"{host.host.url}/api/begin/x", timeout=5).status_code == 404


def test_event_grid_is_validated_acknowledged_or_asked_to_repeat(start: Any) -> None:
    host = start()
    url = (
        f"{host.host.url}/runtime/webhooks/eventgrid?functionName=on_event&code={KEYS['eventGrid']}"
    )

    def send(subject: str) -> int:
        event = {"specversion": "1.0", "id": "7", "source": "s", "type": "t", "subject": subject}
        headers = {"aeg-event-type": "Notification"}
        answer = requests.post(url, json=event | {"data": {}}, headers=headers, timeout=10)
        return answer.status_code

    validation = requests.post(
        url,
        json=[{"data": {"validationCode": "abc"}}],
        headers={"aeg-event-type": "SubscriptionValidation"},
        timeout=10,
    )
    assert validation.json() == {"validationResponse": "abc"}
    assert requests.options(url, timeout=10).status_code == 200
    assert send("ok") == 202
    assert send("fail") == 500
    assert requests.post(url + "x", json={}, timeout=10).status_code == 401
    assert "event 7" in host.lines()


def test_a_timers_function_can_be_run_by_hand(start: Any, engine_name: str) -> None:
    if engine_name != "memory":
        pytest.skip("functions-host has no timers and no route to run a function")
    host = start()

    def ask(name: str, key: str = "master") -> int:
        url = f"{host.host.url}/admin/functions/{name}"
        headers = {"x-functions-key": KEYS[key]}
        return requests.post(url, json={"input": ""}, headers=headers, timeout=10).status_code

    assert ask("on_timer", "function") == 403
    assert [ask("on_event"), ask("nothing")] == [404, 404]
    assert ask("on_timer") == 202
    until = time.monotonic() + 20
    while "timer, in time" not in host.lines():
        assert time.monotonic() < until, "the timer's function never ran"
        time.sleep(0.05)


@pytest.mark.parametrize("mode", ["twice", "lose-first"])
def test_every_activity_can_be_executed_twice(start: Any, mode: str) -> None:
    host = start(mode)
    assert host.run("fan_out", {"n": 3})["output"] == ["N0", "N1", "N2"]
    assert sorted(host.lines()) == ["n0", "n0", "n1", "n1", "n2", "n2"]


def test_a_worker_that_dies_is_replaced_and_runs_continue(start: Any) -> None:
    """What it had in hand of activities failed with it: the orchestrator's retry repeats that."""
    host = start()
    waiting = host.begin("waiting", {"seconds": 3}).text
    more = host.begin("sturdy", {"n": 60}).text
    first = host.host.pool.process.pid
    while "n0" not in host.lines():
        time.sleep(0.01)
    os.kill(first, signal.SIGKILL)
    assert host.finished(waiting)["output"] == "timeout"
    assert len(host.finished(more)["output"]) == 60
    assert host.host.pool.process.pid != first


@pytest.mark.parametrize("engine_name", LONG_ON_EXTENSION, indirect=True)
def test_a_worker_that_dies_in_the_middle_of_a_turn_has_it_repeated_by_the_next(
    start: Any, tmp_path: Path
) -> None:
    host, hold = start(), tmp_path / "hold"
    hold.touch()
    held = host.begin("holding", {}).text
    first = host.host.pool.process.pid
    while "turn" not in host.lines():
        time.sleep(0.01)
    os.kill(first, signal.SIGKILL)
    hold.unlink()
    assert host.finished(held)["output"] == "AFTER"
    assert host.host.pool.process.pid != first
    # The one that was lost, the same again, and the last one's replay.
    assert sorted(host.lines()) == ["after", "before", "turn", "turn", "turn"]
