"""An upgrade of Kubernetes while workers of the function app are killed at random moments, and
machines lose their power: the same request goes on, and what is done is not done again."""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from cluster.roles import CONTROL_PLANE, WORKER
from tests.kubernetes.machines import KUBECTL, members
from tests.kubernetes.releases import first_release, with_next_release
from tests.lab.conftest import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(4800)]
SPEC: dict[str, Any] = {
    "name": "whole",
    "controlPlane": {"count": 3},
    "etcd": {"count": 1, "dataDiskGiB": 4},
    "controller": {"keep": True},
    "workers": [{"name": "worker", "count": 2}],
}
API, CONTROLLER = "/api/clusters/whole", "whole-controller"
# Each machine loses its power once, and each of these may end an operation.
REQUESTS = 4
LONGEST = 3600.0
# As when the power fails: no service is stopped, nothing is written.
POWER_CUT = "systemctl reboot --force --force"


@pytest.fixture(scope="module")
def chance() -> random.Random:
    seed = int(os.environ.get("SLIPWAY_TEST_SEED") or time.time_ns() % 1_000_000)
    sys.stderr.write(f"seed {seed}: SLIPWAY_TEST_SEED={seed} has the same intervals\n")
    return random.Random(seed)  # noqa: S311 -- intervals, no secrets


@contextmanager
def killed_workers(lab: Lab, chance: random.Random) -> Iterator[list[int]]:
    """Kills the worker of the function app again and again. The list has the processes."""
    killed: list[int] = []
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(chance.uniform(5, 25)):
            pid = lab.worker()
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield killed
    finally:
        ended.set()
        thread.join()


def answered(lab: Lab, method: str, path: str, body: Any = None) -> requests.Response:
    """Asks until a worker answers."""
    answer = lab.call(method, path, body)
    while answer.status_code == 500:
        time.sleep(0.5)
        answer = lab.call(method, path, body)
    return answer


def events(lab: Lab, kind: str, generation: int) -> list[str]:
    """Returns the nodes of the operation's events of that kind."""
    answer = answered(lab, "GET", f"{API}/events?generation={generation}").json()
    return [event["node"] for event in answer["events"] if event["kind"] == kind]


def follow(lab: Lab, path: str, victims: dict[str, str], chance: random.Random) -> int:
    """Waits for the operation's end, and returns its status code. `victims`: which machine loses
    its power while which node is upgraded; each only once."""
    generation = int(path.rpartition("/")[2])
    until = time.monotonic() + LONGEST
    while (status := answered(lab, "GET", path).status_code) == 202:
        assert time.monotonic() < until, "the upgrade never ended"
        # The play of a node begins after the node was emptied.
        begun = events(lab, "node.upgrading", generation)
        ended = events(lab, "node.upgraded", generation)
        at = next((node for node in begun if node not in ended), "")
        if at in victims and len(events(lab, "nodes.emptied", generation)) == len(begun):
            time.sleep(chance.uniform(2, 20))
            machine = victims.pop(at)
            lab.in_machine(machine, POWER_CUT)
            sys.stderr.write(f"{machine} lost its power while {at} was upgraded\n")
        time.sleep(1)
    return status


def test_an_upgrade_goes_on_whatever_is_killed(
    lab: Lab, chance: random.Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    upgraded = with_next_release(SPEC, tmp_path_factory.mktemp("next"))
    first = lab.apply(SPEC | {"kubernetes": {"version": first_release()}}, seconds=1200)
    assert first.status_code == 200, first.text
    planes, workers = members(lab, CONTROL_PLANE), members(lab, WORKER)
    victims = {planes[1]: planes[1], planes[2]: CONTROLLER, workers[0]: workers[0]}
    done: list[str] = []
    statuses: list[int] = []
    with killed_workers(lab, chance) as killed:
        for _ in range(REQUESTS):
            accepted = answered(lab, "PUT", API, upgraded)
            assert accepted.status_code == 202, accepted.text
            path = accepted.headers["Location"]
            status = follow(lab, path, victims, chance)
            done += events(lab, "node.upgraded", int(path.rpartition("/")[2]))
            statuses.append(status)
            if status == 200:
                break
            sys.stderr.write(f"{answered(lab, 'GET', path).json().get('cause')}\n")
    sys.stderr.write(f"{len(killed)} workers killed, operations ended with {statuses}\n")
    assert statuses[-1] == 200
    assert victims == {}
    assert len(killed) > 10
    # Each node once, in the one order, over all operations.
    assert done == [*planes, *workers]
    version = upgraded["kubernetes"]["version"]
    found = "get nodes -o jsonpath='{.items[*].status.nodeInfo.kubeletVersion}'"
    wanted = " ".join([f"v{version}"] * len(done))
    assert lab.in_machine(planes[0], f"test \"$({KUBECTL} {found})\" = '{wanted}'") == 0
    cordoned = "get nodes -o jsonpath='{.items[*].spec.unschedulable}'"
    assert lab.in_machine(planes[0], f'test -z "$({KUBECTL} {cordoned})"') == 0


def test_the_same_request_afterwards_touches_no_node(
    lab: Lab, tmp_path_factory: pytest.TempPathFactory
) -> None:
    upgraded = with_next_release(SPEC, tmp_path_factory.mktemp("again"))
    answer = lab.apply(upgraded, seconds=900)
    assert answer.status_code == 200, answer.text
    assert not any(event["kind"] == "node.upgrading" for event in lab.events("whole"))
