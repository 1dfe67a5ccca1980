"""Kubernetes is upgraded in place under load. The mirror of --artifacts has a folder `next`: a
mirror of a later patch release or of the next minor."""

import hashlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from cluster.roles import CONTROL_PLANE, WORKER
from dev.variables import ARTIFACTS
from lab.testing.machines import serve_directory
from tests.kubernetes.load import asked_each_second, is_api_ready, start_load, until_available
from tests.kubernetes.machines import KUBECTL, members
from tests.lab.conftest import SITE, Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(3600)]

SPEC: dict[str, Any] = {
    "name": "whole",
    "controlPlane": {"count": 3},
    "etcd": {"count": 1, "dataDiskGiB": 4},
    "controller": {"keep": True},
    "workers": [{"name": "worker", "count": 2}],
}


def newest(folder: Path) -> tuple[str, str]:
    """Returns the newest minor of a mirror's manifest, and its patch release."""
    minors = yaml.safe_load((folder / "manifest.yml").read_bytes())["kubernetes"]
    minor = max(minors, key=lambda name: [int(part) for part in name.split(".")])
    return minor, minors[minor]["version"]


@pytest.fixture(scope="module")
def cluster(lab: Lab) -> requests.Response:
    minor, _ = newest(Path(os.environ[ARTIFACTS]))
    return lab.apply(SPEC | {"kubernetes": {"version": minor}}, seconds=900)


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The spec with the release of the other mirror."""
    folder = Path(os.environ[ARTIFACTS]) / "next"
    if not (folder / "manifest.yml").is_file():
        pytest.skip(f"NOT RUN: {folder} is no mirror of a later release")
    text = (folder / "manifest.yml").read_bytes()
    _, version = newest(folder)
    url = serve_directory(folder, SITE.host, tmp_path_factory.mktemp("next") / "log")
    mirror = {"url": url, "manifestSha256": hashlib.sha256(text).hexdigest()}
    return SPEC | {"kubernetes": {"version": version}, "artifacts": mirror}


def questions(lab: Lab) -> Callable[[], tuple[bool, bool]]:
    """Returns a question: is the API ready by its one name, and is a pod of the load."""
    is_ready, planes = is_api_ready(lab), members(lab, CONTROL_PLANE)
    available = (
        f"{KUBECTL} -n default get deployment web -o jsonpath='{{.status.availableReplicas}}' "
        "| grep -q '[12]'"
    )

    def ask() -> tuple[bool, bool]:
        # Each control plane asks its own API server, and one of these may restart.
        return is_ready(), any(lab.in_machine(plane, available) == 0 for plane in planes)

    return ask


def texts(lab: Lab, kind: str) -> list[str]:
    return [event["node"] for event in lab.events("whole") if event["kind"] == kind]


def test_a_cluster_is_upgraded_under_load_node_by_node(
    lab: Lab, cluster: requests.Response, upgraded: dict[str, Any]
) -> None:
    assert cluster.status_code == 200, cluster.text
    plane = members(lab, CONTROL_PLANE)[1]
    start_load(lab, minimum=1)
    began = time.monotonic()
    with asked_each_second(questions(lab)) as answers:
        answer = lab.apply(upgraded, seconds=2400)
    took = time.monotonic() - began
    assert answer.status_code == 200, answer.text
    order = [*members(lab, CONTROL_PLANE), *members(lab, WORKER)]
    assert texts(lab, "node.upgraded") == order
    version = upgraded["kubernetes"]["version"]
    versions = "get nodes -o jsonpath='{.items[*].status.nodeInfo.kubeletVersion}'"
    wanted = " ".join([f"v{version}"] * len(order))
    assert lab.in_machine(plane, f"test \"$({KUBECTL} {versions})\" = '{wanted}'") == 0
    lost = [at - began for at, (api, _) in answers if not api]
    down = [at - began for at, (_, load) in answers if not load]
    sys.stderr.write(
        f"{took:.0f} s, {len(answers)} questions, API lost at {lost}, load lost at {down}\n"
    )
    assert answers
    # The balancer sends questions to a server that restarts until its probe has noticed: at most
    # two probes. It is one of three, and each restarts a few times.
    assert len(lost) <= 4 * len(members(lab, CONTROL_PLANE)), lost
    assert down == []
    until_available(lab)


def test_the_same_spec_afterwards_touches_no_node(lab: Lab, upgraded: dict[str, Any]) -> None:
    answer = lab.apply(upgraded, seconds=900)
    assert answer.status_code == 200, answer.text
    assert texts(lab, "node.upgrading") == []


def test_going_back_is_refused(lab: Lab, upgraded: dict[str, Any]) -> None:
    minor, _, patch = upgraded["kubernetes"]["version"].rpartition(".")
    if patch == "0":
        pytest.skip("there is no earlier patch release")
    back = upgraded | {"kubernetes": {"version": f"{minor}.{int(patch) - 1}"}}
    answer = lab.call("PUT", "/api/clusters/whole", back)
    assert answer.status_code == 400, answer.text
    assert "cannot go back" in answer.text
