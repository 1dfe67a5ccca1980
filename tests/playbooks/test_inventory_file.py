"""Ansible takes no variable of the inventory for a template, whatever text it has."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.inventory import render_inventory
from cluster.plan import make_plan
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from lab.simulation.play import controller_program

# Ansible takes seconds to start.
pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
HOSTILE = (
    "",
    "{{ 7 * 191 }}",
    "{{ lookup('ansible.builtin.pipe', 'touch ' ~ marker) }}",
    "{% for each in [1] %}1337{% endfor %}",
    "{# 1337 #}",
    '"quoted" \\ \n é 😀 \x7f \x85 \u2028 !unsafe',
)


def rendered() -> dict[str, Any]:
    """The inventory of a spec that fills every field which reaches the play."""
    taint = {"key": "gpu", "value": "a", "effect": "NoSchedule"}
    pool = {"name": "gpu", "count": 2, "labels": {"tier": "ml"}, "taints": [taint]}
    spec = parse_spec(
        {
            "name": "demo",
            "workers": [pool],
            "proxy": {"http": "http://proxy.example:3128", "noProxy": ["internal.example"]},
            "registries": [{"host": "registry.example", "mirrors": ["http://10.0.9.9/v2"]}],
            "artifacts": {"url": "http://10.0.9.8:8000", "manifestSha256": "0" * 64},
            "packageMirror": "http://10.0.9.8/debian",
        }
    )
    plan = make_plan(spec, ClusterRecord(name="demo", uid="u", generation=1), [])
    extra = {"control_plane_kubelet_settings": {"a": "text"}, "base_packages": ["text"]}
    return render_inventory(plan, "demo-000001-1", extra)


def altered(value: Any, change: Callable[[str], str]) -> Any:
    """The variables with every text in them changed, keys of mappings too."""
    if isinstance(value, dict):
        return {change(key): altered(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [altered(item, change) for item in value]
    return change(value) if isinstance(value, str) else value


def hostile(inventory: dict[str, Any], text: str) -> dict[str, Any]:
    """`inventory` with `text` in all variables; names of hosts, of groups and of variables stay."""

    def variables(found: dict[str, Any]) -> dict[str, Any]:
        kept = {name for name in found if name.startswith("ansible_")}
        return {
            name: found[name] if name in kept else altered(found[name], lambda one: one + text)
            for name in found
        }

    everything = inventory["all"]
    groups = everything["children"]["cluster"]["children"] | {
        "controller": everything["children"]["controller"]
    }
    for group in groups.values():
        group["hosts"] = {name: variables(host) for name, host in group["hosts"].items()}
    everything["vars"] = variables(everything["vars"])
    return inventory


def read_by_ansible(folder: Path, inventory: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each host's variables as tasks see them: one by one, as part of a text, and by a fact."""
    controller_program("inventory_file").write(inventory, folder / "inventory.yml")
    play = {
        "hosts": "all",
        "connection": "local",
        "gather_facts": False,
        "vars": {
            "ansible_python_interpreter": sys.executable,
            "marker": str(folder / "marker"),
            "mine": "{{ hostvars[inventory_hostname] }}",
            "own": "{{ mine | select('match', 'slipway_|control_|base_') }}",
            "read": "{{ dict(own | zip(own | map('extract', mine))) }}",
        },
        "tasks": [
            {"ansible.builtin.set_fact": {"fact": "{{ 'a ' ~ slipway_cluster }}"}},
            {"ansible.builtin.set_fact": {"again": "{{ fact ~ ' ' ~ slipway_address }}"}},
            {
                "ansible.builtin.copy": {
                    "content": "{{ read | combine({'again': again}) | to_json }}",
                    "dest": str(folder / "{{ inventory_hostname }}.json"),
                }
            },
        ],
    }
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", folder / "inventory.yml",
         folder / "play.yml"],
        check=False, capture_output=True, text=True,
        env=os.environ | {"ANSIBLE_CONFIG": str(ROOT / "playbooks/ansible.cfg"),
                          "HOME": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_variable_is_evaluated(tmp_path: Path, text: str) -> None:
    inventory = hostile(rendered(), text)
    found = read_by_ansible(tmp_path, inventory)
    assert not (tmp_path / "marker").exists()
    shared = inventory["all"]["vars"]
    groups = inventory["all"]["children"]["cluster"]["children"]
    hosts = {name: host for group in groups.values() for name, host in group["hosts"].items()}
    hosts |= inventory["all"]["children"]["controller"]["hosts"]
    assert set(found) == set(hosts)
    for name, host in hosts.items():
        wanted = {key: value for key, value in (shared | host).items() if key in found[name]}
        assert len(wanted) >= len(shared) - 1  # without Ansible's own variable
        read = found[name]
        assert {key: read[key] for key in wanted} == wanted
        assert read["again"] == f"a {shared['slipway_cluster']} {host['slipway_address']}"


LIKE_NUMBERS = ["1.30", "null", "true", "0x1", "1e3", "", "~", "2026-11-29", "<<", "=", "{", "{}"]


def test_a_text_stays_a_text(tmp_path: Path) -> None:
    """Ansible reads a tagged text as a number if it looks like one."""
    inventory = rendered()
    inventory["all"]["vars"]["slipway_texts"] = LIKE_NUMBERS
    inventory["all"]["vars"]["slipway_keys"] = dict.fromkeys(LIKE_NUMBERS, "x")
    for host in read_by_ansible(tmp_path, inventory).values():
        assert host["slipway_texts"] == LIKE_NUMBERS
        assert host["slipway_keys"] == dict.fromkeys(LIKE_NUMBERS, "x")
