"""Networks that are cut while the play waits for the cluster are named by it, with what the API
server, etcd and the nodes say. A kubelet that hangs makes the play wait."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from cluster.roles import CONTROL_PLANE, ETCD, WORKER
from tests.kubernetes.conftest import SPEC
from tests.kubernetes.machines import KUBECTL, members
from tests.kubernetes.test_cluster import await_ready
from tests.lab.conftest import Lab

type Record = Callable[[str, object], None]

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1200)]

WAITING = "Wait until every node is ready and names are served"


@pytest.fixture(autouse=True)
def built(cluster: requests.Response) -> None:
    assert cluster.status_code == 200, cluster.text


@contextmanager
def without_kubelet(lab: Lab, node: str) -> Iterator[None]:
    """The kubelet hangs, though its machine and its port answer, until the node is not ready."""
    signal = "systemctl kill --signal={} kubelet"
    plane = members(lab, CONTROL_PLANE)[0]
    gone = f"{KUBECTL} wait --for=condition=Ready=Unknown node/{node} --timeout=120s"
    assert lab.in_machine(node, signal.format("STOP")) == 0
    try:
        assert lab.in_machine(plane, gone.replace("--request-timeout=6s", "")) == 0
        yield
    finally:
        assert lab.in_machine(node, signal.format("CONT")) == 0


@contextmanager
def cut(lab: Lab, node: str, *addresses: str) -> Iterator[None]:
    """Packets of the machine to the addresses, and from them, are dropped; to all without any."""
    chain = "'{{ type filter hook {} priority -300; policy {}; }}'"
    policy = "accept" if addresses else "drop"
    script = ["nft add table inet cut"]
    for hook, side in (("input", "saddr"), ("output", "daddr")):
        script.append(f"nft add chain inet cut {hook} {chain.format(hook, policy)}")
        script += [f"nft add rule inet cut {hook} ip {side} {one} drop" for one in addresses]
    assert lab.in_machine(node, " && ".join(script)) == 0
    try:
        yield
    finally:
        assert lab.in_machine(node, "nft delete table inet cut") == 0


def addresses(lab: Lab, role: str) -> list[str]:
    nodes = lab.call("GET", "/api/clusters/whole").json()["nodes"]
    return [node["address"] for node in nodes if node["role"] == role]


def failed(lab: Lab, record: Record, node: str, *others: str) -> dict[str, Any]:
    """The cause of a run whose network is cut at `node` while it waits for the cluster."""
    accepted = lab.call("PUT", "/api/clusters/whole", SPEC)
    assert accepted.status_code == 202, accepted.text
    lab.until("the play waits", lambda: waits(lab), seconds=420)
    time.sleep(8)  # it has asked at least once, and knows the nodes
    began = time.monotonic()
    with cut(lab, node, *others):
        answer = lab.follow(accepted.headers["Location"], seconds=600)
    record("seconds until it is named", round(time.monotonic() - began))
    assert answer.status_code == 424, answer.text
    return answer.json()["cause"]


def waits(lab: Lab) -> bool:
    play = lab.call("GET", "/api/clusters/whole").json().get("play") or {}
    return str(play.get("task", "")).endswith(WAITING)


def test_a_control_plane_that_lost_etcd_is_told_with_readyz_and_etcds_health(
    lab: Lab, record_property: Record
) -> None:
    hung, plane = members(lab, WORKER)[0], members(lab, CONTROL_PLANE)[0]
    with without_kubelet(lab, hung):
        cause = failed(lab, record_property, plane, *addresses(lab, ETCD))
    message = cause["message"]
    assert (cause["code"], cause["place"]) == ("PlayFailed", plane)
    assert "the network is cut, or machines are off: no answer from etcd on " in message
    assert f"{hung}: not Ready" in message
    assert "readyz: " in message
    assert "etcd: 0 of 3 members healthy" in message
    await_ready(lab)


def test_a_node_that_the_control_plane_lost_is_told(lab: Lab, record_property: Record) -> None:
    hung, lost = members(lab, WORKER)
    plane = members(lab, CONTROL_PLANE)[0]
    with without_kubelet(lab, hung):
        cause = failed(lab, record_property, lost, *addresses(lab, CONTROL_PLANE))
    message = cause["message"]
    assert (cause["code"], cause["place"]) == ("PlayFailed", plane)
    assert f"machines are off: no answer from the kubelet of {lost}; " in message
    assert "readyz: ok; etcd: 3 of 3 members healthy" in message
    await_ready(lab)


def test_a_control_plane_that_the_controller_lost_is_told(
    lab: Lab, record_property: Record
) -> None:
    hung, plane = members(lab, WORKER)[0], members(lab, CONTROL_PLANE)[0]
    with without_kubelet(lab, hung):
        cause = failed(lab, record_property, plane)
    assert (cause["code"], cause["place"]) == ("PlayFailed", plane)
    assert "unreachable" in cause["message"]
    await_ready(lab)
