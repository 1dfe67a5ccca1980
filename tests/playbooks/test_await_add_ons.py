"""The wait for add-ons names what does not work and why. It ends if it cannot succeed."""

import json
import runpy
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

PROGRAM = Path(__file__).parents[2] / "playbooks/roles/verify/files/await-add-ons.py"
METRICS = {
    "name": "metrics",
    "deployments": ["metrics-server"],
    "api_services": ["v1beta1.metrics.k8s.io"],
}
PLANE = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
NODE = {"metadata": {"name": "a"}, "spec": {"taints": [PLANE]}, "status": {}}


def condition(kind: str, status: str, message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "message": message}


class Api:
    """What kubectl answers, and a clock that goes on by the program's pauses."""

    def __init__(self) -> None:
        self.now, self.works_at = 0.0, 0.0
        self.pods: list[dict[str, Any]] = []
        self.log, self.message = "", "failing or missing response"
        self.missing = set[str]()

    def __call__(self, *words: str) -> str:
        if words[0] == "logs":
            return self.log
        path = unquote(words[1].removeprefix("--raw="))
        if any(name in path for name in self.missing):
            return ""
        return json.dumps(self._found(path))

    def _found(self, path: str) -> dict[str, Any]:
        works = self.now >= self.works_at
        if "/pods?" in path:
            assert path.endswith("labelSelector=slipway.dev/add-on in (metrics)")
            return {"items": [] if works else self.pods}
        if path == "/api/v1/nodes":
            return {"items": [NODE]}
        if "/deployments/" in path:
            ready = 1 if works else 0
            status = {"observedGeneration": 2, "availableReplicas": ready, "updatedReplicas": 1}
            return {"metadata": {"generation": 2}, "spec": {"replicas": 1}, "status": status}
        state = condition("Available", str(works), "" if works else self.message)
        return {"status": {"conditions": [state]}}

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(PROGRAM.parent)
    return runpy.run_path(str(PROGRAM))


def wait(program: dict[str, Any], api: Api, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("time.monotonic", api.monotonic)
    monkeypatch.setattr("time.sleep", api.sleep)
    return str(program["AddOns"](api, [METRICS], 180.0).wait())


def test_it_ends_as_soon_as_all_is_available(
    program: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api()
    api.works_at = 22.0
    assert wait(program, api, monkeypatch) == ""
    assert api.now < 25


def test_what_does_not_answer_in_time_is_named_with_its_pods_and_their_log(
    program: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api()
    api.works_at, api.log = 1e9, "x509: certificate signed by unknown authority\n"
    running = condition("Ready", "False")
    api.pods = [
        {
            "metadata": {"name": "metrics-server-1"},
            "spec": {"nodeName": "a"},
            "status": {"phase": "Running", "conditions": [running]},
        }
    ]
    assert wait(program, api, monkeypatch) == (
        "add-ons do not work after 181 s, in time: metrics: deployment metrics-server has 0 of 1 "
        "pods available; metrics: API service v1beta1.metrics.k8s.io is not available (failing or "
        "missing response); pod metrics-server-1: Running; its log ends with: x509: certificate "
        "signed by unknown authority"
    )


def test_a_missing_image_ends_the_wait_early(
    program: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api()
    waiting = {"waiting": {"reason": "ErrImageNeverPull", "message": "not there"}}
    api.works_at = 1e9
    api.pods = [
        {
            "metadata": {"name": "metrics-server-1"},
            "spec": {"nodeName": "a"},
            "status": {"phase": "Pending", "containerStatuses": [{"state": waiting}]},
        }
    ]
    cause = wait(program, api, monkeypatch)
    assert "nothing can change that" in cause
    assert "ErrImageNeverPull: not there" in cause
    assert api.now < 60


@pytest.mark.parametrize("missing", ["deployments/metrics-server", "apiservices/v1beta1"])
def test_an_object_that_is_not_there_is_named(
    program: dict[str, Any], monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    api = Api()
    api.missing = {missing}
    assert "is not there" in wait(program, api, monkeypatch)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({"observedGeneration": 1}, "no controller has seen that"),
        ({"observedGeneration": 2}, "has 0 of 2 pods"),
        ({"observedGeneration": 2, "availableReplicas": 2, "updatedReplicas": 1}, "has 1 of 2"),
        ({"observedGeneration": 2, "availableReplicas": 2, "updatedReplicas": 2}, ""),
    ],
)
def test_a_deployment_works_when_its_newest_pods_do(
    program: dict[str, Any], status: dict[str, int], told: str
) -> None:
    found = {"metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": status}
    fault = program["deployment_fault"](found)
    assert told in fault
    assert bool(fault) == bool(told)
