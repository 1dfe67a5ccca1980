"""Nodes that are silent, broken, false or stuck: the status says which and why; the same PUT goes
on once the fault is gone.

One cluster through the base stage; every test breaks one thing in its machines and mends it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(600)]
MODE, NETWORK, THROUGH = "once", 98, "base"
SETTINGS = {"SLIPWAY_NODES_DEADLINE_SECONDS": "45", "SLIPWAY_PLAY_DEADLINE_SECONDS": "120"}
ETCD, CONTROLLER = "field-etcd-0", "field-controller"
KEY = "/etc/ssh/ssh_host_ed25519_key"


@contextmanager
def broken(lab: Any, node: str, how: str, mend: str) -> Iterator[None]:
    assert lab.in_machine(node, f"set -e; {how}") == 0
    try:
        yield
    finally:
        assert lab.in_machine(node, f"set -e; {mend}") == 0


@pytest.fixture(scope="module", autouse=True)
def _whole(lab: Any, field: dict[str, Any]) -> None:
    lab.succeeds(field)


def resumed(lab: Any, field: dict[str, Any]) -> None:
    """The same PUT succeeds and changes nothing that was done before."""
    texts = lab.succeeds(field, full=True)
    assert [text for text in texts if text.startswith("deployment ")] == [
        "deployment network started",
        "deployment network succeeded",
    ]
    recap = next(text for text in texts if text.startswith("recap:"))
    assert "failed=0 unreachable=0" in recap


def test_a_node_that_never_reports_is_named_with_the_end_of_its_log(
    lab: Any, field: dict[str, Any]
) -> None:
    unit = "slipway-readiness"
    with broken(lab, ETCD, f"systemctl stop {unit}", f"systemctl start {unit}"):
        cause = lab.refused(field)
    assert (cause["code"], cause["phase"], cause["place"]) == ("NodesSilent", "nodes", ETCD)
    assert "Cloud-init" in cause["logTail"]
    resumed(lab, field)


def test_a_first_boot_that_failed_is_reported_in_cloud_inits_own_words(
    lab: Any, field: dict[str, Any]
) -> None:
    status = "/run/cloud-init/status.json"
    edit = (
        f"cp {status} /var/tmp/status.json; python3 -c '"
        f'import json; p = "{status}"; d = json.load(open(p)); '
        'd["v1"]["modules-final"]["errors"] = ["no package source answered"]; '
        'json.dump(d, open(p, "w"))\''
    )
    with broken(lab, ETCD, edit, f"cp /var/tmp/status.json {status}"):
        cause = lab.refused(field)
    assert (cause["code"], cause["phase"], cause["place"]) == ("NodeFailed", "nodes", ETCD)
    assert "no package source answered" in cause["message"]
    assert "no package source answered" in cause["logTail"]
    resumed(lab, field)


def test_a_node_under_another_name_is_not_taken_for_the_planned_one(
    lab: Any, field: dict[str, Any]
) -> None:
    file, again = "/etc/slipway/node.json", "systemctl restart slipway-readiness"
    other = f"cp {file} /var/tmp/node.json; sed -i s/{ETCD}/field-etcd-7/ {file}; {again}"
    with broken(lab, ETCD, other, f"cp /var/tmp/node.json {file}; {again}"):
        cause = lab.refused(field)
    assert (cause["code"], cause["phase"], cause["place"]) == ("WrongNode", "nodes", ETCD)
    assert "field-etcd-7" in cause["message"]
    resumed(lab, field)


OTHER_KEY = (
    f"cp {KEY} /var/tmp/key; cp {KEY}.pub /var/tmp/key.pub; rm {KEY}; "
    f"ssh-keygen -q -t ed25519 -N '' -f {KEY}; systemctl restart ssh"
)
OWN_KEY = f"cp /var/tmp/key {KEY}; cp /var/tmp/key.pub {KEY}.pub; systemctl restart ssh"


def test_a_controller_with_another_host_key_is_never_spoken_to(
    lab: Any, field: dict[str, Any]
) -> None:
    logins = "journalctl -u ssh -o cat | grep -c 'Accepted publickey' >/var/tmp/logins || true"
    assert lab.in_machine(CONTROLLER, logins) == 0
    with broken(lab, CONTROLLER, OTHER_KEY, OWN_KEY):
        cause = lab.refused(field)
        same = "test $(journalctl -u ssh -o cat | grep -c 'Accepted publickey') = "
        assert lab.in_machine(CONTROLLER, same + '"$(cat /var/tmp/logins)"') == 0
    assert (cause["code"], cause["phase"], cause["place"]) == (
        "HostKeyMismatch",
        "nodes",
        CONTROLLER,
    )
    resumed(lab, field)


def test_a_node_with_another_host_key_is_never_configured(lab: Any, field: dict[str, Any]) -> None:
    with broken(lab, ETCD, OTHER_KEY, OWN_KEY):
        cause = lab.refused(field, full=True)
    assert (cause["code"], cause["phase"], cause["place"]) == ("PlayFailed", "playbook", ETCD)
    assert "unreachable" in cause["message"]
    assert "ost key" in cause["message"] + cause["logTail"]
    resumed(lab, field)


def test_a_task_that_fails_on_one_host_is_reported_with_host_task_and_log(
    lab: Any, field: dict[str, Any]
) -> None:
    file = "/etc/sysctl.d/90-slipway.conf"
    with broken(lab, ETCD, f"rm {file}; mkdir {file}", f"rmdir {file}"):
        cause = lab.refused(field, full=True)
    assert (cause["code"], cause["phase"], cause["place"]) == ("PlayFailed", "playbook", ETCD)
    assert (
        "task 'Write the settings of the kernel, the time service and sshd, and the check of the "
        "kernel' failed" in cause["message"]
    )
    assert file in cause["message"]
    assert "PLAY RECAP" in cause["logTail"]
    resumed(lab, field)


def test_a_controller_whose_disk_is_full_starts_no_play(lab: Any, field: dict[str, Any]) -> None:
    runs = "/var/lib/slipway/runs"
    full = f"mount -t tmpfs -o size=1m none {runs}; head -c 900K /dev/zero >{runs}/full"
    with broken(lab, CONTROLLER, full, f"umount {runs}"):
        cause = lab.refused(field, full=True)
    assert (cause["code"], cause["phase"]) == ("ControllerCommandFailed", "playbook")
    assert "the controller's disk is full: 0 MB free" in cause["message"]
    resumed(lab, field)


# Unlike a machine that is stopped, a cut network closes no connection.
CUT = "; ".join(
    [
        "nft add table inet cut",
        *(
            f"nft add chain inet cut {hook} "
            f"'{{ type filter hook {hook} priority -300; policy drop; }}'"
            for hook in ("input", "output")
        ),
    ]
)


def test_a_node_whose_network_is_cut_during_a_task_is_named_before_the_deadline(
    lab: Any, field: dict[str, Any]
) -> None:
    with broken(lab, ETCD, lab.HOLD_PACKAGES, lab.RELEASE_PACKAGES):
        accepted = lab.call("PUT", f"/api/clusters/{field['name']}?full=true", field)
        lab.until_task(field["name"], "Upgrade the distribution's packages")
        with broken(lab, ETCD, CUT, "nft delete table inet cut"):
            answer = lab.follow(accepted.headers["Location"])
    cause = answer.json()["cause"]
    assert (cause["code"], cause["phase"], cause["place"]) == ("PlayFailed", "playbook", ETCD)
    # What ssh says depends on whether it was sending or waiting.
    assert "unreachable" in cause["message"]
    resumed(lab, field)


def test_a_play_that_hangs_is_ended_at_its_deadline(lab: Any, field: dict[str, Any]) -> None:
    with broken(lab, ETCD, lab.HOLD_PACKAGES, lab.RELEASE_PACKAGES):
        cause = lab.refused(field, full=True)
        running = "systemctl list-units --plain --no-legend 'slipway-play-*' | grep -q ."
        assert lab.in_machine(CONTROLLER, running) != 0
    assert (cause["code"], cause["phase"]) == ("PlayTimedOut", "playbook")
    assert "ran beyond its deadline and was ended" in cause["message"]
    assert "Upgrade the distribution's packages" in cause["logTail"]
    resumed(lab, field)
