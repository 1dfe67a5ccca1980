"""Does what `ansible.builtin.systemd_service` does, and says why a unit fails.

systemd's own message only names the commands that would show the reason. If a unit does not start,
this action adds the last lines of its journal to the message of the task.
"""

from __future__ import annotations

import json
from typing import Any

from ansible.plugins.action import ActionBase

# A cause shows some 600 characters in all.
LINES, LINE_CHARACTERS, JOURNAL_CHARACTERS, READ = 5, 200, 380, 60
STARTS = ("started", "restarted", "reloaded")


class ActionModule(ActionBase):
    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        super().run(tmp, task_vars)
        arguments = self._task.args
        result = self._execute_module(
            "ansible.builtin.systemd_service", module_args=arguments, task_vars=task_vars
        )
        unit = arguments.get("name") or ""
        if result.get("failed") and unit and arguments.get("state") in STARTS:
            argv = ["journalctl", "--boot", f"--unit={unit}", f"--lines={READ}", "--output=json"]
            read = self._execute_module(
                "ansible.builtin.command",
                module_args={"argv": [*argv, "--no-pager"]},
                task_vars=task_vars,
            )
            result["msg"] = explained(str(result.get("msg", "")), read.get("stdout") or "")
        return result


def explained(message: str, journal: str) -> str:
    """The message of systemd without its advice, and the last lines of the journal."""
    head = message.partition("See ")[0].strip()
    lines = last_lines(journal)
    return f"{head.rstrip('.')}. Its journal ends: {' | '.join(lines)}" if lines else message


def last_lines(journal: str) -> list[str]:
    """What the unit's own programs wrote last; if they wrote nothing, what systemd says of it.

    Args:
        journal: entries as `journalctl --output=json` prints them, the oldest first.
    """
    own: list[str] = []
    manager: list[str] = []
    for line in journal.splitlines():
        entry = json.loads(line)
        text = plain(entry.get("MESSAGE"))
        if text:
            (manager if entry.get("SYSLOG_IDENTIFIER") == "systemd" else own).append(text)
    found: list[str] = []
    left = JOURNAL_CHARACTERS
    for text in reversed((own or manager)[-LINES:]):
        short = text[:LINE_CHARACTERS]
        left -= len(short)
        if left < 0 and found:
            break
        found.insert(0, short)
    return found


def plain(message: Any) -> str:
    """A message as one line. The journal has bytes as a list of numbers; etcd writes JSON, of which
    the message and the error are of interest."""
    text = bytes(message).decode(errors="replace") if isinstance(message, list) else message or ""
    if text.startswith("{"):
        try:
            fields = json.loads(text)
        except ValueError:
            fields = {}
        said = [str(fields[key]) for key in ("level", "msg", "error") if fields.get(key)]
        text = ": ".join(said) or text
    return " ".join(text.split())
