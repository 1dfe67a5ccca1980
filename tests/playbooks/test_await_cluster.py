"""The wait for a cluster names nodes and pods with their troubles. It ends if it cannot succeed."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[2] / "playbooks/roles/verify/files/await-cluster.py"
PRESSURE = {"key": "node.kubernetes.io/disk-pressure", "effect": "NoSchedule"}
PLANE = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
OWN = {"key": "spot", "value": "yes", "effect": "NoSchedule"}
USERS = {"key": "maintenance", "effect": "NoExecute"}
EARLY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


def node(
    name: str, *taints: dict[str, str], ready: str = "True", message: str = "", **troubles: str
) -> dict[str, Any]:
    states = {"Ready": ready} | troubles
    managed = json.dumps({"labels": [], "taints": [["spot", "NoSchedule"]]})
    return {
        "metadata": {"name": name, "annotations": {"slipway.dev/managed": managed}},
        "spec": {"taints": list(taints)},
        "status": {
            "conditions": [
                {"type": kind, "status": status, "message": message}
                for kind, status in states.items()
            ]
        },
    }


def pod(name: str, *, ready: bool = False, node: str = "", **status: Any) -> dict[str, Any]:
    tolerations = [
        {"key": "CriticalAddonsOnly", "operator": "Exists"},
        {"key": PLANE["key"], "effect": "NoSchedule"},
    ]
    return {
        "metadata": {"name": name},
        "spec": {"tolerations": tolerations} | ({"nodeName": node} if node else {}),
        "status": {
            "phase": "Pending",
            "conditions": [{"type": "Ready", "status": str(ready)}],
        }
        | status,
    }


UNSCHEDULED = {
    "conditions": [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/2 nodes are available: 2 node(s) had untolerated taint(s).",
        }
    ]
}


class Api:
    """What the API server answers, and a clock that goes on by the program's pauses."""

    def __init__(self, nodes: list[Any], pods: list[Any], replicas: int = 2, available: int = 0):
        self.nodes, self.pods, self.now = nodes, pods, 0.0
        self.deployment: dict[str, Any] = {
            "spec": {"replicas": replicas},
            "status": {"availableReplicas": available},
        }

    def __call__(self, *arguments: str) -> dict[str, Any]:
        if "deployment" in arguments:
            return self.deployment
        return {"items": self.nodes if arguments == ("nodes",) else self.pods}

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def wait(api: Api, monkeypatch: pytest.MonkeyPatch, *names: str) -> tuple[str, list[str], float]:
    """The cause, the silent nodes, and how many seconds the wait took; "" if it succeeded."""
    found = runpy.run_path(str(PROGRAM))
    monkeypatch.setitem(found["main"].__globals__, "time", api)
    cluster = found["Cluster"](api, list(names), 240.0)
    try:
        cluster.await_nodes()
        cluster.await_names()
    except found["WaitError"] as error:
        return error.cause, error.silent, api.now
    return "", [], api.now


def test_a_cluster_that_works_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api([node("a", OWN), node("b", PLANE)], [], available=2)
    assert wait(api, monkeypatch, "a", "b") == ("", [], 0.0)


@pytest.mark.parametrize(
    ("taint", "told"),
    [
        (PRESSURE, "a, b: DiskPressure, taint node.kubernetes.io/disk-pressure:NoSchedule"),
        (USERS, "a, b: DiskPressure, taint maintenance:NoExecute"),
    ],
)
def test_pods_that_no_node_takes_end_the_wait_early_with_taints_and_reasons(
    monkeypatch: pytest.MonkeyPatch, taint: dict[str, str], told: str
) -> None:
    nodes = [node(name, OWN, taint, DiskPressure="True") for name in ("a", "b")]
    api = Api(nodes, [pod("coredns-1", **UNSCHEDULED), pod("coredns-2", **UNSCHEDULED)])
    cause, silent, seconds = wait(api, monkeypatch, "a", "b")
    assert seconds < 60
    assert silent == []
    assert cause.startswith("CoreDNS has 0 pods available after ")
    assert f"s, and nothing can change that: {told}" in cause
    assert "pod coredns-1: Pending; Unschedulable: 0/2 nodes are available" in cause
    assert "spot" not in cause
    assert len(cause) < 600


@pytest.mark.parametrize(
    "nodes",
    [
        [node("a", PRESSURE), node("b", PLANE)],
        [node("a", PRESSURE), node("b")],
        [node("a", PRESSURE), node("b", EARLY)],
        [node("a", PRESSURE), node("b", {"key": "x", "effect": "PreferNoSchedule"})],
    ],
    ids=["a control plane", "a free node", "a node that begins", "a preference"],
)
def test_while_one_node_may_take_the_pod_the_whole_time_is_waited(
    monkeypatch: pytest.MonkeyPatch, nodes: list[Any]
) -> None:
    cause, _, seconds = wait(Api(nodes, [pod("coredns-1", **UNSCHEDULED)]), monkeypatch, "a", "b")
    assert seconds > 240
    assert "in time: a: taint node.kubernetes.io/disk-pressure:NoSchedule" in cause


def test_a_pressure_that_passes_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api([node("a", PRESSURE)], [pod("coredns-1", **UNSCHEDULED)])
    before = api.sleep

    def sleep(seconds: float) -> None:
        before(seconds)
        if api.now > 30:
            api.nodes = [node("a")]
        if api.now > 100:
            api.deployment["status"]["availableReplicas"] = 2

    monkeypatch.setattr(api, "sleep", sleep)
    cause, _, seconds = wait(api, monkeypatch, "a")
    assert cause == ""
    assert seconds > 100


def test_an_image_that_is_not_there_ends_the_wait_early(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = {"state": {"waiting": {"reason": "ErrImageNeverPull", "message": "coredns:v1"}}}
    pods = [pod("coredns-1", node="a", containerStatuses=[waiting])]
    cause, _, seconds = wait(Api([node("a")], pods), monkeypatch, "a")
    assert seconds < 60
    assert "pod coredns-1: Pending; ErrImageNeverPull: coredns:v1" in cause


def test_nodes_that_are_not_ready_are_named_with_kubelets_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = "container runtime network not ready: cni plugin not initialized"
    names = [f"w-{number}" for number in range(8)]
    nodes = [node(name, EARLY, ready="False", message=said) for name in names[:-1]]
    cause, silent, seconds = wait(Api(nodes, []), monkeypatch, *names)
    assert seconds > 240
    assert silent == names
    assert cause.startswith("8 of 8 nodes are not ready after 240 s: w-0, w-1, w-2, w-3, w-4 and 2")
    assert f"not Ready ({said})" in cause
    assert cause.endswith("w-7: unknown to the API server")


def test_a_silent_api_server_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api([node("a")], [])
    api.deployment = {"items": []}
    cause, _, _ = wait(api, monkeypatch, "a")
    assert cause.endswith("in time: no pod was made")
