"""A unit that does not start is told with the last lines of its journal, by real Ansible."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from playbooks.action_plugins.slipway_unit import explained, last_lines

CONFIG = Path(__file__).parents[2] / "playbooks/ansible.cfg"
SYSTEMD = """#!/bin/sh
case "$*" in
  *show*) printf 'LoadState=loaded\\nActiveState=failed\\nUnitFileState=enabled\\n' ;;
  *start*) echo 'Job for etcd.service failed because the control process exited with error code.
See "systemctl status etcd.service" and "journalctl -xeu etcd.service" for details.' >&2; exit 1 ;;
esac
"""
SAID = (
    "Unable to start service etcd: Job for etcd.service failed because the control process exited"
)


def entry(text: Any, of: str = "etcd") -> str:
    return json.dumps({"SYSLOG_IDENTIFIER": of, "MESSAGE": text})


FATAL = json.dumps({"level": "fatal", "msg": "discovery failed", "error": "member 7 is known"})


def play(folder: Path, state: str, journal: str) -> dict[str, Any]:
    """The result of a task that sets the unit to that state."""
    (folder / "journal").write_text(journal)
    (folder / "systemctl").write_text(SYSTEMD)
    (folder / "journalctl").write_text(
        f'#!/bin/sh\necho "$*" >>{folder}/asked\ncat {folder}/journal\n'
    )
    for program in ("systemctl", "journalctl"):
        (folder / program).chmod(0o755)
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible"), "localhost", "--connection", "local",
         "--module-name", "slipway_unit", "--args", f"name=etcd state={state}",
         "--extra-vars", f"ansible_python_interpreter={sys.executable}"],
        check=False, capture_output=True, text=True,
        env=os.environ | {"ANSIBLE_CONFIG": str(CONFIG), "HOME": str(folder),
                          "ANSIBLE_LOCALHOST_WARNING": "false",
                          "PATH": f"{folder}:{os.environ['PATH']}"},
    )  # fmt: skip
    _, found, answer = done.stdout.partition("=> ")
    assert found, done.stdout + done.stderr
    return json.loads(answer)


@pytest.mark.long  # Ansible takes seconds to start
def test_a_unit_that_does_not_start_is_told_with_its_own_words(tmp_path: Path) -> None:
    journal = "\n".join([entry("Starting etcd", "systemd"), entry(FATAL), entry("gone", "systemd")])
    message = play(tmp_path, "started", journal)["msg"]
    assert message.startswith(SAID)
    assert message.endswith(
        "error code. Its journal ends: fatal: discovery failed: member 7 is known"
    )
    assert (tmp_path / "asked").read_text().startswith("--quiet --boot --unit=etcd --lines=")


@pytest.mark.long  # Ansible takes seconds to start
def test_without_a_journal_the_message_is_systemds(tmp_path: Path) -> None:
    assert play(tmp_path, "restarted", "")["msg"].rstrip().endswith("for details.")


def test_systemds_words_are_told_where_the_unit_wrote_nothing() -> None:
    journal = entry("etcd.service: Failed to execute /opt/etcd: No such file", "systemd")
    assert last_lines(journal) == ["etcd.service: Failed to execute /opt/etcd: No such file"]


def test_a_cause_has_room_for_what_the_journal_ends_with() -> None:
    journal = "\n".join(entry(f"{number} " + "x" * 500) for number in range(50))
    message = explained('Unable to start service a: failed.\nSee "journalctl".', journal)
    assert len(message) < 480
    assert "| 49 xxx" in message or "ends: 49 xxx" in message
    assert "See" not in message


def test_lines_are_read_whatever_they_are_made_of() -> None:
    journal = "\n".join(
        [entry(None), entry([104, 255, 105]), entry("{broken"), entry("a\n  b"), entry("{}")]
    )
    assert last_lines(journal) == ["h\ufffdi", "{broken", "a b", "{}"]


def test_lines_that_are_no_entries_never_hide_why_a_unit_failed() -> None:
    broken = ["-- No entries --", "", "7", "[]", '{"MESSAGE": "cut', "[" * 100_000]
    assert explained("Unable to start service a: failed", "\n".join(broken)) == (
        "Unable to start service a: failed"
    )
    assert last_lines("\n".join([*broken, entry("said")])) == ["said"]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (["first", "second"], "first second"),
        ([[104, 105], "second", None], "hi second "),
        ([300], "300"),
        (12, "12"),
    ],
)
def test_a_message_of_any_form_is_told(message: Any, told: str) -> None:
    assert last_lines(entry(message)) == [told.strip()]
