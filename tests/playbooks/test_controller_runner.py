"""The controller's program: where playbooks or its input are broken, the play's log says so.

ansible-runner is replaced: it is on controllers only.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from lab.simulation.play import controller_program

PLAY = "- name: Wait\n  hosts: all\n"


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    ansible = ModuleType("ansible_runner")
    outcome = SimpleNamespace(rc=4, status="failed")

    def run(*, event_handler: Callable[[dict[str, Any]], bool], **_: Any) -> Any:
        data = {"play": "Wait"}
        event_handler({"event": "playbook_on_play_start", "event_data": data, "stdout": "PLAY"})
        return outcome

    monkeypatch.setattr(ansible, "run", run, raising=False)
    monkeypatch.setitem(sys.modules, "ansible_runner", ansible)
    module = controller_program("runner")
    monkeypatch.setattr(module, "ansible_runner", ansible)
    monkeypatch.setattr(module, "BUNDLE", tmp_path / "bundle")
    monkeypatch.setattr(module, "_serve", lambda _: SimpleNamespace(shutdown=lambda: None))
    (tmp_path / "bundle").mkdir()
    return module


def run_of(tmp_path: Path, inventory: str) -> Any:
    paths = controller_program("paths")

    class Here(paths.Run):
        memory = tmp_path / "memory"
        disk = tmp_path / "disk"

    run = Here("demo-000001-1")
    for folder in (run.memory, run.disk):
        folder.mkdir()
    (run.memory / "inventory.json").write_text(inventory)
    return run


INVENTORY = json.dumps({"all": {"vars": {"slipway_controller_address": "127.0.0.1"}}})


def begun(run: Any) -> str:
    return json.loads(run.events.read_text().splitlines()[0])["stage"]


def test_the_stage_of_a_play_is_recorded(runner: Any, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    (bundle / "site.yml").write_text("- ansible.builtin.import_playbook: wait.yml\n")
    (bundle / "wait.yml").write_text(PLAY)
    run = run_of(tmp_path, INVENTORY)
    assert runner.run(run) == 4
    assert begun(run) == "wait"
    assert run.log.read_text() == "PLAY\n"


@pytest.mark.parametrize(
    ("site", "stage", "error"),
    [
        ("- import_playbook: wait.yml\n", PLAY, "KeyError"),
        ("- ansible.builtin.import_playbook: wait.yml\n", "- hosts: all\n", "KeyError: 'name'"),
        ("- ansible.builtin.import_playbook: wait.yml\n", "- name: [\n", "ParserError"),
        ("- ansible.builtin.import_playbook: gone.yml\n", PLAY, "FileNotFoundError"),
        ("", PLAY, "TypeError"),
    ],
    ids=["a short name of the module", "a play without a name", "YAML", "no file", "empty"],
)
def test_ansible_runs_where_the_stages_cannot_be_read_and_the_log_says_why(
    runner: Any, tmp_path: Path, site: str, stage: str, error: str
) -> None:
    (tmp_path / "bundle" / "site.yml").write_text(site)
    (tmp_path / "bundle" / "wait.yml").write_text(stage)
    run = run_of(tmp_path, INVENTORY)
    assert runner.run(run) == 4
    assert run.result() == {"exitCode": 4, "timedOut": False}
    assert begun(run) == ""
    log = run.log.read_text()
    assert error in log
    assert log.endswith("PLAY\n")


def test_an_error_before_ansible_starts_is_in_the_log(runner: Any, tmp_path: Path) -> None:
    run = run_of(tmp_path, "{}")
    with pytest.raises(KeyError):
        runner.run(run)
    assert run.log.read_text().endswith("KeyError: 'all'\n")
