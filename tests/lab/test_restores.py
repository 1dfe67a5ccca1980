"""Restores of a cluster without Kubernetes, on three real members of etcd, with every activity run
twice.

Keys are written before and after the backup; then the members lose their data.
"""

import json
from typing import Any

import pytest
import requests

from clients.azure.arm import Resources
from tests.lab.conftest import STATE, Lab, tiny
from tests.lab.test_backups import ETCDCTL, blobs

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(3000)]
NAME = "restored"
MEMBERS = tuple(f"{NAME}-etcd-{number}" for number in range(3))
LOSE = "systemctl stop etcd && rm -rf /var/lib/etcd/member-data"


@pytest.fixture(scope="module")
def backup(lab: Lab) -> str:
    """The id of a backup of a cluster in which a key was written before it, and one after it."""
    launched = lab.apply(tiny(NAME, 80, "etcd") | {"etcd": {"count": 3, "dataDiskGiB": 4}}, 900)
    assert launched.status_code == 200, launched.text
    put(lab, "before", "written before the backup")
    accepted = lab.call("POST", f"/api/clusters/{NAME}/backups")
    assert lab.follow(accepted.headers["Location"]).status_code == 200
    put(lab, "after", "written after the backup")
    return backups(lab)[0]["id"]


def put(lab: Lab, key: str, value: str) -> None:
    assert lab.in_machine(MEMBERS[0], f"{ETCDCTL} put /test/{key} '{value}'") == 0


def holds(lab: Lab, member: str, key: str) -> bool:
    asked = f"{ETCDCTL} get /test/{key} --print-value-only | grep -q written"
    return lab.in_machine(member, asked) == 0


def backups(lab: Lab) -> list[dict[str, Any]]:
    return lab.call("GET", f"/api/clusters/{NAME}/backups").json()["backups"]


def restore(lab: Lab, backup: str) -> requests.Response:
    """Restores the backup; returns the operation's end."""
    accepted = lab.call("POST", f"/api/clusters/{NAME}/backups/{backup}/restore")
    assert accepted.status_code == 202, accepted.text
    return lab.follow(accepted.headers["Location"], 900)


def require_restored(lab: Lab, answer: requests.Response, state: str = "ready") -> None:
    """`state`: that of the cluster, which a restore leaves as it was."""
    assert answer.status_code == 200, answer.text
    for member in MEMBERS:
        assert holds(lab, member, "before")
        assert not holds(lab, member, "after")
    healthy = f"{ETCDCTL} endpoint health --cluster"
    assert lab.in_machine(MEMBERS[2], healthy) == 0
    assert lab.call("GET", f"/api/clusters/{NAME}").json()["state"] == state


def test_a_backup_that_does_not_exist_is_refused(lab: Lab, backup: str) -> None:
    for other in ("999999", "..%2f000001", "x"):
        answer = lab.call("POST", f"/api/clusters/{NAME}/backups/{other}/restore")
        assert answer.status_code == 404, answer.text
    assert all(holds(lab, member, "after") for member in MEMBERS)


def test_what_was_written_since_is_gone_and_the_old_data_are_kept(lab: Lab, backup: str) -> None:
    require_restored(lab, restore(lab, backup))
    (text,) = [e["text"] for e in lab.events(NAME) if e["kind"] == "restore.replaced"]
    for member in MEMBERS:
        assert f"on {member}" in text
        kept = "test -e /var/lib/etcd/member-data.before-restore-*/member/snap/db"
        assert lab.in_machine(member, kept) == 0


def test_a_lost_majority_comes_back(lab: Lab, backup: str) -> None:
    put(lab, "after", "written after the backup")
    for member in MEMBERS[1:]:
        assert lab.in_machine(member, LOSE) == 0
    assert lab.in_machine(MEMBERS[0], f"{ETCDCTL} endpoint health") != 0
    require_restored(lab, restore(lab, backup))


def test_the_loss_of_all_data_is_undone(lab: Lab, backup: str) -> None:
    put(lab, "after", "written after the backup")
    for member in MEMBERS:
        assert lab.in_machine(member, LOSE) == 0
    require_restored(lab, restore(lab, backup))


def lose_machines(lab: Lab, members: tuple[str, ...]) -> None:
    """Deletes VMs and everything that is named after them: network interfaces and data disks."""
    resources, group = Resources(lab.settings()), f"{NAME}-rg"

    def left(part: str) -> list[str]:
        return [
            one.id
            for one in resources.list(group)
            if one.name.startswith(members) and part in one.type.lower()
        ]

    for part in ("/virtualmachines", ""):
        for identity in left(part):
            resources.begin_delete(identity)
        lab.until(f"{part or 'all'} of {members} is deleted", lambda part=part: not left(part))


def test_lost_machines_of_a_majority_are_made_again_and_then_restored(
    lab: Lab, backup: str
) -> None:
    put(lab, "after", "written after the backup")
    lose_machines(lab, MEMBERS[1:])
    spec = tiny(NAME, 80, "etcd") | {"etcd": {"count": 3, "dataDiskGiB": 4}}
    refused = lab.apply(spec, 900)
    assert refused.status_code == 424, refused.text
    lost = f"etcd lost its majority: {MEMBERS[1]}, {MEMBERS[2]} of 3 members are without data"
    assert lost in refused.json()["cause"]["message"]
    require_restored(lab, restore(lab, backup), "failed")
    applied = lab.apply(spec, 900)
    assert applied.status_code == 200, applied.text
    assert all(holds(lab, member, "before") for member in MEMBERS)


def test_a_damaged_snapshot_is_refused_and_nothing_is_stopped(lab: Lab, backup: str) -> None:
    put(lab, "after", "written after the backup")
    (found,) = [one for one in backups(lab) if one["id"] == backup]
    content = blobs(lab).read(found["blob"])
    assert content is not None
    blobs(lab).write(found["blob"], content[0][:-1] + b"x")
    answer = lab.call("POST", f"/api/clusters/{NAME}/backups/{backup}/restore")
    assert (answer.status_code, answer.json()["code"]) == (409, "BackupDamaged")
    assert all(holds(lab, member, "after") for member in MEMBERS)


def test_the_spec_can_be_applied_after_a_restore(lab: Lab, backup: str) -> None:
    lab.succeeds(tiny(NAME, 80, "etcd") | {"etcd": {"count": 3, "dataDiskGiB": 4}}, full=True)
    assert all(holds(lab, member, "before") for member in MEMBERS)


def test_the_address_for_the_download_is_in_nothing_that_is_kept(lab: Lab, backup: str) -> None:
    kept = [json.dumps(lab.events(NAME)), *lab.slack()]
    kept += [path.read_text(errors="replace") for path in (STATE / "logs").glob("*.log")]
    assert not any("sig=" in text for text in kept)
