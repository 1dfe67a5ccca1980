"""Roles use each other as a whole; the tasks that several roles need are in the role kubeadm."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = Path(__file__).parents[2] / "playbooks/roles"
# Its task files are meant for other roles: it has no tasks of its own.
SHARED = "kubeadm"
ROLE_ACTIONS = ("ansible.builtin.include_role", "ansible.builtin.import_role")
TASK_ACTIONS = ("ansible.builtin.include_tasks", "ansible.builtin.import_tasks")


def tasks(document: Any) -> Iterator[dict[str, Any]]:
    """Each task of a task file, those in blocks too."""
    for task in document or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks(task.get(part))


def reached(role: str, task: dict[str, Any]) -> str:
    """What the task takes from inside of another role; "" for nothing."""
    for action in ROLE_ACTIONS:
        called = task.get(action, {})
        if called.get("name") not in (None, role, SHARED) and "tasks_from" in called:
            return f"{called['name']}: {called['tasks_from']}"
    for action in TASK_ACTIONS:
        called = task.get(action, "")
        file = called["file"] if isinstance(called, dict) else called
        if "/" in file:
            return file
    return ""


def task_files() -> list[Path]:
    return sorted(path for part in ("tasks", "handlers") for path in ROLES.glob(f"*/{part}/*.yml"))


@pytest.mark.parametrize("path", task_files(), ids=lambda path: str(path.relative_to(ROLES)))
def test_no_role_uses_single_task_files_of_another_role(path: Path) -> None:
    role = path.relative_to(ROLES).parts[0]
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert [text for task in tasks(found) if (text := reached(role, task))] == []


@pytest.mark.parametrize(
    "task",
    [
        {"ansible.builtin.include_role": {"name": "control_plane", "tasks_from": "token"}},
        {"ansible.builtin.import_role": {"name": "certificates", "tasks_from": "main"}},
        {"ansible.builtin.include_tasks": "../../control_plane/tasks/token.yml"},
        {"ansible.builtin.import_tasks": {"file": "/roles/control_plane/tasks/token.yml"}},
    ],
)
def test_a_task_that_reaches_into_another_role_is_found(task: dict[str, Any]) -> None:
    assert [reached("worker", found) != "" for found in tasks([{"block": [task]}])] == [False, True]


def test_the_shared_role_has_no_tasks_of_its_own() -> None:
    assert not (ROLES / SHARED / "tasks/main.yml").exists()
    called = {
        task[action]["tasks_from"]
        for path in task_files()
        for task in tasks(yaml.safe_load(path.read_text(encoding="utf-8")))
        for action in ROLE_ACTIONS
        if task.get(action, {}).get("name") == SHARED
    }
    assert called == {path.stem for path in (ROLES / SHARED / "tasks").glob("*.yml")}
