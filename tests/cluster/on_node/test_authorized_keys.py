"""The program that exchanges the SSH key of a machine, with a real file."""

import json
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cluster import keys
from cluster.on_node import program

OLD, NEW, OTHER = (keys.public_half(keys.new_ssh_key()) for _ in range(3))
# In place of the machine's users: the program reads them from the system.
PATCH = "import pwd\npwd.getpwnam = lambda name: type('User', (), {{'pw_dir': {home!r}}})\n"


class Machine:
    def __init__(self, folder: Path) -> None:
        self.home = folder
        self.file = folder / ".ssh/authorized_keys"
        self.file.parent.mkdir()

    def has(self, *lines: str) -> None:
        self.file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        self.file.chmod(0o600)

    @property
    def lines(self) -> list[str]:
        return self.file.read_text("utf-8").splitlines()

    def run(self, action: str, **request: Any) -> "subprocess.CompletedProcess[str]":
        source = PATCH.format(home=str(self.home)) + program("authorized_keys")
        return subprocess.run(
            [sys.executable, "-c", source],
            input=json.dumps({"action": action, "user": "slipway", "key": NEW, **request}),
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


def test_the_new_key_is_added_beside_the_others_once(machine: Machine) -> None:
    machine.has(OLD, f"{OTHER} ada@example")
    before = machine.file.stat()
    assert machine.does("add") == {"changed": True}
    assert machine.lines == [OLD, f"{OTHER} ada@example", NEW]
    after = machine.file.stat()
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    assert machine.does("add") == {"changed": False}
    assert machine.lines.count(NEW) == 1


def test_a_last_line_without_its_end_is_not_joined_with_the_new_key(machine: Machine) -> None:
    machine.file.write_text(OLD, "utf-8")
    machine.does("add")
    assert machine.lines == [OLD, NEW]


@pytest.mark.parametrize(
    "line",
    [OLD, f"{OLD} slipway", f'from="10.0.0.0/8",command="echo hi there" {OLD} key of the cluster'],
    ids=["alone", "with a comment", "with options"],  # a key is another one in each process
)
def test_the_old_key_is_removed_in_whatever_line_it_is(machine: Machine, line: str) -> None:
    machine.has(f"# {OLD}", line, NEW, f"{OTHER} ada@example")
    assert machine.does("remove", old=OLD) == {"changed": True}
    assert machine.lines == [f"# {OLD}", NEW, f"{OTHER} ada@example"]
    assert machine.does("remove", old=OLD) == {"changed": False}


def test_the_old_key_stays_where_the_new_one_is_not(machine: Machine) -> None:
    machine.has(OLD, f"# {NEW}")
    done = machine.run("remove", old=OLD)
    assert (done.returncode, done.stderr) == (
        1,
        "the new key is not there, so the old one was left\n",
    )
    assert machine.lines == [OLD, f"# {NEW}"]


def test_a_machine_without_the_file_is_told(machine: Machine) -> None:
    done = machine.run("add")
    assert done.returncode == 1
    assert "authorized_keys" in done.stderr


def test_a_user_that_the_machine_does_not_have_is_told() -> None:
    with pytest.raises(KeyError):
        pwd.getpwnam("no-such-user")
    done = subprocess.run(
        [sys.executable, "-c", program("authorized_keys")],
        input=json.dumps({"action": "add", "user": "no-such-user", "key": NEW}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no-such-user" in done.stderr
