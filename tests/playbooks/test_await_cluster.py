"""The wait for a cluster names nodes and pods with their troubles. It ends if it cannot succeed."""

import json
import runpy
import sys
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
            "addresses": [
                {"type": "Hostname", "address": name},
                {"type": "InternalIP", "address": f"10.0.3.{name}"},
            ],
            "conditions": [
                {"type": kind, "status": status, "message": message}
                for kind, status in states.items()
            ],
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
        self.silent = False
        self.deployment: dict[str, Any] = {
            "spec": {"replicas": replicas},
            "status": {"availableReplicas": available},
        }

    def __call__(self, what: str) -> dict[str, Any]:
        if self.silent:
            return {}
        if what == "coredns":
            return self.deployment
        return {"items": {"nodes": self.nodes, "pods": self.pods}[what]}

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Network:
    """What this machine reaches. A look at silent machines takes its time."""

    def __init__(self, api: Api, view: Any) -> None:
        self._api, self._view = api, view
        self.said, self.silent, self.members = "", set[str](), {"10.0.2.4:2379": ""}
        self.asked = set[str]()

    def look(self, nodes: dict[str, str]) -> Any:
        self.asked |= set(nodes.values())
        silent = [name for name in nodes if name in self.silent]
        self._api.now += 4.0 if silent or "no answer" in self.members.values() else 0.1
        return self._view(self.said, silent, self.members)


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(PROGRAM.parent)
    for name in ("cluster_network", "cluster_troubles"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return runpy.run_path(str(PROGRAM))


def network_of(program: dict[str, Any], api: Api) -> Network:
    return Network(api, program["View"])


def wait(
    program: dict[str, Any], api: Api, *names: str, network: Network | None = None
) -> tuple[str, list[str], float]:
    """The cause, the silent nodes, and how many seconds the wait took; "" if it succeeded."""
    program["main"].__globals__["time"] = api
    reached = network or network_of(program, api)
    cluster = program["Cluster"](api, reached, list(names), 240.0)
    try:
        cluster.await_nodes()
        cluster.await_names()
    except program["WaitError"] as error:
        return error.cause, error.silent, api.now
    return "", [], api.now


def test_a_cluster_that_works_is_not_waited_for(program: dict[str, Any]) -> None:
    api = Api([node("a", OWN), node("b", PLANE)], [], available=2)
    assert wait(program, api, "a", "b") == ("", [], 0.0)


@pytest.mark.parametrize(
    ("taint", "told"),
    [
        (PRESSURE, "a, b: DiskPressure, taint node.kubernetes.io/disk-pressure:NoSchedule"),
        (USERS, "a, b: DiskPressure, taint maintenance:NoExecute"),
    ],
)
def test_pods_that_no_node_takes_end_the_wait_early_with_taints_and_reasons(
    program: dict[str, Any], taint: dict[str, str], told: str
) -> None:
    nodes = [node(name, OWN, taint, DiskPressure="True") for name in ("a", "b")]
    api = Api(nodes, [pod("coredns-1", **UNSCHEDULED), pod("coredns-2", **UNSCHEDULED)])
    cause, silent, seconds = wait(program, api, "a", "b")
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
    program: dict[str, Any], nodes: list[Any]
) -> None:
    cause, _, seconds = wait(program, Api(nodes, [pod("coredns-1", **UNSCHEDULED)]), "a", "b")
    assert seconds > 240
    assert "in time: a: taint node.kubernetes.io/disk-pressure:NoSchedule" in cause


