"""Two clusters with the same addresses, and a second lab that comes and goes beside them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.testing.machines import CACHE, control
from tests.lab.conftest import Lab, tiny

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

NAMES = ("field", "meadow")
ETCD = "10.91.2.4"
OTHER = """
import sys, time
from pathlib import Path
from lab.control import LabOptions, up
from lab.machines.site import this_process
up(LabOptions(state=Path(sys.argv[1]), cache=Path(sys.argv[2]), owner=this_process()), print)
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def clusters(lab: Lab) -> tuple[str, ...]:
    accepted = [lab.call("PUT", f"/api/clusters/{name}", tiny(name, 91, "wait")) for name in NAMES]
    for answer in accepted:
        assert answer.status_code == 202, answer.text
        ended = lab.follow(answer.headers["Location"])
        assert ended.status_code == 200, ended.text
    return NAMES


def keys_of(lab: Lab, controller: str, address: str) -> str:
    """The host key that answers at the address in the controller's network."""
    machine = lab.machine(controller)
    argv = ["ip", "netns", "exec", machine.link, "ssh-keyscan", "-t", "ed25519", address]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()[-1]


def test_clusters_with_the_same_addresses_reach_their_own_nodes(
    lab: Lab, clusters: tuple[str, ...]
) -> None:
    machines = [lab.machine(f"{name}-etcd-0") for name in clusters]
    assert [machine.spec.address for machine in machines] == [ETCD, ETCD]
    seen = {keys_of(lab, f"{name}-controller", ETCD) for name in clusters}
    assert len(seen) == len(clusters)
    shown = [lab.call("GET", f"/api/clusters/{name}").json() for name in clusters]
    assert [cluster["state"] for cluster in shown] == ["ready", "ready"]


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Path]:
    """The state of a lab whose test run was killed."""
    state = tmp_path / "lab"
    argv = [sys.executable, "-c", OTHER, str(state), str(CACHE)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        while (line := process.stdout.readline()) != "up\n":
            assert line, "the other lab did not start"
        os.kill(process.pid, signal.SIGKILL)
    yield state
    control.down(print, state)


def test_a_killed_run_leaves_nothing_and_the_other_lab_its_network(
    lab: Lab, clusters: tuple[str, ...], killed: Path
) -> None:
    for _ in range(600):
        if control.read_info(killed) is None:
            break
        time.sleep(0.1)
    assert control.read_info(killed) is None, "its services end with the run"
    assert str(killed) in control.sweep(print)
    assert not killed.exists()
    for name in clusters:
        assert keys_of(lab, f"{name}-controller", ETCD)
        start = f"/api/clusters/{name}/controller/start?node={name}-etcd-0"
        assert lab.call("POST", start).json()["node"]["host"] == ETCD
    for name in clusters:
        assert lab.apply(tiny(name, 91, "wait")).status_code == 200
