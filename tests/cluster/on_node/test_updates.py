"""The program that finds and installs security updates, with an apt and a systemd that answer."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cluster.on_node import program

# As apt prints it on Debian 13, with packages of the mirror's own that are no security updates.
SIMULATED = """\
NOTE: This is only a simulation!
Inst libssl3t64 [3.5.0-1] (3.5.1-1+deb13u1 Debian-Security:13/stable-security [amd64]) []
Inst openssl [3.5.0-1] (3.5.1-1 Debian:13.1/stable, Debian-Security:13/stable-security [amd64])
Inst bash [5.2.37-2] (5.2.37-3 Debian:13.1/stable [amd64])
Inst linux-image-6.12.48+deb13-cloud-amd64 (6.12.48-1 Debian-Security:13/stable-security [amd64])
Inst linux-image-cloud-amd64 [6.12.43-1] (6.12.48-1 Debian-Security:13/stable-security [amd64])
Conf bash (5.2.37-3 Debian:13.1/stable [amd64])
"""
FOUND = ["libssl3t64", "openssl", "linux-image-cloud-amd64"]
OLD, NEW = "6.12.43+deb13-cloud-amd64", "6.12.48+deb13-cloud-amd64"
# Each prints its file of the same name, and ends with the code of NAME.code.
FAKE = """#!/bin/sh
here="$(dirname "$0")"
echo "$(basename "$0") $*" >>"$here/calls"
cat "$here/$(basename "$0").out" 2>/dev/null
exit "$(cat "$here/$(basename "$0").code" 2>/dev/null || echo 0)"
"""


class Machine:
    def __init__(self, folder: Path) -> None:
        self.root, self.bin = folder / "root", folder / "bin"
        self.bin.mkdir()
        for name in ("apt-get", "systemctl", "systemd-run", "journalctl", "uname"):
            (self.bin / name).write_text(FAKE)
            (self.bin / name).chmod(0o755)
        self.prints("apt-get", SIMULATED)
        self.prints("uname", OLD)
        self.unit("not-found", "inactive")
        self.write("proc/sys/kernel/random/boot_id", "first\n")
        self.write(f"boot/vmlinuz-{OLD}")

    def write(self, name: str, text: str = "") -> None:
        place = self.root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")

    def prints(self, name: str, text: str) -> None:
        (self.bin / f"{name}.out").write_text(text)

    def unit(self, load: str, active: str) -> None:
        self.prints("systemctl", f"LoadState={load}\nActiveState={active}\nResult=success\n")

    def calls(self, name: str) -> list[str]:
        lines = (self.bin / "calls").read_text().splitlines()
        return [line for line in lines if line.startswith(f"{name} ")]

    def run(self, action: str, **request: Any) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-c", program("updates")],
            input=json.dumps({"action": action, "root": str(self.root)} | request),
            env=os.environ | {"PATH": f"{self.bin}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def does(self, action: str, **request: Any) -> dict[str, Any]:
        done = self.run(action, **request)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_only_installed_packages_with_a_security_update_are_found(machine: Machine) -> None:
    assert machine.does("look") == {"boot": "first", "packages": FOUND, "restart": ""}
    assert machine.calls("systemd-run") == []


def test_a_newer_kernel_of_the_same_kind_or_a_request_is_why_a_machine_restarts(
    machine: Machine,
) -> None:
    for other in ("6.12.41+deb13-cloud-amd64", "6.12.99+deb13-amd64", "7.0.1+deb13-rt-amd64"):
        machine.write(f"boot/vmlinuz-{other}")
    assert machine.does("look")["restart"] == ""
    machine.write(f"boot/vmlinuz-{NEW}")
    found = machine.does("look")["restart"]
    assert found == f"it runs the kernel {OLD}, and {NEW} is installed"
    machine.prints("uname", NEW)
    assert machine.does("look")["restart"] == ""
    machine.write("run/reboot-required")
    assert machine.does("look")["restart"] == "an installed package asks for it"


def test_a_machine_that_runs_a_kernel_from_elsewhere_is_not_restarted_for_one(
    machine: Machine,
) -> None:
    machine.prints("uname", "4.19.0-cloud-amd64")
    assert machine.does("look")["restart"] == ""


@pytest.mark.parametrize(
    ("state", "code", "stopping"),
    [("running", 0, False), ("degraded", 1, False), ("stopping", 1, True)],
)
def test_a_machine_says_whether_it_is_shutting_down(
    machine: Machine, state: str, code: int, stopping: bool
) -> None:
    machine.prints("systemctl", f"{state}\n")
    (machine.bin / "systemctl.code").write_text(str(code))
    assert machine.does("boot") == {"boot": "first", "stopping": stopping}


def test_an_installation_is_started_once_in_an_operation_and_its_end_is_told(
    machine: Machine,
) -> None:
    assert machine.does("install", operation=7)["state"] == "running"
    (started,) = machine.calls("systemd-run")
    assert "--unit=slipway-updates-7.service" in started
    assert started.endswith(f"apt-get --yes --only-upgrade {' '.join(OPTIONS)} {' '.join(FOUND)}")
    machine.unit("loaded", "activating")
    assert machine.does("install", operation=7)["state"] == "running"
    machine.unit("loaded", "active")
    assert machine.does("install", operation=7)["state"] == "done"
    machine.unit("loaded", "failed")
    machine.prints("journalctl", "E: Sub-process /usr/bin/dpkg returned an error code (1)\n")
    failed = machine.does("install", operation=7)
    assert (failed["state"], failed["detail"]) == (
        "failed",
        "E: Sub-process /usr/bin/dpkg returned an error code (1)",
    )
    assert len(machine.calls("systemd-run")) == 1


def test_without_updates_nothing_is_installed(machine: Machine) -> None:
    machine.prints("apt-get", "")
    assert machine.does("install", operation=7)["state"] == "done"
    assert machine.calls("systemd-run") == []


def test_a_machine_restarts_from_the_named_boot_only(machine: Machine) -> None:
    assert machine.does("restart", boot="first")["state"] == "restarting"
    assert machine.calls("systemctl") == ["systemctl --no-block --no-wall reboot"]
    machine.write("proc/sys/kernel/random/boot_id", "second\n")
    late = machine.does("restart", boot="first")
    assert (late["state"], late["boot"]) == ("restarted", "second")
    assert len(machine.calls("systemctl")) == 1


def test_a_program_that_fails_is_the_reason(machine: Machine) -> None:
    (machine.bin / "apt-get.code").write_text("100")
    done = machine.run("look")
    assert (done.returncode, done.stderr) == (1, "apt-get: exit code 100: \n")


OPTIONS = (
    "--option=DPkg::Lock::Timeout=300",
    "--option=Dpkg::Options::=--force-confdef",
    "--option=Dpkg::Options::=--force-confold",
    "install",
)
