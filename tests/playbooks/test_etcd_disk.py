"""How etcd's data disk is found by its LUN: the role's own tasks, run here."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

# Ansible takes seconds to start.
pytestmark = pytest.mark.long

ETCD = Path(__file__).parents[2] / "playbooks/roles/etcd"
STOP = "Stop if the data disk is missing"


def tasks(package: dict[str, Any]) -> list[dict[str, Any]]:
    """The role's tasks until the disk must be there, with `package` for what apt and udev do."""
    found: list[dict[str, Any]] = []
    for task in yaml.safe_load((ETCD / "tasks/disk.yml").read_text(encoding="utf-8")):
        if "ansible.builtin.apt" in task:
            assert task.pop("ansible.builtin.apt")["name"] == "azure-vm-utils"
            task.update(package)
        if "ansible.builtin.command" in task:
            continue
        found.append(task)
        if task["name"] == STOP:
            return found
    raise AssertionError("the role does not stop where the disk is missing")


def play(directory: Path, package: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    devices = [str(directory / "by-lun-0"), str(directory / "lun0")]
    note = {"dest": str(directory / "device"), "content": "{{ etcd_device }}"}
    document = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"etcd_devices": devices, "ansible_python_interpreter": sys.executable},
        "tasks": [
            {"ansible.builtin.include_vars": {"file": str(ETCD / "vars/main.yml")}},
            *tasks(package),
            {"ansible.builtin.copy": note},
        ],
    }
    (directory / "play.json").write_text(json.dumps([document]))
    return subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "play.json"],
        cwd=directory, check=False, capture_output=True, text=True, timeout=100,
        env=os.environ | {"ANSIBLE_LOCALHOST_WARNING": "false", "HOME": str(directory)},
    )  # fmt: skip


NO_PACKAGE = {"ansible.builtin.fail": {"msg": "No package matching 'azure-vm-utils'"}}


@pytest.mark.parametrize("link", ["by-lun-0", "lun0"])
def test_a_disk_that_is_linked_needs_no_package(tmp_path: Path, link: str) -> None:
    (tmp_path / link).touch()
    done = play(tmp_path, {"ansible.builtin.file": {"path": str(tmp_path / "x"), "state": "touch"}})
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "device").read_text() == str(tmp_path / link)
    assert not (tmp_path / "x").exists()


def test_the_package_links_a_disk_that_the_agent_does_not(tmp_path: Path) -> None:
    own = tmp_path / "by-lun-0"
    done = play(tmp_path, {"ansible.builtin.file": {"path": str(own), "state": "touch"}})
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "device").read_text() == str(own)


def test_a_disk_that_does_not_exist_is_reported_with_the_output_of_the_package(
    tmp_path: Path,
) -> None:
    done = play(tmp_path, NO_PACKAGE)
    assert done.returncode != 0
    output = done.stdout.replace("\\n", " ")
    assert f"no data disk at {tmp_path}/by-lun-0 or {tmp_path}/lun0; azure-vm-utils: No" in output