def test_a_pressure_that_passes_is_waited_for(
    program: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api([node("a", PRESSURE)], [pod("coredns-1", **UNSCHEDULED)])
    before = api.sleep

    def sleep(seconds: float) -> None:
        before(seconds)
        if api.now > 30:
            api.nodes = [node("a")]
        if api.now > 100:
            api.deployment["status"]["availableReplicas"] = 2

    monkeypatch.setattr(api, "sleep", sleep)
    cause, _, seconds = wait(program, api, "a")
    assert cause == ""
    assert seconds > 100


def test_an_image_that_is_not_there_ends_the_wait_early(program: dict[str, Any]) -> None:
    waiting = {"state": {"waiting": {"reason": "ErrImageNeverPull", "message": "coredns:v1"}}}
    pods = [pod("coredns-1", node="a", containerStatuses=[waiting])]
    cause, _, seconds = wait(program, Api([node("a")], pods), "a")
    assert seconds < 60
    assert "pod coredns-1: Pending; ErrImageNeverPull: coredns:v1" in cause


def test_nodes_that_are_not_ready_are_named_with_kubelets_words(
    program: dict[str, Any],
) -> None:
    said = "container runtime network not ready: cni plugin not initialized"
    names = [f"w-{number}" for number in range(8)]
    nodes = [node(name, EARLY, ready="False", message=said) for name in names[:-1]]
    cause, silent, seconds = wait(program, Api(nodes, []), *names)
    assert seconds > 240
    assert silent == names
    assert cause.startswith("8 of 8 nodes are not ready after 240 s: w-0, w-1, w-2, w-3, w-4 and 2")
    assert f"not Ready ({said})" in cause
    assert cause.endswith(
        "w-7: unknown to the API server; readyz: ok; etcd: 1 of 1 members healthy"
    )


def test_a_silent_api_server_is_no_crash(program: dict[str, Any]) -> None:
    api = Api([node("a")], [])
    api.silent = True
    cause, _, _ = wait(program, api, "a")
    assert cause.startswith("1 of 1 nodes are not ready after 240 s: a: unknown to the API server")


BUSY = pod("coredns-1", node="a", containerStatuses=[{"state": {"running": {}}}])
PARTS = "not Ready (Kubelet stopped posting node status.)"


def test_a_node_that_the_network_lost_is_named_within_a_minute(
    program: dict[str, Any],
) -> None:
    gone = node("b", ready="Unknown", message="Kubelet stopped posting node status.")
    api = Api([node("a"), gone], [BUSY])
    network = network_of(program, api)
    network.silent = {"b"}
    cause, silent, seconds = wait(program, api, "a", "b", network=network)
    assert seconds < 60
    assert silent == []
    assert network.asked == {"10.0.3.a", "10.0.3.b"}
    assert cause == (
        "the network is cut, or machines are off: no answer from the kubelet of b; "
        f"b: {PARTS}; pod coredns-1: Pending; readyz: ok; etcd: 1 of 1 members healthy"
    )


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"x": "no answer"}, "no answer from etcd on x; "),
        ({"x": "no answer", "y": "no answer", "z": ""}, "no answer from etcd on x, etcd on y; "),
        ({"x": "unhealthy (status 503)"}, "etcd does not work; "),
        ({"x": "", "y": "Connection refused", "z": "no answer"}, "etcd does not work; "),
    ],
)
def test_an_api_server_without_etcd_is_told_with_readyz_and_the_last_pods(
    program: dict[str, Any], monkeypatch: pytest.MonkeyPatch, members: dict[str, str], told: str
) -> None:
    api = Api([node("a")], [BUSY])
    network = network_of(program, api)
    before = api.sleep

    def sleep(seconds: float) -> None:
        before(seconds)
        if api.now > 10:
            network.said, network.members = "etcd, etcd-readiness failed", members
            api.silent = True

    monkeypatch.setattr(api, "sleep", sleep)
    cause, _, seconds = wait(program, api, "a", network=network)
    assert seconds < 70
    assert told in cause
    assert "pod coredns-1: Pending; readyz: etcd, etcd-readiness failed; etcd: " in cause
    assert "unknown to the API server" not in cause


@pytest.mark.parametrize(
    "members", [{"x": ""}, {"x": "", "y": "", "z": "no answer"}], ids=["all", "most"]
)
def test_an_api_server_that_starts_while_etcd_works_has_the_whole_time(
    program: dict[str, Any], members: dict[str, str]
) -> None:
    api = Api([node("a")], [])
    network = network_of(program, api)
    network.said, network.members = "poststarthook/rbac/bootstrap-roles failed", members
    cause, _, seconds = wait(program, api, "a", network=network)
    assert seconds > 240
    assert "readyz: poststarthook/rbac/bootstrap-roles failed; etcd: " in cause


def test_a_network_that_returns_is_waited_for(
    program: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api([node("a", ready="Unknown")], [], available=2)
    network = network_of(program, api)
    before = api.sleep

    def sleep(seconds: float) -> None:
        before(seconds)
        network.silent = {"a"} if api.now % 50 < 25 else set()
        if api.now > 120:
            api.nodes = [node("a")]

    monkeypatch.setattr(api, "sleep", sleep)
    cause, _, seconds = wait(program, api, "a", network=network)
    assert cause == ""
    assert seconds > 120
