"""Each role's argument specification is true to what the role reads and to what it gets."""

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from cluster.inventory import render_inventory
from cluster.plan import make_plan
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from lab.simulation.play import controller_program

ROOT = Path(__file__).parents[2]
PLAYBOOKS = ROOT / "playbooks"
ROLES = sorted(path.name for path in (PLAYBOOKS / "roles").iterdir())
# Facts of the controller, which the role artifacts sets for all others, and what the task files of
# the role kubeadm tell those who include them.
SHARED_FACTS = {
    "artifacts_add_on_images",
    "artifacts_by_name",
    "artifacts_images",
    "kubeadm_credential",
    "kubeadm_registered",
}
MODULES = {
    path.stem for part in ("library", "action_plugins") for path in (PLAYBOOKS / part).glob("*.py")
}
CALLS = ("ansible.builtin.include_role", "ansible.builtin.import_role")


@cache
def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None


def options(role: str) -> dict[str, dict[str, Any]]:
    """The options of all entry points of a role."""
    specs = load(PLAYBOOKS / "roles" / role / "meta/argument_specs.yml")["argument_specs"]
    return {name: option for entry in specs.values() for name, option in entry["options"].items()}


def defaults(role: str) -> dict[str, Any]:
    return load(PLAYBOOKS / "roles" / role / "defaults/main.yml") or {}


def files(role: str) -> list[Path]:
    """What Ansible templates: not the programs in files/, and not the specification itself."""
    found = [
        *(PLAYBOOKS / "roles" / role).rglob("*.yml"),
        *(PLAYBOOKS / "roles" / role).rglob("*.j2"),
    ]
    return [path for path in found if path.parent.name not in ("meta", "files")]


def words(role: str) -> set[str]:
    """Names in the role's files that may be variables: no filters, no parts of other names."""
    pattern = re.compile(r"(?<![\w./-])(?<!\| )([a-z]+(?:_[a-z0-9]+)+)\b(?!\()")
    return {word for path in files(role) for word in pattern.findall(expressions(path))}


