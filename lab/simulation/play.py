"""What a play of a given length says over all its hosts, by the controller's own writer."""

import bisect
import importlib
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from lab.paths import ROOT

PROGRAMS = ROOT / "playbooks/controller"

# A worker from base to joined is to take under 120 named tasks; with the others' stages, 180.
STAGES = (
    "wait",
    "base",
    "artifacts",
    "runtime",
    "etcd",
    "nodes",
    "control-plane",
    "workers",
    "network",
    "add-ons",
    "verify",
)
TASKS = 180
MESSAGE = "Failed to start containerd.service: Unit containerd.service not found. " * 40


@dataclass(frozen=True)
class Play:
    """`hosts` by name; `failing`: that many of them fail at the last task of so many `tasks`."""

    hosts: tuple[str, ...]
    seconds: float
    failing: int = 0
    tasks: int = TASKS

    @property
    def exit_code(self) -> int:
        return 2 if self.failing else 0

    def write(self, seconds: float, events: Path, log: Path) -> None:
        """Both files, as the controller's own writer has left them after so many seconds."""
        end = bisect.bisect_right(self._said, seconds, key=lambda said: said[0])
        with events.open("w", encoding="utf-8") as lines, log.open("w", encoding="utf-8") as output:
            writer = controller_program("events").Writer(lines, output)
            for _, event in self._said[:end]:
                writer(event)

    @cached_property
    def _said(self) -> list[tuple[float, dict[str, Any]]]:
        """Time, and what ansible-runner hands to its event handler."""
        found: list[tuple[float, dict[str, Any]]] = []
        changed = "\n".join(f"changed: [{host}]" for host in self.hosts)
        stage = ""
        for task in range(self.tasks):
            at = self.seconds * task / self.tasks
            if STAGES[task * len(STAGES) // self.tasks] != stage:
                stage = STAGES[task * len(STAGES) // self.tasks]
                found.append((at, _event("playbook_on_play_start", stage, f"PLAY [{stage}]")))
            text = f"{stage} : Put the unit of the service number {task} in its place"
            event = _event("playbook_on_task_start", stage, f"TASK [{text}]\n{changed}", task=text)
            found.append((at, event))
        for host in self.hosts[: self.failing]:
            more = {"task": "Start the runtime", "host": host, "res": {"msg": MESSAGE}}
            event = _event("runner_on_failed", stage, f"fatal: [{host}]: FAILED!", **more)
            found.append((self.seconds - 1, event))
        stats = {
            "ok": dict.fromkeys(self.hosts, 120),
            "changed": dict.fromkeys(self.hosts, 60),
            "failures": dict.fromkeys(self.hosts[: self.failing], 1),
        }
        found.append((self.seconds, _event("playbook_on_stats", "", "PLAY RECAP", **stats)))
        return found


def _event(kind: str, play: str, stdout: str, **more: Any) -> dict[str, Any]:
    created = "2026-01-05T08:00:00.000000+00:00"
    data = {"play": play, "role": play} | more
    return {"event": kind, "created": created, "stdout": stdout, "event_data": data}


def controller_program(name: str) -> ModuleType:
    """A module of the controller's, found as it is there: beside the others."""
    with patch.object(sys, "path", [str(PROGRAMS), *sys.path]):
        return importlib.import_module(name)
