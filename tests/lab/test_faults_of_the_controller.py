"""The controller reboots, vanishes or is lost in the middle of a play.

A lock that the play waits for on a node keeps it in the middle for as long as a test needs.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from clients.azure.arm import Resources

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(600)]
MODE, NETWORK, THROUGH = "once", 97, "base"
ETCD, CONTROLLER = "field-etcd-0", "field-controller"
UPGRADE = "Upgrade the distribution's packages"


@pytest.fixture(scope="module", autouse=True)
def _whole(lab: Any, field: dict[str, Any]) -> None:
    lab.succeeds(field)


@contextmanager
def midway(lab: Any, field: dict[str, Any]) -> Iterator[str]:
    """A run whose play waits for a node; it goes on when the block ends. Gives its operation."""
    assert lab.in_machine(ETCD, lab.HOLD_PACKAGES) == 0
    try:
        accepted = lab.call("PUT", "/api/clusters/field?full=true", field)
        lab.until_task("field", UPGRADE)
        yield accepted.headers["Location"]
    finally:
        assert lab.in_machine(ETCD, lab.RELEASE_PACKAGES) == 0


def test_a_controller_that_reboots_gets_its_play_again(lab: Any, field: dict[str, Any]) -> None:
    with midway(lab, field) as operation:
        boot = "cat /proc/sys/kernel/random/boot_id"
        assert (
            lab.in_machine(CONTROLLER, f"{boot} >/var/tmp/boot; systemctl --no-block reboot") == 0
        )

        def again() -> bool:
            texts = [event["text"] for event in lab.events("field")]
            return "playbook started (attempt 2)" in texts

        lab.until("the second attempt", again)
    ended = lab.follow(operation)
    assert ended.status_code == 200, ended.text
    texts = [event["text"] for event in lab.events("field")]
    assert "the controller lost the play; it is started again" in texts
    assert sum(text.startswith("recap:") for text in texts) == 1


@contextmanager
def vanished(lab: Any) -> Iterator[None]:
    """Nothing reaches the controller and nothing leaves it."""
    machine = lab.machine(CONTROLLER)
    link, nft = machine.link, ["ip", "netns", "exec", machine.router, "nft"]
    rules = (
        "table inet vanished {\n"
        f'chain in {{ type filter hook prerouting priority -300; iifname "{link}" drop; }}\n'
        f'chain out {{ type filter hook postrouting priority 300; oifname "{link}" drop; }}\n'
        "}\n"
    )
    subprocess.run([*nft, "-f", "-"], input=rules, text=True, check=True)
    try:
        yield
    finally:
        subprocess.run([*nft, "delete", "table", "inet", "vanished"], check=True)


def test_a_controller_that_vanishes_for_two_minutes_costs_two_minutes(
    lab: Any, field: dict[str, Any]
) -> None:
    with midway(lab, field) as operation:
        with vanished(lab):
            time.sleep(120)
            assert lab.call("GET", operation).status_code == 202
        texts = [event["text"] for event in lab.events("field")]
        assert any("does not answer on SSH" in text for text in texts)
    ended = lab.follow(operation)
    assert ended.status_code == 200, ended.text
    texts = [event["text"] for event in lab.events("field")]
    assert sum(text.startswith("playbook started") for text in texts) == 1
    assert sum(text.startswith("recap:") for text in texts) == 1


def test_a_controller_that_is_lost_is_reported_and_made_again_by_the_same_put(
    lab: Any, field: dict[str, Any]
) -> None:
    secrets = lab.secrets("field")
    with midway(lab, field) as operation:
        resources = Resources(lab.settings())
        (vm,) = [
            one.id
            for one in resources.list("field-rg")
            if one.name == CONTROLLER and one.type.lower().endswith("/virtualmachines")
        ]
        resources.begin_delete(vm)
        ended = lab.follow(operation)
    assert ended.status_code == 424, ended.text
    cause = ended.json()["cause"]
    assert (cause["code"], cause["phase"], cause["place"]) == (
        "ControllerMissing",
        "playbook",
        CONTROLLER,
    )
    assert "creates the VM" in cause["nextStep"]
    texts = lab.succeeds(field)
    started = [text for text in texts if text.startswith("deployment") and "started" in text]
    assert started == ["deployment network started", "deployment controller started"]
    assert lab.secrets("field") == secrets
