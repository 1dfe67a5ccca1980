"""A worker and a control plane are replaced under load: the deployment is never without a pod."""

from typing import Any

import pytest
import requests

from tests.kubernetes.load import asked_each_second, start_load, until_available
from tests.kubernetes.machines import KUBECTL, kubectl, members
from tests.lab.conftest import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(2400)]

SPEC: dict[str, Any] = {
    "name": "whole",
    "controlPlane": {"count": 3},
    "etcd": {"count": 1, "dataDiskGiB": 4},
    "controller": {"keep": True},
    "workers": [{"name": "worker", "count": 2}],
}
UID = f"{KUBECTL} get node NODE -o jsonpath='{{.metadata.uid}}'"
# The number of ready replicas, 0 as nothing at all.
READY = f"{KUBECTL} get deployment web -o jsonpath='{{.status.readyReplicas}}' > /tmp/ready"


@pytest.fixture(autouse=True, scope="module")
def loaded(lab: Lab, cluster: requests.Response) -> None:
    assert cluster.status_code == 200, cluster.text
    start_load(lab, minimum=1)


def has_ready_replica(lab: Lab, member: str) -> bool | None:
    """Returns None if the control plane does not answer."""
    code = lab.in_machine(member, f'{READY} || exit 2; test -n "$(cat /tmp/ready)"')
    return code == 0 if code in (0, 1) else None


def replace(lab: Lab, node: str) -> None:
    accepted = lab.call("POST", f"/api/clusters/whole/nodes/{node}/replace")
    assert accepted.status_code == 202, accepted.text
    answer = lab.follow(accepted.headers["Location"], 1200)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("role", "index"), [("worker", 0), ("control-plane", 2)])
def test_a_node_is_replaced_and_a_replica_is_always_ready(lab: Lab, role: str, index: int) -> None:
    node, asked = members(lab, role)[index], members(lab, "control-plane")[0]
    uid = UID.replace("NODE", node)
    assert lab.in_machine(asked, f"{uid} > /var/tmp/uid-{node}") == 0
    with asked_each_second(lambda: has_ready_replica(lab, asked)) as answers:
        replace(lab, node)
    seen = [ready for _, ready in answers if ready is not None]
    assert len(seen) > 10
    assert all(seen)
    assert lab.in_machine(asked, f'test "$({uid})" != "$(cat /var/tmp/uid-{node})"') == 0
    ready = f"wait node/{node} --for=condition=Ready --timeout=30s"
    assert kubectl(lab, ready, 0)
    until_available(lab)
