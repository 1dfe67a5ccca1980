"""The program that reads the versions of nodes from an API server, with a kubectl that answers."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cluster.on_node import kubernetes_state as program

READY = {"type": "Ready", "status": "True"}
METRICS = """\
# HELP apiserver_requested_deprecated_apis [STABLE] Gauge of deprecated APIs
apiserver_requested_deprecated_apis{group="batch",removed_release="1.37",resource="jobs",\
subresource="",version="v1beta1"} 1
apiserver_requested_deprecated_apis{group="",removed_release="",resource="x",version="v1"} 1
apiserver_requested_deprecated_apis{group="",removed_release="1.36",resource="y",version="v1"} 1
apiserver_request_total{group="apps"} 4
"""


def node(name: str, version: str, **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "annotations": more.get("annotations")}
    info = {"kubeletVersion": version} | more.get("info", {})
    status = {"nodeInfo": info, "conditions": more.get("conditions")}
    return {"metadata": metadata, "spec": more.get("spec", {}), "status": status}


def pod(component: str, image: str, conditions: Any) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"component": component}},
        "spec": {"nodeName": "cp-0", "containers": [{"image": image}]},
        "status": {"conditions": conditions},
    }


def test_nodes_have_their_version_and_how_they_are_left() -> None:
    items = [
        node(
            "a", "v1.36.2", conditions=[READY], spec={"unschedulable": True}, info={"bootID": "1"}
        ),
        node("b", "v1.35.6", annotations={"slipway.dev/leaving": "true"}),
    ]
    assert program.nodes({"items": items}) == {
        "a": {
            "kubelet": "v1.36.2",
            "boot": "1",
            "ready": True,
            "cordoned": True,
            "leaving": False,
        },
        "b": {
            "kubelet": "v1.35.6",
            "boot": "",
            "ready": False,
            "cordoned": False,
            "leaving": True,
        },
    }
    assert program.nodes({"items": None}) == {}


def test_a_component_that_is_not_ready_has_no_version() -> None:
    image = "registry.example:5000/kube-apiserver:v1.36.2"
    pods = [
        pod("kube-apiserver", image, [READY]),
        pod("kube-scheduler", "registry.k8s.io/kube-scheduler:v1.36.2", None),
        pod("etcd", "registry.k8s.io/etcd:3.6.14", [READY]),
    ]
    assert program.components({"items": pods}) == {
        "cp-0": {"kube-apiserver": "v1.36.2", "kube-scheduler": ""}
    }


def test_requested_apis_are_those_with_a_removal() -> None:
    assert program.requested(METRICS) == [
        {"api": "batch/v1beta1 jobs", "removed": "1.37"},
        {"api": "core/v1 y", "removed": "1.36"},
    ]


@pytest.mark.parametrize("fails", [False, True])
def test_it_asks_with_the_kubeconfig_and_says_what_fails(tmp_path: Path, fails: bool) -> None:
    answers = {
        "/version": json.dumps({"gitVersion": "v1.36.2"}),
        "/api/v1/nodes": json.dumps({"items": [node("a", "v1.36.2", conditions=[READY])]}),
        "pods?labelSelector=tier%3Dcontrol-plane": json.dumps({"items": []}),
        "/metrics": METRICS,
    }
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(
        f"#!{sys.executable}\nimport sys\nanswers = {answers!r}\n"
        "assert '--kubeconfig=/etc/k.conf' in sys.argv, sys.argv\n"
        "path = sys.argv[-1].removeprefix('--raw=')\n"
        f"sys.exit('the server is gone') if {fails} and path == '/metrics' else None\n"
        "print(next(text for end, text in answers.items() if path.endswith(end)))\n"
    )
    kubectl.chmod(0o755)
    done = subprocess.run(
        [sys.executable, program.__file__],
        input=json.dumps({"config": "/etc/k.conf", "metrics": True}),
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if fails:
        assert done.returncode == 1
        assert "/metrics: the server is gone" in done.stderr
        return
    found = json.loads(done.stdout)
    assert (found["version"], found["nodes"]["a"]["ready"]) == ("v1.36.2", True)
    assert len(found["requested"]) == 2
