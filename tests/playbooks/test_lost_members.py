"""Which etcd members a play treats as lost, and when it stops: the role's own tasks, run here."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# Ansible takes seconds to start.
pytestmark = pytest.mark.long

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
PLAY = [
    {
        "hosts": "etcd",
        "gather_facts": False,
        "any_errors_fatal": True,
        "vars": {"etcd_user": {"uid": os.getuid()}},
        "tasks": [
            {"ansible.builtin.include_vars": {"file": str(PLAYBOOKS / "roles/etcd/vars/main.yml")}},
            {
                "ansible.builtin.include_tasks": {
                    "file": str(PLAYBOOKS / "roles/etcd/tasks/lost.yml")
                }
            },
            {
                "ansible.builtin.copy": {
                    "dest": "{{ etcd_data }}.lost",
                    "content": "{{ etcd_lost }}",
                }
            },
        ],
    }
]


def play(directory: Path, data: list[bool], formed: list[bool], *, served: bool = False) -> Any:
    """Runs the tasks for as many members: who is lost, or what stopped the play."""
    (directory / "served").write_text("") if served else None
    hosts: dict[str, Any] = {}
    for index, (has, was) in enumerate(zip(data, formed, strict=True)):
        own = directory / f"e{index}"
        if has:
            (own / "member-data/member/wal").mkdir(parents=True)
        if was:
            (directory / f"e{index}.formed").write_text("")
        hosts[f"e{index}"] = {"etcd_data": str(own), "etcd_formed": f"{own}.formed"}
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "etcd_served_mark": str(directory / "served"),
    }
    inventory = {"etcd": {"hosts": hosts}, "control_plane": {"hosts": {"c0": {}}}}
    (directory / "hosts.json").write_text(
        json.dumps({"all": {"vars": variables, "children": inventory}})
    )
    (directory / "play.json").write_text(json.dumps(PLAY))
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", "hosts.json", "play.json"],
        cwd=directory, check=False, capture_output=True, text=True, timeout=100,
        env=os.environ | {"ANSIBLE_LOCALHOST_WARNING": "false", "HOME": str(directory)},
    )  # fmt: skip
    if done.returncode:
        return done.stdout
    return [(directory / f"e{i}.lost").read_text() == "True" for i in range(len(data))]


ALL, NONE = [True] * 3, [False] * 3


@pytest.mark.parametrize(
    ("data", "formed", "lost"),
    [
        (NONE, NONE, NONE),
        (ALL, ALL, NONE),
        ([True, False, True], [True, False, True], [False, True, False]),
        # A first start that never had its quorum: those without data start with the others.
        ([True, False, False], NONE, NONE),
        # A new machine with the disk of the old one.
        (ALL, [True, False, True], NONE),
    ],
)
def test_lost_is_who_has_no_data_while_another_was_in_a_formed_cluster(
    tmp_path: Path, data: list[bool], formed: list[bool], lost: list[bool]
) -> None:
    assert play(tmp_path, data, formed) == lost


def test_without_a_majority_the_play_stops(tmp_path: Path) -> None:
    told = play(tmp_path, [True, False, False], [True, False, False])
    assert "etcd lost its majority: e1, e2 of 3 members are without data" in told


def test_an_empty_etcd_under_a_living_cluster_stops_the_play(tmp_path: Path) -> None:
    assert "but there was a cluster" in play(tmp_path, NONE, NONE, served=True)
