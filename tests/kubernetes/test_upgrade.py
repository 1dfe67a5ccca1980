"""Kubernetes is upgraded in place under load. The mirror of --artifacts has a folder `next`: a
mirror of a later patch release or of the next minor."""

import sys
import time
from typing import Any

import pytest
import requests

from cluster.roles import CONTROL_PLANE, WORKER
from tests.kubernetes.load import asked_each_second, questions, start_load, until_available
from tests.kubernetes.machines import KUBECTL, members
from tests.kubernetes.releases import first_release, with_next_release
from tests.lab.conftest import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(3600)]

SPEC: dict[str, Any] = {
    "name": "whole",
    "controlPlane": {"count": 3},
    "etcd": {"count": 3, "dataDiskGiB": 4},
    "controller": {"keep": True},
    "workers": [{"name": "worker", "count": 4}],
}


@pytest.fixture(scope="module")
def cluster(lab: Lab) -> requests.Response:
    return lab.apply(SPEC | {"kubernetes": {"version": first_release()}}, seconds=1200)


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return with_next_release(SPEC, tmp_path_factory.mktemp("next"))


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
    # The balancer sends questions to a server that restarts until two probes have failed. Each
    # server restarts a few times, and a question to a busy machine may take too long.
    assert len(lost) <= 8 * len(members(lab, CONTROL_PLANE)), lost
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
