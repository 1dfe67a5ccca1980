"""Workers are removed from a cluster under load: drained by eviction, budgets honoured."""

import sys
import time
from typing import Any

import pytest
import requests

from tests.kubernetes.load import AVAILABLE, IMAGE, start_load, until_available
from tests.kubernetes.machines import kubectl, members
from tests.lab.conftest import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1800)]

SPEC: dict[str, Any] = {
    "name": "whole",
    "controlPlane": {"count": 1},
    "etcd": {"count": 1, "dataDiskGiB": 4},
    "controller": {"keep": True},
    "workers": [{"name": "worker", "count": 3}],
}
UNCORDONED = "get node NODE -o jsonpath='{.spec.unschedulable}' | grep -q true && exit 1 || true"


@pytest.fixture(autouse=True, scope="module")
def loaded(lab: Lab, cluster: requests.Response) -> None:
    assert cluster.status_code == 200, cluster.text
    start_load(lab, minimum=2)


def spec(count: int, **drain: Any) -> dict[str, Any]:
    return SPEC | {"workers": [{"name": "worker", "count": count}], "drain": drain}


def node_with_load(lab: Lab) -> str:
    """A worker on which a replica runs."""
    for name in members(lab, "worker"):
        if kubectl(lab, f"get pods --field-selector=spec.nodeName={name} -o name | grep -q web", 0):
            return name
    raise AssertionError("no replica runs")


def remove(lab: Lab, node: str, query: str = "") -> requests.Response:
    accepted = lab.call("DELETE", f"/api/clusters/whole/nodes/{node}{query}")
    assert accepted.status_code == 202, accepted.text
    return lab.follow(accepted.headers["Location"], 900)


def test_a_budget_that_never_allows_it_is_named_and_the_node_is_schedulable_again(
    lab: Lab,
) -> None:
    answer = lab.apply(spec(3, deadlineSeconds=60), 900)
    assert answer.status_code == 200, answer.text
    node = node_with_load(lab)
    failed = remove(lab, node)
    assert failed.status_code == 424, failed.text
    cause = failed.json()["cause"]
    assert (cause["code"], "web-budget" in cause["message"]) == ("DrainBlocked", True)
    assert cause["place"].startswith("default/web-")
    assert node in lab.machines("whole")
    assert kubectl(lab, UNCORDONED.replace("NODE", node), 0)
    assert kubectl(lab, AVAILABLE, 0)


def test_the_same_spec_goes_on_once_the_budget_allows_it(lab: Lab) -> None:
    (leaving,) = (
        node["name"]
        for node in lab.call("GET", "/api/clusters/whole").json()["nodes"]
        if node["state"] == "removing"
    )
    patch = """patch pdb web-budget --type=merge -p '{"spec":{"minAvailable":1}}'"""
    assert kubectl(lab, patch, 0)
    began = time.monotonic()
    answer = lab.apply(spec(2, deadlineSeconds=60), 900)
    sys.stdout.write(f"one worker removed in {time.monotonic() - began:.0f} s\n")
    assert answer.status_code == 200, answer.text
    assert leaving not in lab.machines("whole")
    assert leaving not in members(lab, "worker")
    assert kubectl(lab, f"get nodes -o name | grep -c {leaving}; test $? -eq 1", 0)
    until_available(lab)


def test_a_pod_without_a_controller_goes_only_with_force(lab: Lab) -> None:
    node = members(lab, "worker")[0]
    pod = f'"spec":{{"nodeName":"{node}","containers":[{{"name":"c","image":"\'{IMAGE}\'"}}]}}'
    alone = f'run alone --image=x --overrides=\'{{"apiVersion":"v1",{pod}}}\''
    assert kubectl(lab, alone, 0)
    failed = remove(lab, node)
    assert failed.json()["cause"]["code"] == "DrainBlocked", failed.text
    assert "default/alone" in failed.json()["cause"]["message"]
    answer = remove(lab, node, "?force=true")
    assert answer.status_code == 200, answer.text
    assert node not in lab.machines("whole")
    assert kubectl(lab, "get pod alone; test $? -eq 1", 0)
