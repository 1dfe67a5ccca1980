"""A maintenance installs security updates on real machines and restarts those that ask for it,
with every activity run twice. apt finds the updates in an archive that each machine has."""

import pytest

from tests.lab.conftest import Lab, tiny
from tests.lab.updates import (
    ASKS_FOR_RESTART,
    INSTALLED,
    OTHER,
    REMEMBER_BOOT,
    SAME_BOOT,
    SECURITY,
)

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1800)]
NAME, MEMBERS = "updated", 3
SPEC = tiny(NAME, 82, "etcd") | {
    "etcd": {"count": MEMBERS, "dataDiskGiB": 4},
    "maintenance": {"securityUpdates": True},
}
HEALTHY = (
    "etcdctl --cacert=/etc/etcd/pki/ca.crt --cert=/etc/etcd/pki/client.crt "
    "--key=/etc/etcd/pki/client.key endpoint health --cluster"
)


def member(number: int) -> str:
    return f"{NAME}-etcd-{number}"


def maintain(lab: Lab) -> list[str]:
    """Maintains the cluster; returns the texts of the events."""
    accepted = lab.call("POST", f"/api/clusters/{NAME}/maintenance")
    assert accepted.status_code == 202, accepted.text
    answer = lab.follow(accepted.headers["Location"], 900)
    assert answer.status_code == 200, answer.text
    return [event["text"] for event in lab.events(NAME)]


@pytest.fixture(scope="module", autouse=True)
def built(lab: Lab) -> None:
    lab.succeeds(SPEC)
    scripts = (
        OTHER.replace("@", ASKS_FOR_RESTART),
        SECURITY.replace("@", ASKS_FOR_RESTART),
        SECURITY.replace("@", "true"),
    )
    for number, script in enumerate(scripts):
        assert lab.in_machine(member(number), f"{script}\n{REMEMBER_BOOT}") == 0


def test_security_updates_are_installed_and_who_asks_for_a_restart_gets_it(lab: Lab) -> None:
    texts = maintain(lab)
    assert "security updates: 2 machines updated, 1 of them restarted" in texts
    restarted = f"{member(1)} was restarted and is well"
    assert texts.count(restarted) == 1
    assert lab.call("GET", f"/api/clusters/{NAME}").json()["state"] == "ready"
    versions = [lab.in_machine(member(number), f"{INSTALLED}2") == 0 for number in range(MEMBERS)]
    assert versions == [False, True, True]
    same = [lab.in_machine(member(number), SAME_BOOT) == 0 for number in range(MEMBERS)]
    assert same == [True, False, True]
    assert lab.in_machine(member(1), HEALTHY) == 0


def test_a_later_maintenance_finds_nothing_and_restarts_nothing(lab: Lab) -> None:
    for number in range(MEMBERS):
        assert lab.in_machine(member(number), REMEMBER_BOOT) == 0
    assert "security updates: 0 machines updated, 0 of them restarted" in maintain(lab)
    assert all(lab.in_machine(member(number), SAME_BOOT) == 0 for number in range(MEMBERS))
