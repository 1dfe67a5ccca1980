"""What the play set in the kernel comes back: by the machine's own timer, and by a full pass."""

import time

import pytest
import requests

from tests.kubernetes.machines import members
from tests.kubernetes.test_cluster import again
from tests.lab.conftest import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1200)]

TIMER = "slipway-kernel-state.timer"
BOUNDS = "nft list chain inet slipway_pods forward 2>/dev/null | grep -q 169.254.169.254"
FORWARDING = "test $(cat /proc/sys/net/ipv4/ip_forward) = 1"
ADDRESS = "ip -4 address show dev lo | grep -q '/32'"
LOST = "nft flush ruleset; echo 0 >/proc/sys/net/ipv4/ip_forward"
BACK_SECONDS = 60


@pytest.fixture(autouse=True)
def built(cluster: requests.Response) -> None:
    assert cluster.status_code == 200, cluster.text


def returns(lab: Lab, name: str, check: str) -> bool:
    until = time.monotonic() + BACK_SECONDS
    while time.monotonic() < until:
        if lab.in_machine(name, check) == 0:
            return True
        time.sleep(2)
    return False


def lose(lab: Lab, *, timer: bool) -> dict[str, str]:
    """Takes away what each kind of machine needs. Returns the check of each machine."""
    worker, plane = members(lab, "worker")[0], members(lab, "control-plane")[1]
    etcd = members(lab, "etcd")[0]
    before = "" if timer else f"systemctl stop {TIMER}; "
    for name in (worker, plane):
        assert lab.in_machine(name, before + LOST) == 0
    shown = "ip -4 -oneline address show dev lo | sed -n 's:.*inet \\([0-9.]*/32\\).*:\\1:p'"
    assert lab.in_machine(plane, f"ip address delete $({shown}) dev lo") == 0
    assert lab.in_machine(etcd, f"{before}echo 0 >/proc/sys/net/ipv4/ip_forward") == 0
    return {
        worker: f"{BOUNDS} && {FORWARDING}",
        plane: f"{BOUNDS} && {FORWARDING} && {ADDRESS}",
        etcd: FORWARDING,
    }


def test_a_machine_corrects_its_kernel_by_itself(lab: Lab) -> None:
    for name, check in lose(lab, timer=True).items():
        assert returns(lab, name, check), name


def test_a_full_pass_corrects_the_kernel(lab: Lab) -> None:
    checks = lose(lab, timer=False)
    answer = again(lab, full=True)
    assert answer.status_code == 200, answer.text
    for name, check in checks.items():
        assert lab.in_machine(name, f"{check} && systemctl is-active {TIMER}") == 0, name
