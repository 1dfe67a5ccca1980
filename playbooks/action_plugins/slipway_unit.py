"""Does what `ansible.builtin.systemd_service` does, and says why a unit fails.

systemd's own message only names the commands that would show the reason. If a unit does not start,
this action adds the last lines of its journal to the message of the task.
"""

from __future__ import annotations

import json
from typing import Any, cast

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
            argv = ["journalctl", "--quiet", "--boot", f"--unit={unit}", f"--lines={READ}"]
            read = self._execute_module(
                "ansible.builtin.command",
                module_args={"argv": [*argv, "--output=json", "--no-pager"]},
                task_vars=task_vars,
            )
            result["msg"] = explained(str(result.get("msg", "")), str(read.get("stdout") or ""))
        return result


def explained(message: str, journal: str) -> str:
    """The message of systemd without its advice, and the last lines of the journal."""
    head = message.partition("See ")[0].strip()
    lines = last_lines(journal)
    return f"{head.rstrip('.')}. Its journal ends: {' | '.join(lines)}" if lines else message


def last_lines(journal: str) -> list[str]:
    """What the unit's own programs wrote last; if they wrote nothing, what systemd says of it.

    Args:
        journal: entries as `journalctl --output=json` prints them, the oldest first. A line that
            is none is passed over: it must not hide why the unit failed.
    """
    own: list[str] = []
    manager: list[str] = []
    for line in journal.splitlines():
        entry = fields_of(line)
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


def fields_of(text: str) -> dict[str, Any]:
    """The fields of a JSON object; none if the text is something else."""
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return cast(dict[str, Any], found) if isinstance(found, dict) else {}


def text_of(message: Any) -> str:
    """The journal has bytes as a list of numbers, and a field that came twice as a list of both."""
    if not isinstance(message, list):
        return "" if message is None else str(message)
    items = cast(list[Any], message)
    try:
        return bytes(items).decode(errors="replace")
    except (TypeError, ValueError):
        return " ".join(text_of(item) for item in items)


def plain(message: Any) -> str:
    """A message as one line. Of JSON, which etcd writes, the message and the error are of
    interest."""
    text = text_of(message)
    if text.startswith("{"):
        fields = fields_of(text)
        said = [str(fields[key]) for key in ("level", "msg", "error") if fields.get(key)]
        text = ": ".join(said) or text
    return " ".join(text.split())
