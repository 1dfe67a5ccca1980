"""Ansible's own answer to which machines each play of site.yml runs on."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cluster.applied import AppliedStages
from cluster.concern import PlayScope, fingerprints, scope_of, whole_scope
from cluster.inventory import render_inventory, with_scope
from cluster.plan import make_plan
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from lab.simulation.play import controller_program, site_plays
from planning.stage_contents import PLAYBOOKS, stage_contents

# Ansible takes seconds to start.
pytestmark = pytest.mark.long

TODAY = date(2026, 11, 30)
PLAY = re.compile(r"^  play #\d+ \((?P<hosts>[^)]+)\): (?P<name>[^\t]+)\t", re.MULTILINE)


def inventory(workers: int) -> dict[str, Any]:
    document = {
        "name": "demo",
        "controlPlane": {"count": 3},
        "workers": [{"name": "worker", "count": workers}],
    }
    record = ClusterRecord(name="demo", uid="u", generation=1)
    return render_inventory(make_plan(parse_spec(document), record, []), "demo-000001-1")


def wanted(workers: int) -> Any:
    return fingerprints(inventory(workers), stage_contents(), "a" * 64)


def growth(workers: int) -> PlayScope:
    """The scope of a play after which a cluster has one worker more."""
    applied = AppliedStages()
    for stage, nodes in wanted(workers - 1).items():
        applied = applied.after(stage, nodes, (), TODAY)
    return scope_of(wanted(workers), applied, TODAY)


def listed(directory: Path, found: dict[str, Any], what: str) -> str:
    """Returns what `ansible-playbook` lists of site.yml."""
    path = directory / "inventory.yml"
    controller_program("inventory_file").write(found, path)
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", path, "site.yml", what],
        cwd=PLAYBOOKS, check=True, capture_output=True, text=True, timeout=100,
        env=os.environ | {"ANSIBLE_LOCALHOST_WARNING": "false", "HOME": str(directory)},
    )  # fmt: skip
    assert "Could not match supplied host pattern" not in done.stderr
    return done.stdout


def hosts_of_plays(directory: Path, found: dict[str, Any]) -> dict[str, set[str]]:
    plays = PLAY.split(listed(directory, found, "--list-hosts"))[1:]
    return {
        name: set(re.findall(r"^      (\S+)$", text, re.MULTILINE))
        for name, text in zip(plays[1::3], plays[2::3], strict=True)
    }


def tasks_of_plays(directory: Path, found: dict[str, Any]) -> dict[str, int]:
    plays = PLAY.split(listed(directory, found, "--list-tasks"))[1:]
    return {
        name: len(re.findall(r"^      \S.*TAGS: ", text, re.MULTILINE))
        for name, text in zip(plays[1::3], plays[2::3], strict=True)
    }


def test_a_first_play_runs_on_every_machine_of_its_groups(tmp_path: Path) -> None:
    found = with_scope(inventory(2), whole_scope(wanted(2)))
    hosts = hosts_of_plays(tmp_path, found)
    assert set(hosts) == set(site_plays())
    assert {len(hosts[name]) for name in ("Base", "Wait")} == {8}
    assert hosts["Add-ons"] == {"demo-control-plane-0"}
    assert hosts["Artifacts"] == hosts["Check"] == {"demo-controller"}
    # These run in upgrades only.
    assert [name for name in hosts if not hosts[name]] == ["Fetch", "Upgrade"]


def test_a_play_of_no_stage_runs_on_no_machine(tmp_path: Path) -> None:
    hosts = hosts_of_plays(tmp_path, with_scope(inventory(2), PlayScope(stages={})))
    assert {name for name, found in hosts.items() if found} == {"Check"}


def test_one_worker_more_is_as_many_tasks_on_as_many_machines_at_any_size(tmp_path: Path) -> None:
    counted: dict[int, Counter[str]] = {}
    for workers in (3, 25):
        found = with_scope(inventory(workers), growth(workers))
        tasks = tasks_of_plays(tmp_path, found)
        counted[workers] = Counter()
        for name, hosts in hosts_of_plays(tmp_path, found).items():
            for host in hosts:
                new = host == f"demo-worker-{workers - 1}"
                counted[workers]["new" if new else host] += tasks[name]
    assert counted[3] == counted[25]
    members = {f"demo-control-plane-{index}" for index in range(3)}
    assert set(counted[3]) == {"new", "demo-controller"} | members
    # The list of machines, and the verification.
    assert {counted[3][member] for member in members} <= set(range(1, 8)), json.dumps(counted[3])
