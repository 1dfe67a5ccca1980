"""A control plane's certificates renew themselves before they end."""

import pytest
import requests

from cluster.roles import CONTROL_PLANE
from tests.kubernetes.machines import KUBECTL, members
from tests.lab.conftest import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1200)]

UNIT = "slipway-renew-certificates"
# What the unit runs, with another bound: more days than the certificates' year has.
RENEW = f"$(systemctl cat {UNIT} | sed -n 's/^ExecStart=//p' | sed 's/py 90 /py 400 /')"
SERVED = (
    "openssl s_client -connect 127.0.0.1:6443 </dev/null 2>/dev/null | "
    "openssl x509 -noout -serial -enddate"
)
RUNNING = "crictl ps --quiet --name '^kube-(apiserver|controller-manager|scheduler)$' | sort"
OWN = "sed -n 's/.*client-certificate-data: //p' /etc/kubernetes/{}.conf | base64 -d"
SERIALS = " && ".join(
    f"{OWN.format(name)} | openssl x509 -noout -serial"
    for name in ("admin", "controller-manager", "scheduler")
)
STATE = f"{{ {SERVED}; {SERIALS}; {RUNNING}; }}"


@pytest.fixture(autouse=True)
def built(cluster: requests.Response) -> None:
    assert cluster.status_code == 200, cluster.text


def test_every_control_plane_looks_at_an_hour_of_its_own_and_renews_nothing_yet(lab: Lab) -> None:
    names = members(lab, CONTROL_PLANE)
    for index, name in enumerate(names):
        at = f"systemctl show --property=TimersCalendar {UNIT}.timer | grep -q ' {index * 4:02}:30'"
        assert lab.in_machine(name, f"systemctl is-active {UNIT}.timer && {at}") == 0
        kept = f"{STATE} >/var/tmp/a && systemctl start {UNIT} && {STATE} | diff /var/tmp/a -"
        assert lab.in_machine(name, kept) == 0


def test_nothing_is_renewed_while_another_control_plane_does_not_answer(lab: Lab) -> None:
    name, other = members(lab, CONTROL_PLANE)[:2]
    block = "nft add table inet quiet && nft add chain inet quiet in "
    block += (
        "'{ type filter hook input priority 0; }' && nft add rule inet quiet in tcp dport 6443 "
    )
    assert lab.in_machine(other, f"{block} iif != lo drop") == 0
    try:
        kept = f"{STATE} >/var/tmp/a; ! {RENEW} && {STATE} | diff /var/tmp/a -"
        assert lab.in_machine(name, kept) == 0
    finally:
        assert lab.in_machine(other, "nft delete table inet quiet") == 0


def test_certificates_that_end_soon_are_renewed_and_what_uses_them_restarted(lab: Lab) -> None:
    name, other = members(lab, CONTROL_PLANE)[:2]
    ready = "curl -skf -m 3 -o /dev/null https://127.0.0.1:6443/readyz"
    assert lab.in_machine(other, f"{STATE} >/var/tmp/a") == 0
    # Certificates hold seconds: the new ones must end later.
    assert lab.in_machine(name, f"{STATE} >/var/tmp/a && sleep 2 && {RENEW}") == 0
    none_kept = f"{STATE} | grep -xFf /var/tmp/a"
    assert lab.in_machine(name, none_kept) == 1
    assert lab.in_machine(name, f"{ready} && {KUBECTL} get nodes") == 0
    assert lab.in_machine(other, f"{ready} && {STATE} | diff /var/tmp/a -") == 0
