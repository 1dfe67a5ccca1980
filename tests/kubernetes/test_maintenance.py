"""A maintenance of a cluster with Kubernetes under load: drift is corrected, security updates are
installed, and a control plane and a worker that ask for it are emptied and restarted."""

import sys
import time
from typing import Any

import pytest
import requests

from cluster.roles import CONTROL_PLANE, WORKER
from tests.kubernetes.load import asked_each_second, questions, start_load, until_available
from tests.kubernetes.machines import KUBECTL, kubectl, members
from tests.lab.conftest import Lab
from tests.lab.updates import (
    ASKS_FOR_RESTART,
    INSTALLED,
    REMEMBER_BOOT,
    SAME_BOOT,
    SECURITY,
)

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(2400)]
SPEC: dict[str, Any] = {
    "name": "whole",
    "controlPlane": {"count": 3},
    "etcd": {"count": 1, "dataDiskGiB": 4},
    "controller": {"keep": True},
    "workers": [{"name": "worker", "count": 2}],
    "maintenance": {"securityUpdates": True},
}
TIMER = "slipway-renew-certificates.timer"
# The balancer sends questions to a server that restarts until two probes have failed, and the
# restart of a machine stops its server twice: as a pod, and with the machine.
LOST_PER_RESTART = 4


@pytest.fixture(scope="module", autouse=True)
def loaded(lab: Lab, cluster: requests.Response) -> None:
    assert cluster.status_code == 200, cluster.text
    start_load(lab, minimum=1)


def maintain(lab: Lab) -> dict[str, Any]:
    """Maintains the cluster; returns what GET shows of it afterwards."""
    accepted = lab.call("POST", "/api/clusters/whole/maintenance")
    assert accepted.status_code == 202, accepted.text
    answer = lab.follow(accepted.headers["Location"], 1500)
    assert answer.status_code == 200, answer.text
    return lab.call("GET", "/api/clusters/whole").json()


def test_drift_is_corrected_and_a_well_cluster_stays_ready(lab: Lab) -> None:
    plane = members(lab, CONTROL_PLANE)[2]
    assert lab.in_machine(plane, f"systemctl disable --now {TIMER}") == 0
    shown = maintain(lab)
    assert (shown["state"], shown["findings"]) == ("ready", [])
    assert lab.in_machine(plane, f"systemctl is-active {TIMER}") == 0
    (backup,) = lab.call("GET", "/api/clusters/whole/backups").json()["backups"]
    assert backup["bytes"] > 0


def test_machines_that_ask_for_a_restart_get_it_and_pods_go_on(lab: Lab) -> None:
    planes, workers = members(lab, CONTROL_PLANE), members(lab, WORKER)
    restarted, updated = [planes[1], workers[0]], [planes[0]]
    for name in [*planes, *workers]:
        assert lab.in_machine(name, REMEMBER_BOOT) == 0
    for name in restarted:
        assert lab.in_machine(name, SECURITY.replace("@", ASKS_FOR_RESTART)) == 0
    for name in updated:
        assert lab.in_machine(name, SECURITY.replace("@", "true")) == 0
    began = time.monotonic()
    with asked_each_second(questions(lab)) as answers:
        shown = maintain(lab)
    took = time.monotonic() - began
    lost = [round(at - began, 1) for at, (api, _) in answers if not api]
    down = [round(at - began, 1) for at, (_, load) in answers if not load]
    sys.stderr.write(
        f"{took:.0f} s, {len(answers)} questions, API lost at {lost}, load lost at {down}\n"
    )
    assert (shown["state"], shown["findings"]) == ("ready", [])
    texts = [event["text"] for event in lab.events("whole")]
    assert "security updates: 3 machines updated, 2 of them restarted" in texts
    for name in [*restarted, *updated]:
        assert lab.in_machine(name, f"{INSTALLED}2") == 0, name
    same = [name for name in [*planes, *workers] if lab.in_machine(name, SAME_BOOT) == 0]
    assert same == [name for name in [*planes, *workers] if name not in restarted]
    cordoned = "get nodes -o jsonpath='{.items[*].spec.unschedulable}'"
    assert lab.in_machine(planes[0], f'test -z "$({KUBECTL} {cordoned})"') == 0
    assert kubectl(lab, "wait nodes --all --for=condition=Ready --timeout=5s", 0)
    assert down == []
    assert len(lost) <= LOST_PER_RESTART, lost
    until_available(lab)
