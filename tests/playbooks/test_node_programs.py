"""The programs that run on control planes and nodes: labels and taints, probes."""

import json
import runpy
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

ROLES = Path(__file__).parents[2] / "playbooks/roles"


def program(path: str) -> dict[str, Any]:
    return runpy.run_path(str(ROLES / path))


@pytest.fixture(scope="module")
def labels_and_taints() -> dict[str, Any]:
    return program("control_plane/files/apply-labels-and-taints.py")


@pytest.fixture(scope="module")
def probe() -> dict[str, Any]:
    return program("verify/files/probe.py")


def node(labels: dict[str, str], taints: list[dict[str, str]], note: Any = None) -> dict[str, Any]:
    annotations = {"slipway.dev/managed": json.dumps(note)} if note else {}
    return {"metadata": {"labels": labels, "annotations": annotations}, "spec": {"taints": taints}}


SPOT = {"key": "spot", "value": "yes", "effect": "NoSchedule"}
FOREIGN = {"key": "maintenance", "effect": "NoExecute"}


def test_labels_and_taints_of_others_stay(labels_and_taints: dict[str, Any]) -> None:
    wanted = {"labels": {"tier": "web"}, "taints": [SPOT]}
    patch = labels_and_taints["patch_for"](node({"theirs": "x"}, [FOREIGN]), wanted)
    assert patch["metadata"]["labels"] == {"tier": "web"}
    assert patch["spec"]["taints"] == [FOREIGN, SPOT]


def test_a_node_with_the_wanted_labels_and_taints_is_not_patched(
    labels_and_taints: dict[str, Any],
) -> None:
    note = {"labels": ["tier"], "taints": [["spot", "NoSchedule"]]}
    wanted = {"labels": {"tier": "web"}, "taints": [SPOT]}
    found = node({"tier": "web", "theirs": "x"}, [SPOT, FOREIGN], note)
    assert labels_and_taints["patch_for"](found, wanted) == {}


def test_labels_and_taints_that_a_pool_no_longer_has_are_removed(
    labels_and_taints: dict[str, Any],
) -> None:
    note = {"labels": ["old", "tier"], "taints": [["spot", "NoSchedule"]]}
    found = node({"tier": "web", "old": "1", "theirs": "x"}, [SPOT, FOREIGN], note)
    patch = labels_and_taints["patch_for"](found, {"labels": {"tier": "web"}, "taints": []})
    assert patch["metadata"]["labels"] == {"old": None}
    assert patch["spec"]["taints"] == [FOREIGN]


