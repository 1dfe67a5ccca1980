"""A backup of a whole cluster is restored: after somebody deleted a namespace, and after every etcd
member lost its data."""

import sys
from typing import Any

import pytest
import requests

from cluster.roles import CONTROL_PLANE, ETCD
from tests.kubernetes.machines import kubectl, members
from tests.lab.conftest import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1800)]

SPEC: dict[str, Any] = {
    "name": "whole",
    "controlPlane": {"count": 1},
    "etcd": {"count": 3, "dataDiskGiB": 4},
    "controller": {"keep": True},
    "workers": [{"name": "worker", "count": 1}],
}
API = "/api/clusters/whole"
LOSE = "systemctl stop etcd && rm -rf /var/lib/etcd/member-data"
READY = "wait node --all --for=condition=Ready --timeout=5s"


@pytest.fixture(scope="module")
def backup(lab: Lab, cluster: requests.Response) -> str:
    """The id of a backup of a cluster with a namespace, a setting and a secret in it."""
    assert cluster.status_code == 200, cluster.text
    assert ask(lab, "create namespace shop")
    assert ask(lab, "-n shop create configmap setting --from-literal=written=before")
    assert ask(lab, "-n shop create secret generic key --from-literal=written=before")
    accepted = lab.call("POST", f"{API}/backups")
    assert lab.follow(accepted.headers["Location"]).status_code == 200
    (found,) = lab.call("GET", f"{API}/backups").json()["backups"]
    assert found["kubernetes"] == "1.36"
    return found["id"]


def ask(lab: Lab, arguments: str) -> bool:
    return kubectl(lab, arguments, 0)


def restore(lab: Lab, backup: str) -> None:
    accepted = lab.call("POST", f"{API}/backups/{backup}/restore")
    assert accepted.status_code == 202, accepted.text
    answer = lab.follow(accepted.headers["Location"], seconds=900)
    assert answer.status_code == 200, answer.text
    # What the durations in docs/measurements.md are from.
    sys.stdout.writelines(f"{one['time']} {one['text']}\n" for one in lab.events("whole"))


def require_working(lab: Lab) -> None:
    """What the backup has is there, and the controllers see what is written from now on."""
    written = "get configmap setting -o jsonpath='{.data.written}' | grep -qx before"
    assert ask(lab, f"-n shop {written}")
    assert ask(lab, "-n shop get secret key -o jsonpath='{.data.written}' | grep -q .")
    assert ask(lab, READY)
    assert ask(lab, "-n shop create deployment idle --image=none.invalid/none --replicas=2")
    made = "-n shop get pods -l app=idle -o name | grep -c . | grep -qx 2"
    lab.until("the controllers make pods", lambda: ask(lab, made))
    placed = "-n shop get pods -l app=idle -o jsonpath='{.items[*].spec.nodeName}' | grep -q worker"
    lab.until("the scheduler places them", lambda: ask(lab, placed))
    assert ask(lab, "-n shop delete deployment idle")
    gone = "-n shop get pods -l app=idle -o name | grep -q . && exit 1 || true"
    lab.until("the pods end", lambda: ask(lab, gone))


def test_a_deleted_namespace_comes_back(lab: Lab, backup: str) -> None:
    assert ask(lab, "delete namespace shop --timeout=90s")
    assert ask(lab, "create namespace later")
    restore(lab, backup)
    require_working(lab)
    assert not ask(lab, "get namespace later")


def test_a_cluster_whose_etcd_lost_all_data_comes_back(lab: Lab, backup: str) -> None:
    for member in members(lab, ETCD):
        assert lab.in_machine(member, LOSE) == 0
    assert not ask(lab, "get namespaces")
    restore(lab, backup)
    require_working(lab)


def test_the_same_spec_finds_nothing_to_repair(lab: Lab, backup: str) -> None:
    answer = lab.apply(SPEC, seconds=900, full=True)
    assert answer.status_code == 200, answer.text
    assert len(members(lab, CONTROL_PLANE)) == 1
