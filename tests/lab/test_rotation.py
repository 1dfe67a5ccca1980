"""The SSH key of a cluster is rotated on real machines, with every activity run twice: what opens
them before and afterwards, and a rotation that a machine interrupts."""

from typing import Any

import pytest

from clients.errors import Refused
from clients.ssh.controller import SshController
from tests.lab.conftest import Lab, tiny

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(900)]
NAME, MEMBER = "turned", "turned-etcd-0"
KEYS = "/home/slipway/.ssh/authorized_keys"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBxCYYVMFSA0P9gCwBN1YxEeL3dJmqP3Cz8tSPXyHD1L ada"


@pytest.fixture(scope="module")
def built(lab: Lab) -> dict[str, Any]:
    spec = tiny(NAME, 87, "etcd")
    lab.succeeds(spec)
    return spec


def key(lab: Lab) -> str:
    """Returns the SSH key in use: the newest version."""
    ((_, versions),) = [
        found for found in lab.secrets(NAME).items() if found[0].endswith("-ssh-key")
    ]
    return versions[-1]["value"]


def opens(lab: Lab, private_key: str) -> bool:
    """Returns whether the key opens the controller, and through it the member."""
    way = lab.call("POST", f"/api/clusters/{NAME}/controller/start?node={MEMBER}").json()
    ssh, node = way["ssh"], way["node"]
    try:
        with SshController(ssh["host"], ssh["user"], private_key, ssh["hostKey"]) as controller:
            done = controller.node(node["host"], ssh["user"], node["hostKey"]).run(["hostname"])
            return done.stdout.decode().strip() == MEMBER
    except Refused as refused:
        if refused.code != "AuthenticationFailed":
            raise
        return False


def rotate(lab: Lab) -> int:
    """Returns the status of the operation when it has ended."""
    accepted = lab.call("POST", f"/api/clusters/{NAME}/credentials/ssh-key/rotate")
    assert accepted.status_code == 202, accepted.text
    return lab.follow(accepted.headers["Location"], seconds=600).status_code


def test_the_old_key_opens_nothing_after_the_new_one_does(lab: Lab, built: dict[str, Any]) -> None:
    assert lab.in_machine(MEMBER, f"echo '{OTHER}' >> {KEYS}") == 0
    before = lab.call("GET", f"/api/clusters/{NAME}").json()["state"]
    old = key(lab)
    assert opens(lab, old)
    assert rotate(lab) == 200
    new = key(lab)
    assert new != old
    assert (opens(lab, new), opens(lab, old)) == (True, False)
    kinds = [event["kind"] for event in lab.events(NAME)]
    assert [kind for kind in kinds if kind.startswith("credential.")] == [
        "credential.added",
        "credential.used",
        "credential.retired",
    ]
    assert lab.call("GET", f"/api/clusters/{NAME}").json()["state"] == before == "ready"
    # Somebody else's key stays, and the file is as sshd wants it.
    assert lab.in_machine(MEMBER, f"grep -qxF '{OTHER}' {KEYS}") == 0
    assert lab.in_machine(MEMBER, f"test $(stat -c %a:%U {KEYS}) = 600:slipway") == 0


def test_a_machine_that_cannot_be_changed_keeps_the_old_key_valid(
    lab: Lab, built: dict[str, Any]
) -> None:
    old = key(lab)
    # The file cannot be replaced while its folder is read-only, also by root.
    folder = KEYS.rpartition("/")[0]
    assert lab.in_machine(MEMBER, f"mount --bind -o ro {folder} {folder}") == 0
    accepted = lab.call("POST", f"/api/clusters/{NAME}/credentials/ssh-key/rotate")

    def told() -> bool:
        notes = [one["text"] for one in lab.events(NAME) if one["kind"] == "note"]
        return any(MEMBER in note and "Read-only" in note for note in notes)

    lab.until("the machine is named", told)
    assert opens(lab, old)
    assert lab.call("POST", f"/api/clusters/{NAME}/cancel").status_code == 202
    assert lab.follow(accepted.headers["Location"]).status_code == 409
    assert key(lab) == old
    assert lab.in_machine(MEMBER, f"umount {folder}") == 0
    assert rotate(lab) == 200
    assert (opens(lab, key(lab)), opens(lab, old)) == (True, False)


def test_a_full_pass_uses_the_new_key(lab: Lab, built: dict[str, Any]) -> None:
    lab.succeeds(built, full=True)
    assert opens(lab, key(lab))