def answering(reply: bytes) -> tuple[socket.socket, int]:
    """Answers one question on loopback: its header and question again, then `reply`."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(5)

    def answer() -> None:
        question, client = server.recvfrom(512)
        count = 1 if reply else 0
        header = question[:2] + struct.pack(">5H", 0x8180, 1, count, 0, 0)
        server.sendto(header + question[12:] + reply, client)

    threading.Thread(target=answer, daemon=True).start()
    return server, server.getsockname()[1]


@pytest.mark.parametrize(
    ("kind", "name", "data", "said"),
    [
        (16, b"\xc0\x0c", b"\x0ddemo-worker-1", "demo-worker-1"),
        (1, b"\xc0\x0c", bytes([10, 96, 0, 1]), "10.96.0.1"),
        (1, b"\x04node\x05probe\x00", bytes([10, 96, 0, 1]), "10.96.0.1"),
    ],
)
def test_a_probe_reads_what_a_pod_answers(
    probe: dict[str, Any], monkeypatch: pytest.MonkeyPatch, kind: int, name: bytes, data: bytes,
    said: str,
) -> None:  # fmt: skip
    record = name + struct.pack(">HHIH", kind, 1, 0, len(data)) + data
    server, port = answering(record)
    monkeypatch.setitem(probe["ask"].__globals__, "PORT", port)
    assert probe["ask"]("127.0.0.1", "node.probe", kind) == said
    server.close()


def test_no_answer_is_no_answer(probe: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    server, port = answering(b"")
    monkeypatch.setitem(probe["ask"].__globals__, "PORT", port)
    assert probe["ask"]("127.0.0.1", "node.probe", 16) == ""
    monkeypatch.setitem(probe["ask"].__globals__, "ANSWER_SECONDS", 0.05)
    assert probe["ask"]("127.0.0.1", "node.probe", 16) == ""
    server.close()


def test_probes_are_allowed_what_corednss_file_asks_for(probe: dict[str, Any]) -> None:
    """A file with a capability that its container may not have is not executed by the kernel."""
    allowed = {"capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}}
    container = {"image": "registry.example/coredns:1", "securityContext": allowed}
    found = {
        "deployment": {"spec": {"template": {"spec": {"containers": [container]}}}},
        "service": {"spec": {"clusterIP": "10.96.0.10"}},
    }

    class Names:
        def get(self, _: str, kind: str, __: str) -> dict[str, Any]:
            return found[kind]

    (daemons,) = (m for m in probe["manifests"](Names(), "probe-1") if m["kind"] == "DaemonSet")
    (made,) = daemons["spec"]["template"]["spec"]["containers"]
    assert {key: made[key] for key in container} == container


class Api:
    """Nodes and deployments as kubectl gives them."""

    def __init__(self, *nodes: tuple[str, str, str]) -> None:
        self._nodes = nodes

    def get(self, *arguments: str) -> dict[str, Any]:
        assert arguments == ("nodes",)
        return {
            "items": [
                {
                    "metadata": {"name": name},
                    "status": {
                        "nodeInfo": {"kubeletVersion": version},
                        "conditions": [{"type": "Ready", "status": ready, "message": "no network"}],
                    },
                }
                for name, version, ready in self._nodes
            ]
        }


def test_nodes_are_counted_and_judged_by_the_api_servers_word(probe: dict[str, Any]) -> None:
    wanted = {"minor": "1.36", "nodes": {"a": "worker", "b": "worker", "c": "worker"}}
    api = Api(("a", "v1.36.4", "True"), ("b", "v1.35.9", "True"), ("d", "v1.36.4", "True"))
    found = {check["name"]: check for check in probe["node_checks"](api, wanted)}
    assert not found["nodes"]["ok"]
    assert found["nodes"]["detail"] == "3 of 3, not planned: d, unknown to the API server: c"
    assert found["node a"]["ok"]
    assert (found["node b"]["ok"], found["node b"]["detail"]) == (False, "Ready, v1.35.9")
    assert found["node c"]["detail"] == "the API server does not know it"
    (silent,) = [
        check
        for check in probe["node_checks"](Api(("a", "v1.36.4", "False")), wanted)
        if check["name"] == "node a"
    ]
    assert (silent["ok"], silent["detail"]) == (False, "no network, v1.36.4")


def test_a_node_under_pressure_is_named_with_its_pressure(probe: dict[str, Any]) -> None:
    api = Api(("a", "v1.36.4", "True"))
    (item,) = (listed := api.get("nodes"))["items"]
    item["status"]["conditions"].append({"type": "DiskPressure", "status": "True"})
    item["status"]["conditions"].append({"type": "PIDPressure", "status": "False"})
    api.get = lambda *_: listed
    wanted = {"minor": "1.36", "nodes": {"a": "worker", "b": "worker"}}
    checks = probe["node_checks"](api, wanted)
    assert checks[0]["detail"] == "1 of 2, unknown to the API server: b"
    assert (checks[1]["ok"], checks[1]["detail"]) == (False, "Ready, v1.36.4, DiskPressure")


def test_pods_are_connected_once_flannel_knows_its_network(tmp_path: Path) -> None:
    script = ROLES / "network/files/connect-pods.py"
    facts, target = tmp_path / "subnet.env", tmp_path / "10-flannel.conflist"
    argv = [sys.executable, str(script), "0", str(facts), str(target)]
    early = subprocess.run(argv, capture_output=True, check=False, text=True)
    assert early.returncode == 1
    assert f"flannel has not written {facts}" in early.stderr
    assert not target.exists()

    facts.write_text(
        "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.3.129/25\nFLANNEL_MTU=1450\n"
    )
    subprocess.run(argv, check=True)
    bridge = json.loads(target.read_text())["plugins"][0]
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.244.3.128/25"}]]
    assert bridge["ipam"]["routes"] == [{"dst": "10.244.0.0/16"}]
    assert bridge["mtu"] == 1450
