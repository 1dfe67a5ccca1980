"""The Durable extension's hook, on the lab's own front and on functions-host: an instance from its
start to its removal."""

import json
import secrets
import time
from typing import Any

import pytest

from lab.tests.host.conftest import Answer, Front, asked
from lab.tests.host.rows import BEARER, EVENT_KEY, JSON, KEY, KEYS, row

MANAGED = "/runtime/webhooks/durabletask/instances"
DURABLE_KEY = f"x-functions-key: {KEYS['durableTask']}"
AS_JSON = {"content-type": "application/json; charset=utf-8"}
PAYLOAD = {"a": 1}


class Instance:
    """One run of `gated`, which waits for the event `go`."""

    def __init__(self, front: Front) -> None:
        self.front, self.name = front, f"run-{secrets.token_hex(6)}"
        begun = self._send("POST", f"/api/instances/{self.name}", KEY, data=PAYLOAD)
        assert begun.status == 202
        self.reached("Running")

    def ask(self, method: str = "GET", end: str = "", data: Any = None) -> Answer:
        return self._send(method, f"{MANAGED}/{self.name}{end}", DURABLE_KEY, data=data)

    def reached(self, status: str) -> Answer:
        for _ in range(300):
            answer = self.ask()
            if answer.status != 404 and json.loads(answer.body)["runtimeStatus"] == status:
                return answer
            time.sleep(0.1)
        raise AssertionError(f"never {status}: {answer}")

    def ended(self, event: str, status: str) -> Answer:
        assert self.ask("POST", "/raiseEvent/go", event).status == 202
        return self.reached(status)

    def _send(self, method: str, path: str, *headers: str, data: Any) -> Answer:
        body = b"" if data is None else json.dumps(data).encode()
        kind = () if data is None else (JSON,)
        return asked(self.front, row("", f"{method} {path}", *headers, *kind, body=body).request)


def comparable(answer: Answer) -> dict[str, Any]:
    """The document without what differs from run to run."""
    body: dict[str, Any] = json.loads(answer.body)
    for name in ("createdTime", "lastUpdatedTime"):
        time.strptime(body.pop(name), "%Y-%m-%dT%H:%M:%SZ")
    return body


def test_a_run_is_202_while_it_lasts_and_200_after(front: Front) -> None:
    run = Instance(front)
    document = {
        "name": "gated",
        "version": "1",
        "instanceId": run.name,
        "runtimeStatus": "Running",
        "input": PAYLOAD,
        "customStatus": None,
        "output": None,
    }
    running = run.ask()
    location = running.headers.pop("location")
    assert location.endswith(f"{MANAGED}/{run.name}")
    assert (running.status, running.headers) == (202, AS_JSON | {"retry-after": "5"})
    assert comparable(running) == document
    assert comparable(run.ask(end="?showInput=false"))["input"] is None
    done = run.ended("done", "Completed")
    assert (done.status, done.headers) == (200, AS_JSON)
    assert comparable(done) == document | {
        "runtimeStatus": "Completed",
        "customStatus": {"got": "done"},
        "output": {"got": "done", "payload": PAYLOAD},
    }
    assert comparable(run.ask(end="?showHistory=true"))["historyEvents"]


def test_a_failed_run_has_its_cause_as_output(front: Front) -> None:
    run = Instance(front)
    failed = run.ended("fail", "Failed")
    assert failed.status == 200
    assert comparable(failed)["output"].endswith("ValueError: asked to fail")
    assert run.ask(end="?returnInternalServerErrorOnFailure=true").status == 500


def test_a_run_is_suspended_resumed_and_terminated(front: Front) -> None:
    run = Instance(front)
    assert run.ask("POST", "/suspend?reason=r").status == 202
    assert run.reached("Suspended").status == 202
    assert run.ask("POST", "/resume?reason=r").status == 202
    run.reached("Running")
    assert run.ask("POST", "/terminate?reason=enough").status == 202
    ended = run.reached("Terminated")
    assert ended.status == 200
    assert comparable(ended)["output"] == "enough"


def test_a_run_that_ended_takes_nothing_more_but_its_removal(front: Front) -> None:
    run = Instance(front)
    early = run.ask("DELETE")
    assert (early.status, early.headers) == (412, AS_JSON)
    assert json.loads(early.body).endswith(f"ID {run.name} has status Running")
    run.ended("done", "Completed")
    for end in ("/terminate?reason=x", "/suspend?reason=x"):
        assert run.ask("POST", end).status == 410
    assert run.ask("POST", "/raiseEvent/go", "x").status == 410
    gone = run.ask("DELETE")
    assert (gone.status, json.loads(gone.body)) == (200, {"instancesDeleted": 1})
    for method in ("GET", "DELETE"):
        assert run.ask(method).status == 404


def test_an_event_is_json(front: Front) -> None:
    run = Instance(front)
    line = f"POST {MANAGED}/{run.name}/raiseEvent/go"
    for kind, body, message in (
        ("text/plain", b'"x"', "Only application/json request content is supported"),
        ("application/json", b"{", "Invalid JSON content"),
    ):
        request = row("", line, DURABLE_KEY, f"Content-Type: {kind}", body=body).request
        answer = asked(front, request)
        assert (answer.status, json.loads(answer.body)["Message"]) == (400, message)
    request = row("", line, DURABLE_KEY, f"{JSON}; charset=utf-8", body=b'"x"').request
    assert asked(front, request).status == 202
    assert comparable(run.reached("Completed"))["customStatus"] == {"got": "x"}


def test_runs_are_listed_by_status(front: Front) -> None:
    run = Instance(front)

    def listed(query: str) -> list[str]:
        request = row("", f"GET {MANAGED}{query}", DURABLE_KEY).request
        return [one["instanceId"] for one in json.loads(asked(front, request).body)]

    assert run.name in listed("")
    assert run.name in listed("?runtimeStatus=Running")
    assert run.name not in listed("?runtimeStatus=Completed")


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        ("GET {path}", (), 401),
        ("GET {path}", ("x-functions-key: wrong",), 401),
        ("GET {path}", (KEY,), 403),
        ("GET {path}", (EVENT_KEY,), 403),
        ("GET {path}?code=durable-key", (), 202),
        ("GET {path}?code=master-key", (), 202),
        ("GET {path}?code=durable-key", (EVENT_KEY,), 403),
        ("GET {path}/", (DURABLE_KEY,), 202),
        ("GET {path}/x", (DURABLE_KEY,), 404),
        ("GET {path}x", (DURABLE_KEY,), 404),
        ("PUT {path}", (DURABLE_KEY,), 404),
        ("HEAD {path}", (DURABLE_KEY,), 404),
        ("POST {path}x/terminate", (DURABLE_KEY,), 404),
        ("GET /runtime/webhooks/durabletask/nothing", (DURABLE_KEY,), 404),
    ],
)
def test_the_hook_has_its_own_key_and_paths(
    front: Front, line: str, headers: tuple[str, ...], status: int
) -> None:
    path = f"{MANAGED}/{Instance(front).name}"
    answer = asked(front, row("", line.format(path=path), *headers).request)
    assert answer.status == status
    if status == 401:
        assert answer.headers == BEARER


def test_the_paths_have_no_case_but_instances_have(front: Front) -> None:
    run = Instance(front)
    upper = f"/Runtime/Webhooks/DurableTask/Instances/{run.name}"
    assert asked(front, row("", f"GET {upper}", DURABLE_KEY).request).status == 202
    other = f"{MANAGED}/{run.name.upper()}"
    assert asked(front, row("", f"GET {other}", DURABLE_KEY).request).status == 404
