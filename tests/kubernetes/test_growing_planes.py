"""A cluster with one control plane and one etcd member grows to three of each, etcd then to five,
and its members get a larger disk. A client asks the API all the time."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from cluster.roles import CONTROL_PLANE, ETCD, WORKER
from tests.kubernetes.load import asked_each_second, is_api_ready
from tests.kubernetes.machines import ETCDCTL, KUBECTL, kubectl, members
from tests.lab.conftest import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(4200)]

# Seconds. Five etcd members are replaced one by one.
LONGEST = 3600.0
# How many questions may be lost where the only API server restarts, and where it is one of three:
# the balancer's probe notices that after at most two.
LOST_WITH_ONE_SERVER, LOST_PER_RESTART = 60, 2
DISK_GIB, LARGER_DISK_GIB = 4, 6


def spec(planes: int, etcd: int, disk: int = DISK_GIB) -> dict[str, Any]:
    return {
        "name": "whole",
        "controlPlane": {"count": planes},
        "etcd": {"count": etcd, "dataDiskGiB": disk},
        "controller": {"keep": True},
        "workers": [{"name": "worker", "count": 1}],
    }


SPEC = spec(planes=1, etcd=1)
URLS = "grep -o 'https://[^ ]*:2379' | LC_ALL=C sort -u | tr '\\n' ' '"
CONFIGURATION = (
    f"{KUBECTL} -n kube-system get configmap kubeadm-config "
    "-o jsonpath='{.data.ClusterConfiguration}'"
)
# The flags of the process that runs, not those of its manifest.
FLAGS = (
    "for process in $(pidof kube-apiserver); do tr '\\0' '\\n' </proc/$process/cmdline; done "
    "| grep -- --etcd-servers= | tr ',' '\\n'"
)
WRITTEN = "get configmap kept -o jsonpath='{.data.written}' | grep -qx before"


@pytest.fixture(autouse=True, scope="module")
def written(lab: Lab, cluster: requests.Response) -> None:
    """What was written before the cluster grew."""
    assert cluster.status_code == 200, cluster.text
    assert kubectl(lab, "create configmap kept --from-literal=written=before", 0)


@contextmanager
def asked(lab: Lab, what: str) -> Iterator[list[float]]:
    """Asks the API once a second. After the block, the list has the seconds at which questions were
    lost, from the block's beginning."""
    lost: list[float] = []
    began = time.monotonic()
    with asked_each_second(is_api_ready(lab)) as answers:
        yield lost
    lost += [round(at - began, 1) for at, ready in answers if not ready]
    took = time.monotonic() - began
    sys.stderr.write(f"{what}: {took:.0f} s, {len(answers)} questions, API lost at {lost}\n")
    assert len(answers) > 10


def grow(lab: Lab, wanted: dict[str, Any]) -> None:
    answer = lab.apply(wanted, LONGEST)
    assert answer.status_code == 200, answer.text


def etcd_urls(lab: Lab) -> str:
    """The members' URLs as `URLS` prints them: sorted, each with a blank behind it."""
    nodes = lab.call("GET", "/api/clusters/whole").json()["nodes"]
    found = [f"https://{node['address']}:2379" for node in nodes if node["role"] == ETCD]
    return "".join(f"{url} " for url in sorted(found))


def require_whole(lab: Lab, planes: int, etcd: int) -> None:
    """Everybody knows everybody, all are ready, and the data are there."""
    assert len(members(lab, CONTROL_PLANE)) == planes
    assert len(members(lab, ETCD)) == etcd
    urls = etcd_urls(lab)
    for plane in members(lab, CONTROL_PLANE):
        assert lab.in_machine(plane, f"test \"$({FLAGS} | {URLS})\" = '{urls}'") == 0, plane
        # kubeadm gives these to control planes that join later.
        assert lab.in_machine(plane, f"test \"$({CONFIGURATION} | {URLS})\" = '{urls}'") == 0, plane
        assert lab.in_machine(plane, f"{KUBECTL} {WRITTEN}") == 0, plane
    voters = f'test "$({ETCDCTL} member list | grep -c "started.*false$")" = {etcd}'
    for member in members(lab, ETCD):
        healthy = f"{ETCDCTL} endpoint health --cluster"
        assert lab.in_machine(member, f"{healthy} && {voters}") == 0, member
    nodes = planes + len(members(lab, WORKER))
    ready = f"get nodes --no-headers | grep -c ' Ready ' | grep -qx {nodes}"
    assert kubectl(lab, ready, 0)
    assert kubectl(lab, f"get nodes --no-headers | grep -c . | grep -qx {nodes}", 0)


def require_nothing_to_do(lab: Lab, wanted: dict[str, Any]) -> None:
    machines = lab.machines("whole")
    grow(lab, wanted)
    assert lab.machines("whole") == machines
    texts = [event["text"] for event in lab.events("whole")]
    assert not any(text.startswith("playbook started") for text in texts)


def test_one_control_plane_and_one_etcd_member_become_three(lab: Lab) -> None:
    """Meanwhile the API has one server, which restarts once to use the new etcd members."""
    wanted = spec(planes=3, etcd=3)
    with asked(lab, "control planes and etcd 1 to 3") as lost:
        grow(lab, wanted)
    require_whole(lab, planes=3, etcd=3)
    assert len(lost) <= LOST_WITH_ONE_SERVER, lost


def test_the_same_request_for_three_changes_nothing(lab: Lab) -> None:
    require_nothing_to_do(lab, spec(planes=3, etcd=3))


def test_three_etcd_members_become_five(lab: Lab) -> None:
    wanted = spec(planes=3, etcd=5)
    with asked(lab, "etcd 3 to 5") as lost:
        grow(lab, wanted)
    require_whole(lab, planes=3, etcd=5)
    assert len(lost) <= LOST_PER_RESTART * len(members(lab, CONTROL_PLANE)), lost
    require_nothing_to_do(lab, wanted)


def test_five_etcd_members_get_a_larger_disk_one_by_one(lab: Lab) -> None:
    """No API server restarts: the members keep their addresses."""
    wanted = spec(planes=3, etcd=5, disk=LARGER_DISK_GIB)
    looked = "df --block-size=1 --output=size /var/lib/etcd | tail -1"
    least = (DISK_GIB + LARGER_DISK_GIB) * 2**30 // 2
    with asked(lab, "etcd's disk") as lost:
        grow(lab, wanted)
    require_whole(lab, planes=3, etcd=5)
    for member in members(lab, ETCD):
        assert lab.in_machine(member, f'test "$({looked})" -gt {least}') == 0, member
    assert len(lost) <= LOST_PER_RESTART * len(members(lab, ETCD)), lost
    require_nothing_to_do(lab, wanted)


def test_three_control_planes_become_five(lab: Lab) -> None:
    wanted = spec(planes=5, etcd=5, disk=LARGER_DISK_GIB)
    with asked(lab, "control planes 3 to 5") as lost:
        grow(lab, wanted)
    require_whole(lab, planes=5, etcd=5)
    assert len(lost) <= LOST_PER_RESTART * 2, lost
    require_nothing_to_do(lab, wanted)
