"""Nodes are replaced by their names: etcd members without a loss of data, and a worker.

The whole replacement runs on real machines, with every activity executed twice. What Kubernetes
adds is in `tests/kubernetes/test_replaced_nodes.py`.
"""

from typing import Any

import pytest
import requests

from tests.lab.conftest import Lab, tiny

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1500)]
NAME = "renewed"
MEMBERS = [f"{NAME}-etcd-{index}" for index in range(3)]
ETCDCTL = (
    "etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/etc/etcd/pki/ca.crt"
    " --cert=/etc/etcd/pki/client.crt --key=/etc/etcd/pki/client.key"
)


@pytest.fixture(scope="module")
def built(lab: Lab) -> dict[str, Any]:
    """A cluster of three etcd members, in which a key was written, and one worker."""
    spec = tiny(NAME, 78, "etcd") | {
        "etcd": {"count": 3, "dataDiskGiB": 4},
        "workers": [{"name": "worker", "count": 1}],
    }
    lab.succeeds(spec)
    assert lab.in_machine(MEMBERS[0], f"{ETCDCTL} put /test/kept 'written before'") == 0
    return spec


def replace(lab: Lab, node: str) -> requests.Response:
    accepted = lab.call("POST", f"/api/clusters/{NAME}/nodes/{node}/replace")
    assert accepted.status_code == 202, accepted.text
    return lab.follow(accepted.headers["Location"])


def mark(lab: Lab, node: str) -> None:
    assert lab.in_machine(node, "touch /var/tmp/old") == 0


def is_new(lab: Lab, node: str) -> bool:
    return lab.in_machine(node, "! test -e /var/tmp/old") == 0


def all_are_healthy_and_have_the_key(lab: Lab) -> None:
    started = f'test "$({ETCDCTL} member list | grep -c started)" = 3'
    kept = f"{ETCDCTL} get /test/kept --print-value-only | grep -q 'written before'"
    for name in MEMBERS:
        healthy = f"{ETCDCTL} endpoint health --cluster"
        assert lab.in_machine(name, f"{healthy} && {started} && {kept}") == 0, name


def test_a_member_is_replaced_and_the_data_stays(lab: Lab, built: dict[str, Any]) -> None:
    for name in MEMBERS:
        mark(lab, name)
    answer = replace(lab, MEMBERS[1])
    assert answer.status_code == 200, answer.text
    assert [is_new(lab, name) for name in MEMBERS] == [False, True, False]
    all_are_healthy_and_have_the_key(lab)
    texts = [event["text"] for event in lab.events(NAME)]
    assert texts.count(f"removed: {MEMBERS[1]}") == 1


def test_a_member_whose_etcd_is_dead_is_replaced(lab: Lab, built: dict[str, Any]) -> None:
    mark(lab, MEMBERS[2])
    assert lab.in_machine(MEMBERS[2], "systemctl stop etcd && rm -rf /var/lib/etcd/*") == 0
    answer = replace(lab, MEMBERS[2])
    assert answer.status_code == 200, answer.text
    assert is_new(lab, MEMBERS[2])
    all_are_healthy_and_have_the_key(lab)


def test_without_a_majority_of_others_nothing_is_touched(lab: Lab, built: dict[str, Any]) -> None:
    mark(lab, MEMBERS[0])
    assert lab.in_machine(MEMBERS[2], "systemctl stop etcd") == 0
    answer = replace(lab, MEMBERS[0])
    assert answer.status_code == 424, answer.text
    cause = answer.json()["cause"]
    assert (cause["code"], cause["place"]) == ("QuorumAtRisk", MEMBERS[0])
    assert "1 of the 2 other members are healthy, 2 have to be" in cause["message"]
    assert not is_new(lab, MEMBERS[0])
    assert lab.in_machine(MEMBERS[2], "systemctl start etcd") == 0
    lab.until(
        "all members are healthy",
        lambda: lab.in_machine(MEMBERS[0], f"{ETCDCTL} endpoint health --cluster") == 0,
    )
    lab.succeeds(built)
    all_are_healthy_and_have_the_key(lab)


def test_a_worker_is_replaced_under_its_name(lab: Lab, built: dict[str, Any]) -> None:
    worker = f"{NAME}-worker-0"
    mark(lab, worker)
    answer = replace(lab, worker)
    assert answer.status_code == 200, answer.text
    assert is_new(lab, worker)
    shown = lab.call("GET", f"/api/clusters/{NAME}").json()
    assert {node["state"] for node in shown["nodes"]} == {"ready"}


@pytest.mark.parametrize("node", [f"{NAME}-controller", f"{NAME}-control-plane-0"])
def test_what_has_no_other_of_its_kind_is_refused(
    lab: Lab, built: dict[str, Any], node: str
) -> None:
    answer = lab.call("POST", f"/api/clusters/{NAME}/nodes/{node}/replace")
    assert answer.status_code == 409, answer.text
    assert "cannot be replaced" in answer.json()["title"]
