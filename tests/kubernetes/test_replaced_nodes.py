"""A worker and a control plane are replaced under load: the deployment is never without a pod."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from tests.kubernetes.machines import KUBECTL, kubectl, members
from tests.kubernetes.test_removed_nodes import AVAILABLE, IMAGE, LOAD
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
SECONDS_BETWEEN_LOOKS = 1.0
# The number of ready replicas, 0 as nothing at all.
READY = f"{KUBECTL} get deployment web -o jsonpath='{{.status.readyReplicas}}' > /tmp/ready"


@pytest.fixture(autouse=True, scope="module")
def loaded(lab: Lab, cluster: requests.Response) -> None:
    assert cluster.status_code == 200, cluster.text
    member = members(lab, "control-plane")[0]
    load = LOAD.replace("minAvailable: 2", "minAvailable: 1")
    script = f"cat >/root/load.yml <<'END'\n{load}END\n"
    script += f'sed -i "s|IMAGE|{IMAGE}|" /root/load.yml && {KUBECTL} apply -f /root/load.yml'
    assert lab.in_machine(member, script) == 0
    lab.until("the load runs", lambda: kubectl(lab, AVAILABLE, 0))


@contextmanager
def watched(lab: Lab, member: str) -> Generator[list[bool]]:
    """Asks a control plane each second whether a replica is ready. A control plane that does not
    answer says nothing, and is not counted."""
    seen: list[bool] = []
    ended = threading.Event()
    looking = f'{READY} || exit 2; test -n "$(cat /tmp/ready)"'

    def look() -> None:
        while not ended.wait(SECONDS_BETWEEN_LOOKS):
            code = lab.in_machine(member, looking)
            if code in (0, 1):
                seen.append(code == 0)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


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
    with watched(lab, asked) as seen:
        replace(lab, node)
    assert len(seen) > 10
    assert all(seen)
    assert lab.in_machine(asked, f'test "$({uid})" != "$(cat /var/tmp/uid-{node})"') == 0
    ready = f"wait node/{node} --for=condition=Ready --timeout=30s"
    assert kubectl(lab, ready, 0)
    lab.until("both replicas run", lambda: kubectl(lab, AVAILABLE, 0))
