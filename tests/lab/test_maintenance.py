"""A maintenance of a cluster without Kubernetes, on a real etcd member, with every activity run
twice: what it corrects, what it finds, and that what is well again is not degraded."""

from typing import Any

import pytest

from tests.lab.conftest import Lab, tiny

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(900)]
NAME, MEMBER = "kept", "kept-etcd-0"
PKI, TIMER = "/etc/etcd/pki", "slipway-kernel-state.timer"
# A certificate that ends in twenty days, of the machine's own making.
SOON = "openssl req -x509 -new -key {key} -subj /CN=soon -days 20 -out {out}"
LONG = "openssl x509 -in {out} -noout -checkend $((300 * 86400))"


@pytest.fixture(scope="module")
def built(lab: Lab) -> dict[str, Any]:
    spec = tiny(NAME, 83, "etcd")
    lab.succeeds(spec)
    return spec


def maintain(lab: Lab) -> dict[str, Any]:
    """Maintains the cluster; returns what GET shows of it afterwards."""
    accepted = lab.call("POST", f"/api/clusters/{NAME}/maintenance")
    assert accepted.status_code == 202, accepted.text
    answer = lab.follow(accepted.headers["Location"])
    assert answer.status_code == 200, answer.text
    return lab.call("GET", f"/api/clusters/{NAME}").json()


def test_a_maintenance_takes_a_backup_and_leaves_a_well_cluster_ready(
    lab: Lab, built: dict[str, Any]
) -> None:
    shown = maintain(lab)
    assert (shown["state"], shown["kind"], shown["findings"]) == ("ready", "maintain", [])
    assert shown["maintenance"]["lastAt"] == shown["startedAt"]
    (backup,) = lab.call("GET", f"/api/clusters/{NAME}/backups").json()["backups"]
    assert backup["member"] == MEMBER
    kinds = [event["kind"] for event in lab.events(NAME)]
    assert "play.finished" in kinds
    assert "health.checked" in kinds


def test_a_certificate_that_is_due_is_renewed_and_drift_is_corrected(
    lab: Lab, built: dict[str, Any]
) -> None:
    out = f"{PKI}/peer.crt"
    assert lab.in_machine(MEMBER, SOON.format(key=f"{PKI}/peer.key", out=out)) == 0
    assert lab.in_machine(MEMBER, LONG.format(out=out)) != 0
    drift = f"systemctl stop {TIMER} && echo 0 >/proc/sys/net/ipv4/ip_forward"
    assert lab.in_machine(MEMBER, drift) == 0
    assert maintain(lab)["state"] == "ready"
    assert lab.in_machine(MEMBER, LONG.format(out=out)) == 0
    there = f"test $(cat /proc/sys/net/ipv4/ip_forward) = 1 && systemctl is-active {TIMER}"
    assert lab.in_machine(MEMBER, there) == 0


def test_what_nothing_renews_makes_the_cluster_degraded_until_it_is_gone(
    lab: Lab, built: dict[str, Any]
) -> None:
    out = f"{PKI}/other.crt"
    assert lab.in_machine(MEMBER, SOON.format(key=f"{PKI}/peer.key", out=out)) == 0
    shown = maintain(lab)
    assert shown["state"] == "degraded"
    (found,) = shown["findings"]
    assert (found["code"], found["subject"]) == ("CertificateDue", MEMBER)
    assert out in found["detail"]
    (listed,) = [
        one for one in lab.call("GET", "/api/clusters").json()["clusters"] if one["name"] == NAME
    ]
    assert (listed["state"], listed["findings"]) == ("degraded", ["CertificateDue"])
    assert lab.in_machine(MEMBER, f"rm {out}") == 0
    assert maintain(lab)["state"] == "ready"
