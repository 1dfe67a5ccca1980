"""Writes the play's events, reduced to what the function app reads, and the play's output."""

import json
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from long_output import LongOutput

MESSAGE_CHARACTERS = 2000
# Of what a program wrote to standard error. The API shows 600 characters of a message.
END_CHARACTERS = 450
FAILURES_RECORDED = 40
FAULTS = ("failed", "unreachable")
# After so many seconds without an event, a task that was announced is taken for one that runs.
QUIET_SECONDS = 5.0
# Events of a task that show that it was not skipped on a host.
RAN = frozenset(
    {
        "runner_on_ok",
        "runner_on_failed",
        "runner_on_unreachable",
        "runner_on_async_poll",
        "runner_item_on_ok",
        "runner_item_on_failed",
        "runner_retry",
    }
)
KINDS = {
    "playbook_on_play_start": "play",
    "playbook_on_task_start": "task",
    "playbook_on_handler_task_start": "task",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
    "playbook_on_stats": "recap",
}


class Writer:
    """ansible-runner's event handler: writes events as lines of JSON, and the output.

    Of failures only the first FAILURES_RECORDED are written as events. If a task fails on a
    thousand hosts, these show the cause and the recap has the count. Reading the others would take
    minutes.

    Ansible announces each task before it asks a host whether to skip it. A task is written once a
    host has run it, or as soon as Ansible is quiet because a host runs it. So a task that every
    host skips is not written.

    Args:
        stages: the name of each play, and the id of its stage.
        whole: the file for texts that are too long for the log; None to keep none.
    """

    def __init__(
        self, events: Any, log: Any, stages: Mapping[str, str], whole: Path | None = None
    ) -> None:
        self._events, self._log, self._stages = events, log, stages
        self._output = LongOutput(whole)
        self._failures = 0
        # The stage that runs, and the hosts that have failed in any.
        self._stage = ""
        self._failed: set[str] = set()
        # The task that was announced and that no host has run yet.
        self._announced: dict[str, Any] | None = None
        self._heard = 0.0
        # `write_if_quiet` runs in another thread than ansible-runner's handler.
        self._lock = threading.Lock()

    def __call__(self, event: dict[str, Any]) -> bool:
        with self._lock:
            self._handle(event)
        return False  # ansible-runner need not store the event

    def write_if_quiet(self) -> None:
        """Writes the announced task if Ansible has been quiet for so long that a host runs it."""
        with self._lock:
            if time.monotonic() - self._heard >= QUIET_SECONDS:
                self._write_announced()

    def _handle(self, event: dict[str, Any]) -> None:
        self._heard = time.monotonic()
        if KINDS.get(event.get("event", "")) == "task":
            self._output.begin_task()
        text = event.get("stdout") or ""
        if text:
            self._log.write(self._output.bounded(text) + "\n")
            self._log.flush()
        if event.get("event") in RAN:
            self._write_announced()
        line = compact(event, self._stages)
        if line is None:
            return
        self._follow_stage(line)
        if line["kind"] not in FAULTS:
            # The task before was skipped on every host if no host has run it by now.
            self._announced = line if line["kind"] == "task" else None
        if line["kind"] != "task" and self._is_recorded(line["kind"]):
            self._write(line)

    def _write_announced(self) -> None:
        if self._announced is not None:
            self._write(self._announced)
            self._announced = None

    def _write(self, line: dict[str, Any]) -> None:
        self._events.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._events.flush()

    def _follow_stage(self, line: dict[str, Any]) -> None:
        """Writes the end of a stage when the first play of the next one begins, with the hosts that
        have failed in any stage so far. The last stage's end is the play's exit code."""
        if line["kind"] in FAULTS:
            self._failed.add(line["host"])
        if line["kind"] != "play" or line["stage"] == self._stage:
            return
        if self._stage:
            self._write({"kind": "stage", "stage": self._stage, "failed": sorted(self._failed)})
        self._stage = line["stage"]

    def _is_recorded(self, kind: str) -> bool:
        self._failures += kind in FAULTS
        return kind not in FAULTS or self._failures <= FAILURES_RECORDED


def compact(event: dict[str, Any], stages: Mapping[str, str]) -> dict[str, Any] | None:
    """The event as its reader needs it; None for events that are not recorded.

    A failure that the playbook ignores is not recorded.
    """
    kind = KINDS.get(event.get("event", ""))
    data = event.get("event_data") or {}
    if kind is None or (kind == "failed" and data.get("ignore_errors")):
        return None
    line = {
        "time": event.get("created") or datetime.now(timezone.utc).isoformat(),
        "kind": kind,
        "stage": stages.get(data.get("play") or "", ""),
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
    """The texts of a failed result, each once. The result of a task with `no_log` is hidden."""
    if result.get("_ansible_no_log") or "censored" in result:
        return "(hidden: the task handles secrets)"
    parts = [str(result.get("msg") or "")]
    parts += [end(str(result[key])) for key in ("stderr", "module_stderr") if result.get(key)]
    for item in result.get("results") or []:
        if item.get("failed"):
            parts.append(str(item.get("msg") or "") or end(str(item.get("stderr") or "")))
    return "; ".join(dict.fromkeys(filter(None, parts)))[:MESSAGE_CHARACTERS]


def end(text: str) -> str:
    """The last lines of what a program wrote: it warns first, and says last why it failed."""
    text = text.strip()
    if len(text) <= END_CHARACTERS:
        return text
    last = text[-END_CHARACTERS:]
    begun, _, lines = last.partition("\n")
    return "... " + (lines if lines and len(begun) <= END_CHARACTERS // 4 else last)


def stats(data: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Each host's counts of tasks: ok, changed, failures, dark (unreachable)."""
    found: dict[str, dict[str, int]] = {}
    for kind in ("ok", "changed", "failures", "dark"):
        for host, count in (data.get(kind) or {}).items():
            found.setdefault(host, {})[kind] = count
    return found
