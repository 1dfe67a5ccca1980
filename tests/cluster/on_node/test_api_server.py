"""The program that stops and starts API servers, and looks after kubelets.

kubectl and systemctl are scripts. The real ones are in `tests/kubernetes/test_restore.py`.
"""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cluster.on_node import program

KUBECTL = """#!/bin/sh
here=$(dirname "$0")
case "$*" in
  *readyz*) [ -e "$here/ready" ] || { echo "connection refused" >&2; exit 1; } ;;
  *" nodes "*) cat "$here/nodes" ;;
  *" leases "*) cat "$here/leases" ;;
esac
"""
SYSTEMCTL = """#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/calls"
[ "$1" != show ] || cat "$here/since"
"""


class Machine:
    def __init__(self, folder: Path) -> None:
        self.folder, self.etc = folder, folder / "etc"
        self.restore = 3
        self.manifest = self.etc / "manifests/kube-apiserver.yaml"
        self.manifest.parent.mkdir(parents=True)
        self.manifest.write_text("kind: Pod", "utf-8")
        (folder / "proc").mkdir()
        for name, text in (("kubectl", KUBECTL), ("systemctl", SYSTEMCTL)):
            (folder / name).write_text(text, "utf-8")
            (folder / name).chmod(0o755)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def runs(self, process: str) -> None:
        (self.folder / "proc/4711").mkdir(exist_ok=True)
        self.write("proc/4711/comm", f"{process}\n")

    def run(self, action: str, **request: Any) -> "subprocess.CompletedProcess[str]":
        places = {name: str(self.folder / name) for name in ("etc", "kubectl", "systemctl", "proc")}
        return subprocess.run(
            [sys.executable, "-c", program("api_server")],
            input=json.dumps({"action": action, "restore": self.restore, **places, **request}),
            capture_output=True,
            text=True,
            check=False,
        )

    def does(self, action: str, **request: Any) -> dict[str, Any]:
        done = self.run(action, **request)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_api_server_is_stopped_when_its_process_has_ended(machine: Machine) -> None:
    machine.runs("kube-apiserver")
    assert machine.does("stop") == {"state": "stopping"}
    assert not machine.manifest.exists()
    machine.runs("kube-scheduler")
    assert machine.does("stop") == {"state": "stopped"}


def test_it_comes_back_with_its_manifest(machine: Machine) -> None:
    machine.does("stop")
    found = machine.does("start")
    assert (found["state"], "connection refused" in found["detail"]) == ("starting", True)
    assert machine.manifest.read_text("utf-8") == "kind: Pod"
    machine.write("ready", "")
    assert machine.does("start")["state"] == "ready"


def test_a_manifest_that_was_written_meanwhile_is_kept(machine: Machine) -> None:
    machine.does("stop")
    machine.manifest.write_text("kind: NewerPod", "utf-8")
    machine.does("start")
    assert machine.manifest.read_text("utf-8") == "kind: NewerPod"
    machine.restore += 1
    machine.does("stop")
    machine.does("start")
    assert machine.manifest.read_text("utf-8") == "kind: NewerPod"


def test_a_stop_that_comes_after_the_start_of_its_restore_changes_nothing(machine: Machine) -> None:
    """Also if a later restore has started it since. The next restore stops it again."""
    machine.does("stop")
    machine.does("start")
    assert machine.does("stop") == {"state": "started"}
    machine.does("start", restore=12)
    machine.does("start")
    assert machine.does("stop", restore=12) == {"state": "started"}
    assert machine.manifest.exists()
    assert machine.does("stop", restore=13) == {"state": "stopped"}
    assert not machine.manifest.exists()


def test_a_look_changes_nothing(machine: Machine) -> None:
    for _ in range(2):
        assert machine.does("look") == {"state": "there"}
        assert machine.manifest.exists()
        machine.does("start", restore=2)
    machine.does("stop")
    assert machine.does("look") == {"state": "there"}
    assert not machine.manifest.exists()


def test_a_restore_whose_number_was_used_is_noticed_before_anything_is_stopped(
    machine: Machine,
) -> None:
    """Its stop would do nothing, and its data would be exchanged below a running API server."""
    machine.does("start", restore=12)
    for number in (3, 12):
        failed = machine.run("look", restore=number)
        assert failed.returncode == 1
        assert f"operation 12 started kube-apiserver, so operation {number}" in failed.stderr
    assert machine.does("look", restore=13) == {"state": "there"}


def test_a_machine_without_a_folder_of_kubernetes_has_no_api_server(machine: Machine) -> None:
    machine.manifest.unlink()
    machine.manifest.parent.rmdir()
    machine.etc.rmdir()
    for action in ("look", "stop", "start"):
        assert machine.does(action)["state"] == "none"


@pytest.mark.parametrize("action", ["look", "stop", "start"])
def test_a_machine_without_kubernetes_has_none_to_stop(machine: Machine, action: str) -> None:
    machine.manifest.unlink()
    assert machine.does(action)["state"] == "none"


@pytest.mark.parametrize("action", ["look", "stop", "start"])
def test_a_control_plane_whose_manifest_is_gone_is_a_fault(machine: Machine, action: str) -> None:
    machine.manifest.unlink()
    machine.write("etc/slipway-member", "")
    done = machine.run(action)
    assert (done.returncode, "no manifest" in done.stderr) == (1, True)


def test_a_node_is_ready_if_kubernetes_says_so_and_its_lease_is_new(machine: Machine) -> None:
    now = datetime.now(UTC)
    fresh = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
    old = (now - timedelta(minutes=5)).isoformat().replace("+00:00", "Z")
    machine.write("nodes", "a\tTrue\nb\tTrue\nc\tUnknown\nold\tTrue\n")
    machine.write("leases", f"a\t{fresh}\nb\t{old}\nc\t{fresh}\nd\t\n")
    found = machine.does("nodes", names=["a", "b", "c", "d"])
    assert found == {"ready": 1, "absent": ["d"], "late": ["b", "c"], "others": ["old"]}


@pytest.mark.parametrize(("seconds", "restarted"), [(5.0, False), (90.0, True)])
def test_a_kubelet_is_not_restarted_twice_in_a_minute(
    machine: Machine, seconds: float, restarted: bool
) -> None:
    since = max(0.0, time.monotonic() - seconds)
    machine.write("since", f"{int(since * 1e6)}\n")
    assert machine.does("kubelet") == {"restarted": restarted}
    calls = (machine.folder / "calls").read_text("utf-8")
    assert ("restart --no-block kubelet" in calls) is restarted


def test_an_api_server_that_does_not_answer_is_told(machine: Machine) -> None:
    machine.write("kubectl", "#!/bin/sh\necho 'the server is away' >&2; exit 1\n")
    done = machine.run("nodes", names=["a"])
    assert (done.returncode, "the server is away" in done.stderr) == (1, True)
