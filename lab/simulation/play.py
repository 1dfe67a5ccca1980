"""The events of a play of a given duration, written by the controller's own writer."""

import bisect
import importlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import batched
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from cluster.concern import group_of_stage
from cluster.stages import STAGE_IDS, UPGRADE, UPGRADE_FETCH
from lab.paths import ROOT

PLAYBOOKS = ROOT / "playbooks"

# A worker needs fewer than 120 named tasks from base to joined; with the other roles' stages, it is
# 180.
TASKS = 180
# For counts that are compared: the same for every stage.
TASKS_OF_A_STAGE = 15
MESSAGE = "Failed to start containerd.service: Unit containerd.service not found. " * 40


@dataclass(frozen=True)
class Play:
    """What a run of site.yml reports.

    Attributes:
        hosts: host names.
        failing: the number of hosts that fail at the last task.
        tasks: the number of tasks of all stages together.
        stages: the ids of the stages that run. Ansible also announces the plays of other stages and
            each of their tasks, and skips them.
        reach: the hosts of each stage, as the inventory of the play has them. None: all hosts.
    """

    hosts: tuple[str, ...]
    seconds: float
    failing: int = 0
    tasks: int = TASKS
    stages: tuple[str, ...] = STAGE_IDS
    reach: Mapping[str, tuple[str, ...]] | None = None

    def with_inventory(self, inventory: Mapping[str, Any]) -> "Play":
        """Returns the play over the hosts of an inventory's groups of stages."""
        groups = inventory["all"]["children"]
        every = (*STAGE_IDS, UPGRADE_FETCH, UPGRADE)
        reach = {stage: tuple(groups[group_of_stage(stage)]["hosts"]) for stage in every}
        return replace(
            self,
            hosts=tuple(groups["concerned"]["hosts"]),
            stages=tuple(s for s in (*self.stages, UPGRADE_FETCH, UPGRADE) if reach[s]),
            reach=reach,
        )

    def hosts_of(self, stage: str) -> tuple[str, ...]:
        return self.hosts if self.reach is None else self.reach[stage]

    @property
    def calls(self) -> dict[str, int]:
        """Returns the number of module calls on each host: the tasks of its stages."""
        found: dict[str, int] = {}
        for stage in self.stages:
            for host in self.hosts_of(stage):
                found[host] = found.get(host, 0) + TASKS_OF_A_STAGE
        return found

    @property
    def exit_code(self) -> int:
        return 2 if self.failing else 0

    def write(self, seconds: float, events: Path, log: Path) -> None:
        """Writes both files as the controller's own writer leaves them after so many seconds."""
        end = bisect.bisect_right(self._events, seconds, key=lambda event: event[0])
        with events.open("w", encoding="utf-8") as lines, log.open("w", encoding="utf-8") as output:
            writer = controller_program("events").Writer(lines, output, site_plays())
            for _, event in self._events[:end]:
                writer(event)

    @cached_property
    def _events(self) -> list[tuple[float, dict[str, Any]]]:
        """Returns each event that ansible-runner passes to its event handler, with its time."""
        found: list[tuple[float, dict[str, Any]]] = []
        # Ansible makes an event for each host. Fewer events are the same lines in less time; each
        # is shorter than what the controller cuts.
        changed = {
            stage: [
                "\n".join(f"changed: [{host}]" for host in some)
                for some in batched(self.hosts_of(stage), 100, strict=False)
            ]
            for stage in self.stages
        }
        plays = site_plays()
        running = [play for play, stage in plays.items() if stage in self.stages]
        done, last = 0, ""
        for play, stage in plays.items():
            at = self.seconds * done / self.tasks
            found.append((at, _event("playbook_on_play_start", play, f"PLAY [{play}]")))
            if stage not in self.stages:
                found.append((at, _event("playbook_on_task_start", play, "", task="Skipped")))
                continue
            last = play
            end = self.tasks * (running.index(play) + 1) // len(running)
            for task in range(done, end):
                at = self.seconds * task / self.tasks
                text = f"{stage} : Install the systemd unit file of service number {task}"
                output = f"TASK [{text}]"
                found.append((at, _event("playbook_on_task_start", play, output, task=text)))
                found += [
                    (at, _event("runner_on_ok", play, some, task=text)) for some in changed[stage]
                ]
            done = end
        for host in self.hosts[: self.failing]:
            more = {"task": "Start the runtime", "host": host, "res": {"msg": MESSAGE}}
            output = f"fatal: [{host}]: FAILED! => {json.dumps({'msg': MESSAGE})}"
            event = _event("runner_on_failed", last, output, **more)
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


@cache
def site_plays() -> dict[str, str]:
    """Returns the stage id of each play of site.yml by the play's name, in order."""
    return controller_program("stages").stages_of_plays(PLAYBOOKS)


def controller_program(name: str) -> ModuleType:
    """Imports a module of the controller's programs, with the others on its path as on the
    controller."""
    with patch.object(sys, "path", [str(PLAYBOOKS / "controller"), *sys.path]):
        return importlib.import_module(name)
