"""The program that gives an API server its encryption keys.

kubectl and crictl are scripts, and so is what the kernel says of processes. The real ones are in
`tests/kubernetes/test_rotation.py`.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cluster.on_node import program

KUBECTL = """#!/bin/sh
[ -e "$(dirname "$0")/ready" ] || { echo "connection refused" >&2; exit 1; }
"""
CRICTL = """#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/calls"
[ "$1" != ps ] || cat "$here/containers"
"""
BOOTED = 1_000_000


class Machine:
    def __init__(self, folder: Path) -> None:
        self.folder, self.etc = folder, folder / "etc"
        self.file = self.etc / "slipway/encryption.yml"
        self.file.parent.mkdir(parents=True)
        self.write("etc/slipway-member", "v1.36.2\n")
        (folder / "proc").mkdir()
        self.write("proc/stat", f"cpu  1 2 3\nbtime {BOOTED}\nprocesses 5\n")
        for name, text in (("kubectl", KUBECTL), ("crictl", CRICTL)):
            self.write(name, text)
            (folder / name).chmod(0o755)
        self.write("containers", json.dumps({"containers": [{"id": "abc123"}]}))
        self.write("ready", "")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def has(self, content: str, *, seconds: float) -> None:
        """The file was written so many seconds after the machine's start."""
        self.file.write_text(content, "utf-8")
        os.utime(self.file, (BOOTED + seconds, BOOTED + seconds))

    def runs(self, *, since: float, number: int = 4711, name: str = "kube-apiserver") -> None:
        """A process runs since so many seconds after the machine's start."""
        folder = self.folder / f"proc/{number}"
        folder.mkdir(exist_ok=True)
        ticks = int(since * os.sysconf("SC_CLK_TCK"))
        (folder / "comm").write_text(f"{name}\n", "utf-8")
        # A name may have spaces and parentheses.
        (folder / "stat").write_text(f"{number} (odd) na(me) S {'0 ' * 18}{ticks} 0 0", "utf-8")

    def run(self, action: str, content: str) -> "subprocess.CompletedProcess[str]":
        places = {name: str(self.folder / name) for name in ("etc", "kubectl", "crictl", "proc")}
        request = {"action": action, "content": content, "path": str(self.file), **places}
        return subprocess.run(
            [sys.executable, "-c", program("encryption_config")],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=False,
        )

    def does(self, action: str, content: str = "new") -> dict[str, Any]:
        done = self.run(action, content)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @property
    def stops(self) -> list[str]:
        calls = self.folder / "calls"
        lines = calls.read_text("utf-8").splitlines() if calls.exists() else []
        return [line for line in lines if line.startswith(("stop", "rm"))]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_api_server_that_runs_with_another_file_is_restarted_once(machine: Machine) -> None:
    machine.has("old", seconds=100)
    machine.runs(since=200)
    assert machine.does("apply")["state"] == "starting"
    assert machine.file.read_text("utf-8") == "new"
    assert machine.file.stat().st_mode & 0o777 == 0o600
    stops = ["stop --timeout=30 abc123", "rm --force abc123"]
    assert machine.stops == stops
    # The kubelet has started it again.
    machine.runs(since=time.time() - BOOTED + 60)
    assert machine.does("apply") == {"state": "ready", "active": True, "detail": ""}
    assert machine.stops == stops


@pytest.mark.parametrize(("since", "active"), [(99.0, False), (101.0, False), (103.0, True)])
def test_an_api_server_has_read_a_file_that_was_written_before_it_started(
    machine: Machine, since: float, active: bool
) -> None:
    machine.has("new", seconds=100)
    machine.runs(since=since)
    assert machine.does("look") == {"state": "ready", "active": active, "detail": ""}
    assert machine.stops == []


def test_every_process_must_have_started_with_the_file(machine: Machine) -> None:
    machine.has("new", seconds=100)
    machine.runs(since=200)
    machine.runs(since=50, number=12)
    assert machine.does("look")["active"] is False
    machine.runs(since=50, number=12, name="kube-scheduler")
    assert machine.does("look")["active"] is True


def test_without_a_process_the_file_is_not_active(machine: Machine) -> None:
    machine.has("new", seconds=100)
    (machine.folder / "ready").unlink()
    found = machine.does("look")
    assert (found["state"], found["active"]) == ("starting", False)
    assert "connection refused" in found["detail"]


def test_a_write_restarts_nothing(machine: Machine) -> None:
    machine.has("old", seconds=100)
    machine.runs(since=200)
    assert machine.does("write")["active"] is False
    assert machine.file.read_text("utf-8") == "new"
    assert machine.stops == []
    written = machine.file.stat().st_mtime_ns
    machine.does("write")
    assert machine.file.stat().st_mtime_ns == written


@pytest.mark.parametrize("action", ["look", "apply", "write"])
def test_a_machine_without_kubernetes_is_left_alone(machine: Machine, action: str) -> None:
    (machine.etc / "slipway-member").unlink()
    assert machine.does(action)["state"] == "none"
    assert not machine.file.exists()
    assert machine.stops == []


def test_a_stop_that_took_too_long_is_followed_by_the_removal(machine: Machine) -> None:
    """The kubelet waits up to five minutes before it starts a container that has ended again."""
    slow = CRICTL + '[ "$1" != stop ] || { echo DeadlineExceeded >&2; exit 1; }\n'
    machine.write("crictl", slow)
    machine.runs(since=200)
    assert machine.does("apply")["state"] == "starting"
    assert machine.stops[-1] == "rm --force abc123"


def test_a_container_that_cannot_be_stopped_is_told(machine: Machine) -> None:
    machine.write("crictl", "#!/bin/sh\necho 'no runtime' >&2\nexit 1\n")
    done = machine.run("apply", "new")
    assert (done.returncode, done.stderr) == (1, "crictl: no runtime\n")
