"""Pools of workers, control planes and all nodes are replaced by other VM sizes and another image.

A load, the API and the machines are looked at all the time.
"""

import sys
import time
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from clients.azure.compute import Compute
from cluster.roles import CONTROL_PLANE, CONTROLLER, ETCD, WORKER
from lab.testing.machines import FabricError
from tests.kubernetes.load import (
    asked_each_second,
    is_api_ready_for_the_controller,
    start_load,
    until_available,
)
from tests.kubernetes.machines import ETCDCTL, KUBECTL, kubectl, members
from tests.lab.conftest import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(5400)]

# Seconds. All nodes are replaced, members one by one.
LONGEST = 3600.0
OLDER_IMAGE, IMAGE = "0.20260801.1", "0.20260914.2601"
SIZE, LARGER = "Standard_D2s_v5", "Standard_D4s_v5"
OTHER_DISK_GIB = 80
# Two workers of each pool. Of the first there is one more at a time, of the second one less.
COUNT, SURGING, SHRINKING = 2, "web", "batch"
MEMBERS = 3
# The balancer's probe notices after at most two questions that a server is gone, and once more
# while the new one starts. A question to a busy machine may take too long.
LOST_PER_CONTROL_PLANE = 4


def spec(**changes: Any) -> dict[str, Any]:
    """Returns the spec. `planes`, `workers`: VM sizes, `disk`: GiB, `image`: a version."""
    size, disk = changes.get("workers", SIZE), changes.get("disk", 64)
    pool = {"count": COUNT, "vmSize": size, "osDiskGiB": disk}
    return {
        "name": "whole",
        "controlPlane": {"count": MEMBERS, "vmSize": changes.get("planes", SIZE)},
        "etcd": {"count": MEMBERS, "vmSize": SIZE, "dataDiskGiB": 4},
        "controller": {"keep": True},
        "image": {"version": changes.get("image", OLDER_IMAGE)},
        "workers": [
            pool | {"name": SURGING},
            pool | {"name": SHRINKING, "maxSurge": 0, "maxUnavailable": 1},
        ],
    }


SPEC = spec()
# What a control plane says of the load and of the pools: each that is not as it should be adds to
# the exit code. SILENT: its API server did not answer.
SILENT, NO_POD, TOO_FEW_SURGING, TOO_FEW_SHRINKING = 64, 1, 2, 4
STATE = f"""
pods=$({KUBECTL} get deployment web -o jsonpath='{{.status.availableReplicas}}') || exit {SILENT}
nodes=$({KUBECTL} get nodes --no-headers) || exit {SILENT}
ready() {{ grep -c "^whole-$1-.* Ready " <<<"$nodes"; }}
code=0
[ "${{pods:-0}}" -ge 1 ] || code={NO_POD}
[ "$(ready {SURGING})" -ge {COUNT} ] || code=$((code + {TOO_FEW_SURGING}))
[ "$(ready {SHRINKING})" -ge {COUNT - 1} ] || code=$((code + {TOO_FEW_SHRINKING}))
exit $code
"""


@dataclass(frozen=True)
class Seen:
    """What was seen in one second: the API by its load balancer, `STATE`, and the machines."""

    api: bool
    state: int
    machines: list[str]

    def count(self, part: str) -> int:
        return sum(name.startswith(f"whole-{part}-") for name in self.machines)


@pytest.fixture(autouse=True, scope="module")
def loaded(lab: Lab, cluster: requests.Response) -> None:
    assert cluster.status_code == 200, cluster.text
    start_load(lab, minimum=1)


def state(lab: Lab, planes: list[str]) -> int:
    for plane in planes:
        try:
            code = lab.in_machine(plane, STATE)
        except FabricError:  # this one is being replaced
            continue
        if code < SILENT:
            return code
    return SILENT


def replace(lab: Lab, wanted: dict[str, Any], what: str) -> tuple[list[Seen], set[str]]:
    """Applies the spec. Returns what was seen meanwhile, and the names of the nodes that are the
    machines of before."""
    for name in lab.machines("whole"):
        assert lab.in_machine(name, "touch /var/tmp/old") == 0, name
    planes, api = members(lab, CONTROL_PLANE), is_api_ready_for_the_controller(lab, SPEC)
    assert api()
    began = time.monotonic()
    with asked_each_second(
        lambda: Seen(api(), state(lab, planes), lab.machines("whole"))
    ) as answers:
        answer = lab.apply(wanted, LONGEST)
    took = time.monotonic() - began
    assert answer.status_code == 200, answer.text
    lost = [round(at - began) for at, seen in answers if not seen.api]
    sys.stderr.write(f"{what}: {took:.0f} s, {len(answers)} questions, API lost at {lost}\n")
    old = "test -e /var/tmp/old"
    kept = {name for name in lab.machines("whole") if lab.in_machine(name, old) == 0}
    return [seen for _, seen in answers], kept


