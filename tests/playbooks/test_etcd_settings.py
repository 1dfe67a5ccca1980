"""Settings that the members of one etcd must have in common, from the role's own files."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

# Ansible takes seconds to start.
pytestmark = pytest.mark.long

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
ETCD = PLAYBOOKS / "roles/etcd"
GIB = 1024**3
# What differs from member to member.
OWN = {
    "name",
    "advertise-client-urls",
    "initial-advertise-peer-urls",
    "listen-client-urls",
    "listen-peer-urls",
}


def configurations(
    directory: Path, disks: list[int], databases: list[int | None]
) -> list[dict[str, Any]]:
    """Returns the configuration of each member. `databases`: None without a file."""
    hosts: dict[str, Any] = {}
    for index, (disk, database) in enumerate(zip(disks, databases, strict=True)):
        found = {"exists": False} if database is None else {"exists": True, "size": database}
        hosts[f"e{index}"] = {
            "etcd_disk": {"stdout": str(disk)},
            "etcd_database": {"stat": found},
            "slipway_address": f"10.0.0.{index + 4}",
        }
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "slipway_cluster": "demo",
        "etcd_lost": False,
        "etcd_pki": "/etc/etcd/pki",
        "etcd_data": "/var/lib/etcd",
        "etcd_initial": list(hosts),
        "etcd_cluster_state": "new",
    }
    play = {
        "hosts": "etcd",
        "gather_facts": False,
        "tasks": [
            {"ansible.builtin.include_vars": {"file": str(ETCD / "vars/main.yml")}},
            {
                "ansible.builtin.template": {
                    "src": str(ETCD / "templates/etcd.yml.j2"),
                    "dest": f"{directory}/{{{{ inventory_hostname }}}}.yml",
                }
            },
        ],
    }
    inventory = {"all": {"vars": variables, "children": {"etcd": {"hosts": hosts}}}}
    (directory / "hosts.json").write_text(json.dumps(inventory))
    (directory / "play.json").write_text(json.dumps([play]))
    subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", "hosts.json", "play.json"],
        cwd=directory, check=True, capture_output=True, text=True, timeout=100,
        env=os.environ
        | {
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_FILTER_PLUGINS": str(PLAYBOOKS / "filter_plugins"),
            "HOME": str(directory),
        },
    )  # fmt: skip
    return [yaml.safe_load((directory / f"{host}.yml").read_text()) for host in hosts]


@pytest.mark.parametrize(
    ("disks", "databases", "quota"),
    [
        ([31 * GIB] * 3, [None] * 3, 8 * GIB),
        # A member on a disk that was made again, and files around half of it.
        ([8 * GIB, 8 * GIB - 4096 * 700, 8 * GIB], [None, GIB, GIB], (4 * GIB) - 2 * 1024**2),
        ([4 * GIB] * 3, [3 * GIB, 1 * GIB, None], 4 * GIB * 9 // 10),
        ([9 * GIB], [None], 4 * GIB + GIB // 2),
    ],
)
def test_all_members_have_the_same_settings_whatever_their_disks_and_databases(
    tmp_path: Path, disks: list[int], databases: list[int | None], quota: int
) -> None:
    found = configurations(tmp_path, disks, databases)
    common = [{key: value for key, value in one.items() if key not in OWN} for one in found]
    assert all(one == common[0] for one in common)
    assert common[0]["quota-backend-bytes"] == quota // 1024**2 * 1024**2
    assert "initial-cluster-token" in common[0]
