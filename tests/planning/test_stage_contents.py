"""What a stage consists of is read from the playbooks, and the table of stages agrees with them."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.concern import group_of_stage
from cluster.stages import CONTROL_PLANES, MEMBERS, STAGES, WORKERS
from planning import stage_contents as module
from planning.stage_contents import PLAYBOOKS, stage_contents

GROUPS = {CONTROL_PLANES, WORKERS, MEMBERS}
# Where roles look up a group whose list of machines changes nothing on the machine: the first
# control plane runs delegated tasks; a mark on the control planes stops etcd's play; a proxy's
# exceptions are read at the next start and never restart anything.
LOOKED_UP = {
    ("kubeadm", CONTROL_PLANES),
    ("worker", CONTROL_PLANES),
    ("network", CONTROL_PLANES),
    ("etcd", CONTROL_PLANES),
    ("runtime", WORKERS),
    # In the list of machines, which the stage `workers` writes.
    ("control_plane", WORKERS),
}
# This play calls one file of tasks of a role.
LIST_OF_MACHINES = ("workers", CONTROL_PLANES)


def plays(stage: Any) -> list[dict[str, Any]]:
    return yaml.safe_load((PLAYBOOKS / stage.playbook).read_text(encoding="utf-8"))


def hosts(play: dict[str, Any]) -> set[str]:
    named = set(re.split(r"[:&]+", play["hosts"].replace("[0]", "")))
    return {MEMBERS, CONTROL_PLANES, WORKERS} if "cluster" in named else named & GROUPS


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.id)
def test_the_plays_of_a_stage_run_on_the_groups_of_the_table_and_on_those_concerned(
    stage: Any,
) -> None:
    found = plays(stage)
    assert {group for play in found for group in hosts(play)} == set(stage.hosts)
    if stage.id != "check":
        assert all(p["hosts"].endswith(f":&{group_of_stage(stage.id)}") for p in found)
    assert stage.first_only == any("[0]" in play["hosts"] for play in found)


def roles_of(stage: Any, group: str) -> list[str]:
    called = {n for p in plays(stage) if group in hosts(p) for n in module._called(p)}  # pyright: ignore[reportPrivateUsage]
    return module._with_called(called)  # pyright: ignore[reportPrivateUsage]


def text_of(role: str) -> str:
    files = (PLAYBOOKS / "roles" / role).rglob("*")
    return "\n".join(
        file.read_text(encoding="utf-8")
        for file in files
        if file.suffix in (".yml", ".j2") and "meta" not in file.parts
    )


@pytest.mark.parametrize("stage", [s for s in STAGES if s.hosts], ids=lambda stage: stage.id)
def test_the_table_names_each_group_whose_machines_a_role_writes_down(stage: Any) -> None:
    for group, members in stage.hosts.items():
        if (stage.id, group) == LIST_OF_MACHINES:
            continue
        looked = {
            (role, found)
            for role in roles_of(stage, group)
            for found in re.findall(r"groups\['(\w+)'\]", text_of(role))
            if found in GROUPS
        }
        assert {found for _, found in looked - LOOKED_UP} - set(members) == set(), group


def test_the_list_of_machines_has_those_that_the_table_names() -> None:
    variables = yaml.safe_load((PLAYBOOKS / "roles/control_plane/vars/main.yml").read_text())
    listed = set(re.findall(r"groups\['(\w+)'\]", variables["control_plane_machines"]))
    workers = next(stage for stage in STAGES if stage.id == LIST_OF_MACHINES[0])
    assert listed == set(workers.hosts[LIST_OF_MACHINES[1]])


@pytest.mark.parametrize("stage", [s for s in STAGES if s.hosts], ids=lambda stage: stage.id)
def test_a_stage_installs_files_if_its_roles_read_the_manifest(stage: Any) -> None:
    played = (group for group in stage.hosts if (stage.id, group) != LIST_OF_MACHINES)
    groups = [roles_of(stage, group) for group in played]
    reads = any("artifacts_" in text_of(role) for roles in groups for role in roles)
    assert reads == stage.installs


def test_a_roles_content_includes_the_roles_that_it_calls() -> None:
    control_plane = next(stage for stage in STAGES if stage.id == "control-plane")
    assert roles_of(control_plane, CONTROL_PLANES) == ["certificates", "control_plane", "kubeadm"]


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("roles/runtime/templates/config-v3.toml.j2", {"runtime"}),
        ("roles/kubeadm/files/kubelet-credential.py", {"control-plane", "workers"}),
        ("roles/certificates/files/sign-certificate.py", {"etcd", "control-plane", "workers"}),
        ("etcd.yml", {"etcd"}),
        ("library/slipway_tree.py", {stage.id for stage in STAGES if stage.hosts}),
        ("controller/runner.py", set()),
        ("roles/artifacts/tasks/main.yml", set()),
    ],
)
def test_a_changed_file_changes_the_stages_that_use_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str, stages: set[str]
) -> None:
    copy = tmp_path / "playbooks"
    shutil.copytree(PLAYBOOKS, copy)
    monkeypatch.setattr(module, "PLAYBOOKS", copy)
    before = stage_contents.__wrapped__()
    changed = copy / file
    changed.write_text(changed.read_text(encoding="utf-8") + "\n- name: more\n  hosts: etcd\n")
    now = stage_contents.__wrapped__()
    assert {stage for stage in before if before[stage] != now[stage]} == stages


def test_the_content_is_that_of_the_files_and_not_of_their_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = stage_contents.__wrapped__()
    shutil.copytree(PLAYBOOKS, tmp_path / "elsewhere")
    (tmp_path / "elsewhere/library/__pycache__").mkdir(exist_ok=True)
    (tmp_path / "elsewhere/library/__pycache__/x.pyc").write_bytes(b"x")
    monkeypatch.setattr(module, "PLAYBOOKS", tmp_path / "elsewhere")
    assert stage_contents.__wrapped__() == before