def of_roles(lab: Lab, *roles: str) -> set[str]:
    return {name for role in roles for name in members(lab, role)}


def require_whole(lab: Lab) -> None:
    """Every node is there, ready and takes pods, and etcd has its members."""
    nodes = MEMBERS + 2 * COUNT
    assert len(of_roles(lab, CONTROL_PLANE, WORKER)) == nodes
    assert kubectl(lab, f"get nodes --no-headers | grep -c ' Ready ' | grep -qx {nodes}")
    assert kubectl(lab, f"get nodes --no-headers | grep -c . | grep -qx {nodes}")
    voters = f'test "$({ETCDCTL} member list | grep -c "started.*false$")" = {MEMBERS}'
    for member in members(lab, ETCD):
        healthy = f"{ETCDCTL} endpoint health --cluster"
        assert lab.in_machine(member, f"{healthy} && {voters}") == 0, member
    until_available(lab)


def require_service(seen: list[Seen], lost: int) -> None:
    """The load and the pools never had too few, and the API was not lost for more than that."""
    assert len(seen) > 10
    assert [one.state for one in seen if one.state not in (0, SILENT)] == []
    assert sum(one.state == SILENT for one in seen) <= lost
    assert sum(not one.api for one in seen) <= lost
    surging, shrinking = ([one.count(pool) for one in seen] for pool in (SURGING, SHRINKING))
    assert COUNT <= min(surging) <= max(surging) <= COUNT + 1
    assert COUNT - 1 <= min(shrinking) <= max(shrinking) <= COUNT
    for tier in ("control-plane", "etcd"):
        assert min(one.count(tier) for one in seen) >= MEMBERS - 1


def require_nothing_to_do(lab: Lab, wanted: dict[str, Any]) -> None:
    _, kept = replace(lab, wanted, "the same spec")
    assert kept == set(lab.machines("whole"))
    assert not any(event["kind"] == "nodes.replacing" for event in lab.events("whole"))


def forms(lab: Lab) -> dict[str, tuple[str, str, int | None]]:
    """What Azure says of each machine: VM size, image, and size of the OS disk in GiB."""
    machines = Compute(lab.settings()).vms("whole-rg")
    return {vm.name: (vm.form.size, vm.form.image, vm.form.os_disk_gib) for vm in machines}


def test_both_pools_get_another_vm_size(lab: Lab) -> None:
    wanted = spec(workers=LARGER)
    seen, kept = replace(lab, wanted, "VM size of two pools")
    assert kept == of_roles(lab, CONTROLLER, CONTROL_PLANE, ETCD)
    require_service(seen, lost=2)
    # One more, and one less: it was seen on the machines.
    assert max(one.count(SURGING) for one in seen) == COUNT + 1
    assert min(one.count(SHRINKING) for one in seen) == COUNT - 1
    require_whole(lab)
    found = forms(lab)
    assert {found[name] for name in members(lab, WORKER)} == {(LARGER, OLDER_IMAGE, 64)}
    require_nothing_to_do(lab, wanted)


def test_control_planes_get_another_vm_size_one_by_one(lab: Lab) -> None:
    wanted = spec(workers=LARGER, planes=LARGER)
    seen, kept = replace(lab, wanted, "VM size of the control planes")
    assert kept == of_roles(lab, CONTROLLER, ETCD, WORKER)
    require_service(seen, lost=LOST_PER_CONTROL_PLANE * MEMBERS)
    require_whole(lab)
    found = forms(lab)
    assert {found[name][0] for name in members(lab, CONTROL_PLANE)} == {LARGER}
    require_nothing_to_do(lab, wanted)


def test_both_pools_get_another_os_disk(lab: Lab) -> None:
    wanted = spec(workers=LARGER, planes=LARGER, disk=OTHER_DISK_GIB)
    seen, kept = replace(lab, wanted, "OS disk of two pools")
    assert kept == of_roles(lab, CONTROLLER, CONTROL_PLANE, ETCD)
    require_service(seen, lost=2)
    require_whole(lab)
    found = forms(lab)
    assert {found[name][2] for name in members(lab, WORKER)} == {OTHER_DISK_GIB}


def test_every_node_gets_another_image(lab: Lab) -> None:
    """The controller has no state and stays."""
    wanted = spec(workers=LARGER, planes=LARGER, disk=OTHER_DISK_GIB, image=IMAGE)
    seen, kept = replace(lab, wanted, "image of all nodes")
    assert kept == of_roles(lab, CONTROLLER)
    require_service(seen, lost=LOST_PER_CONTROL_PLANE * MEMBERS)
    require_whole(lab)
    nodes = of_roles(lab, CONTROL_PLANE, ETCD, WORKER)
    found = forms(lab)
    assert {found[name][1] for name in nodes} == {IMAGE}
    require_nothing_to_do(lab, wanted)
