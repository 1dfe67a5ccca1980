"""A lab on Microsoft's Durable extension: a run goes on after its worker was killed, and after all
services were stopped and started again."""

import os
import signal
import sys
import time
from typing import Any

import pytest
import requests

from clients.azure.arm import ResourceGroups
from lab.testing.machines import succeeds
from tests.lab.conftest import STATE

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(900)]
ENGINE, MODE, NETWORK, THROUGH = "azure-storage", "once", 99, "etcd"
CLUSTER, ETCD = "/api/clusters/field", "field-etcd-0"
UPGRADE = "Upgrade the distribution's packages"
TURN, POLL = "reconcile_cluster", "poll_play"
TRIES = 8


@pytest.fixture(scope="module")
def launched(lab: Any, field: dict[str, Any]) -> requests.Response:
    """The cluster, launched while its worker was killed in a turn and in an activity."""
    accepted = lab.call("PUT", CLUSTER, field)
    assert accepted.status_code == 202, accepted.text
    for phase, function in (("nodes", TURN), ("playbook", POLL)):
        lab.until(f"phase {phase}", lambda wanted=phase: shown(lab)["phase"] == wanted)
        kills = kill_worker_in(lab, function)
        sys.stdout.write(f"{kills} workers killed until one executed {function}\n")
    return lab.follow(accepted.headers["Location"])


def shown(lab: Any) -> dict[str, Any]:
    return lab.call("GET", CLUSTER).json()


def logged(log: str, text: str) -> int:
    return (STATE / "logs" / log).read_text(errors="replace").count(text)


def kill_worker_in(lab: Any, function: str) -> int:
    """Kills workers until one was executing the function, for which it may be too late by
    milliseconds; how many."""
    lost = f" {function} was lost with its worker"
    for kills in range(1, TRIES + 1):
        pid, begun = lab.worker(), f"Executing '{function}'"
        before = logged("functions-host.log", begun)
        until = time.monotonic() + 60
        while logged("functions-host.log", begun) == before:
            assert time.monotonic() < until, f"{function} is not executed"
            time.sleep(0.005)
        os.kill(pid, signal.SIGKILL)
        lab.until("another worker", lambda old=pid: lab.worker() not in (None, old))
        lab.until("its answer", lambda: lab.call("GET", CLUSTER).status_code == 200)
        if logged("host.log", lost):
            return kills
    raise AssertionError(f"{function} was never under way when its worker was killed")


def test_a_launch_continues_when_its_worker_is_killed_and_nothing_happens_twice(
    lab: Any, launched: requests.Response
) -> None:
    assert launched.status_code == 200, launched.text
    assert {check["name"]: check["ok"] for check in launched.json()["checks"]} == {
        "etcd on field-etcd-0": True,
        "etcd disk on field-etcd-0": True,
        "containerd on field-control-plane-0": True,
    }
    now = shown(lab)
    assert (now["state"], now["percent"], now["note"]) == ("ready", 100, None)
    assert {node["state"] for node in now["nodes"]} == {"ready"}
    lab.nothing_happened_twice("field")


def test_a_run_continues_by_itself_after_the_services_were_stopped_and_started(
    lab: Any, field: dict[str, Any], launched: requests.Response
) -> None:
    assert launched.status_code == 200
    secrets, said = lab.secrets("field"), len(lab.slack())
    assert lab.in_machine(ETCD, lab.HOLD_PACKAGES) == 0
    operation = lab.call("PUT", CLUSTER, field).headers["Location"]
    lab.until_task("field", UPGRADE)
    before = shown(lab)
    lab.restart()
    assert lab.info.info["engine"] == ENGINE
    now = shown(lab)
    assert [now[key] for key in ("state", "generation")] == [before["state"], 2]
    assert lab.call("GET", operation).status_code == 202
    same = lab.call("PUT", CLUSTER, field).json()
    assert same["joined"] is True
    mirror = f"{now['spec']['artifacts']['url']}/manifest.yml"
    assert requests.get(mirror, timeout=10).status_code == 200
    one = "test $(systemctl list-units --plain --no-legend 'slipway-play-*' | wc -l) = 1"
    assert lab.in_machine("field-controller", one) == 0
    assert lab.in_machine(ETCD, lab.RELEASE_PACKAGES) == 0
    ended = lab.follow(operation)
    assert ended.status_code == 200, ended.text
    events = lab.events("field")
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    for begin in ("playbook started", "recap:"):
        assert sum(event["text"].startswith(begin) for event in events) == 1
    texts = lab.slack()[said:]
    assert len(texts) == len(set(texts))
    assert lab.secrets("field") == secrets


def test_the_removal_leaves_nothing(lab: Any, launched: requests.Response) -> None:
    assert launched.status_code == 200
    link = ("ip", "-n", lab.machine(ETCD).link, "link", "show", "eth0")
    assert succeeds(*link)
    removed = lab.call("DELETE", CLUSTER)
    assert lab.follow(removed.headers["Location"]).status_code == 200
    assert lab.machines("field") == []
    assert lab.secrets("field") == {}
    assert not ResourceGroups(lab.settings()).exists("field-rg")
    assert not succeeds(*link)
