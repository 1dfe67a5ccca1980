"""The play's events made small, and its output kept, for those who read them from outside."""

import json
from datetime import datetime, timezone
from typing import Any

MESSAGE_CHARACTERS = 2000
FAILURES_TOLD = 40
FAULTS = ("failed", "unreachable")
KINDS = {
    "playbook_on_play_start": "play",
    "playbook_on_task_start": "task",
    "playbook_on_handler_task_start": "task",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
    "playbook_on_stats": "recap",
}


class Writer:
    """One compact line for each event that a reader of the run needs; every line of output.

    Where a task fails on all of a thousand hosts, the first failures tell why, and the recap says
    how many there were: a reader of events would need minutes for the others.
    """

    def __init__(self, events: Any, log: Any) -> None:
        self._events, self._log = events, log
        self._failures = 0

    def __call__(self, event: dict[str, Any]) -> bool:
        text = event.get("stdout") or ""
        if text:
            self._log.write(text + "\n")
            self._log.flush()
        line = compact(event)
        if line and self._is_told(line["kind"]):
            self._events.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._events.flush()
        return False  # the runner need not keep it

    def _is_told(self, kind: str) -> bool:
        self._failures += kind in FAULTS
        return kind not in FAULTS or self._failures <= FAILURES_TOLD


def compact(event: dict[str, Any]) -> dict[str, Any] | None:
    """None for what nobody needs to see; a failure that the playbook ignores is not one."""
    kind = KINDS.get(event.get("event", ""))
    data = event.get("event_data") or {}
    if kind is None or (kind == "failed" and data.get("ignore_errors")):
        return None
    line = {
        "time": event.get("created") or datetime.now(timezone.utc).isoformat(),
        "kind": kind,
        "play": data.get("play") or "",
        "task": data.get("task") or "",
        "role": data.get("role") or "",
        "host": data.get("host") or "",
        "message": "",
    }
    if kind in FAULTS:
        line["message"] = message(data.get("res") or {})
    if kind == "recap":
        line["stats"] = stats(data)
    return line


def message(result: dict[str, Any]) -> str:
    """What went wrong, without what `no_log` hides."""
    if result.get("_ansible_no_log") or "censored" in result:
        return "(hidden: the task handles secrets)"
    parts = [str(result.get("msg") or "")]
    parts += [str(result[key]) for key in ("stderr", "module_stderr") if result.get(key)]
    for item in result.get("results") or []:
        if item.get("failed"):
            parts.append(str(item.get("msg") or item.get("stderr") or ""))
    return "; ".join(dict.fromkeys(filter(None, parts)))[:MESSAGE_CHARACTERS]


def stats(data: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Host to its counts of ok, changed, failures, dark (unreachable)."""
    found: dict[str, dict[str, int]] = {}
    for kind in ("ok", "changed", "failures", "dark"):
        for host, count in (data.get(kind) or {}).items():
            found.setdefault(host, {})[kind] = count
    return found