def expressions(path: Path) -> str:
    """A file of YAML as it is; of a template, what Jinja evaluates."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".yml":
        return text
    return "\n".join(re.findall(r"\{[{%](.*?)[%}]\}", text, re.DOTALL))


def of_inventory(role: str) -> set[str]:
    return {word for word in words(role) if word.startswith("slipway_")} - MODULES


def walk(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(found for item in value.values() for found in walk(item))]
    return [found for item in value for found in walk(item)] if isinstance(value, list) else []


def tasks(role: str) -> list[dict[str, Any]]:
    folders = (PLAYBOOKS / "roles" / role / part for part in ("tasks", "handlers"))
    return walk([load(path) for folder in folders for path in folder.glob("*.yml")])


def defined(role: str) -> set[str]:
    """Variables that the role itself sets."""
    found = set(load(PLAYBOOKS / "roles" / role / "vars/main.yml") or {})
    for task in tasks(role):
        found |= {task["register"]} if isinstance(task.get("register"), str) else set()
        found |= {task["loop_var"]} if "loop_var" in task else set()
        for part in ("vars", "ansible.builtin.set_fact"):
            found |= set(task[part]) if isinstance(task.get(part), dict) else set()
    return found


def called(role: str) -> set[str]:
    return {task[call]["name"] for task in tasks(role) for call in CALLS if call in task}


@pytest.mark.parametrize("role", ROLES)
def test_each_default_is_an_option_and_each_own_option_has_a_default_or_is_required(
    role: str,
) -> None:
    own = {name for name, option in options(role).items() if not option.get("required")}
    assert own == set(defaults(role))
    assert all(option["description"].endswith(".") for option in options(role).values())


@pytest.mark.parametrize("role", ROLES)
def test_the_options_name_each_variable_of_the_inventory_that_the_role_reads(role: str) -> None:
    assert {name for name in options(role) if name.startswith("slipway_")} == of_inventory(role)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reads_no_variable_of_a_role_that_is_neither_set_nor_an_option(role: str) -> None:
    known = SHARED_FACTS | defined(role) | set(options(role))
    known |= {name for other in called(role) for name in options(other)}
    prefixes = tuple(f"{name}_" for name in ROLES)
    assert {word for word in words(role) if word.startswith(prefixes)} - known == set()
    given = {name for name in options(role) if name.startswith(f"{role}_")}
    assert given <= words(role) | set(defaults(role))


@pytest.mark.parametrize("role", ROLES)
def test_defaults_have_the_types_of_their_options(role: str) -> None:
    plain = {name: value for name, value in defaults(role).items() if "{{" not in json.dumps(value)}
    spec = {name: option for name, option in options(role).items() if name in plain}
    assert ArgumentSpecValidator(spec).validate(plain).error_messages == []


def inventory(**variables: Any) -> dict[str, Any]:
    pool = {
        "name": "gpu",
        "count": 1,
        "labels": {"tier": "ml"},
        "taints": [{"key": "gpu", "effect": "NoSchedule"}],
    }
    spec = parse_spec(
        {
            "name": "demo",
            "workers": [pool],
            "proxy": {"http": "http://proxy.example:3128"},
            "registries": [{"host": "registry.example", "mirrors": ["http://10.0.9.9/v2"]}],
        }
    )
    return render_inventory(
        make_plan(spec, ClusterRecord(name="demo", uid="u", generation=1), []),
        "demo-000001-1",
        variables,
    )


def test_the_inventory_has_every_variable_that_roles_ask_for() -> None:
    rendered = json.dumps(inventory())
    asked = {name for role in ROLES for name in options(role) if name.startswith("slipway_")}
    assert {name for name in asked if f'"{name}"' not in rendered} == set()


def test_the_labs_variables_are_options_of_roles() -> None:
    lab = json.loads((ROOT / "lab/ansible_variables.json").read_text(encoding="utf-8"))
    assert set(lab) <= {name for role in ROLES for name in options(role)}


def check(tmp_path: Path, **variables: Any) -> subprocess.CompletedProcess[str]:
    controller_program("inventory_file").write(inventory(**variables), tmp_path / "inventory.yml")
    return subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", tmp_path / "inventory.yml",
         PLAYBOOKS / "check.yml"],
        check=False, capture_output=True, text=True,
        env=os.environ | {"ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"), "HOME": str(tmp_path)},
    )  # fmt: skip


@pytest.mark.long  # Ansible takes seconds to start
def test_the_play_takes_a_plans_inventory(tmp_path: Path) -> None:
    done = check(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long  # Ansible takes seconds to start
def test_the_play_refuses_a_variable_of_the_wrong_type_before_it_reaches_a_node(
    tmp_path: Path,
) -> None:
    done = check(tmp_path, control_plane_renewal_days="soon")
    assert done.returncode != 0
    assert "argument 'control_plane_renewal_days' is of type str" in done.stdout


def plays() -> list[dict[str, Any]]:
    return [play for path in PLAYBOOKS.glob("*.yml") for play in load(path) if "hosts" in play]


def test_the_check_covers_every_role_with_options_by_a_host_of_its_plays() -> None:
    (checked,) = (play["vars"]["check_roles"] for play in plays() if play["name"] == "Check")
    assert set(checked) == {role for role in ROLES if options(role)}
    hosts: dict[str, set[str]] = {}
    for play in plays():
        for task in play["tasks"]:
            for call in CALLS:
                if call in task:
                    named = {part.partition("[")[0] for part in play["hosts"].split(":")}
                    hosts.setdefault(task[call]["name"], set()).update(named)
    for role, group in checked.items():
        callers = {name for name in ROLES if role in called(name)}
        assert group in hosts.get(role, set()).union(*(hosts.get(name, ()) for name in callers))


def test_no_role_is_checked_again_on_every_host() -> None:
    """At a thousand nodes each check would cost as much as a task; `roles:` cannot leave it out."""
    assert all("roles" not in play for play in plays())
    calls = [
        task[call]
        for task in walk([play["tasks"] for play in plays()])
        for call in CALLS
        if call in task
    ]
    calls += [
        task[call] for role in ROLES for task in tasks(role) for call in CALLS if call in task
    ]
    assert [call for call in calls if call.get("rolespec_validate") is not False] == []
