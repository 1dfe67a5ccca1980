"""What each stage of the play consists of: the content of its files, and the variables it reads."""

import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import yaml

from cluster.concern import Contents, StageContent
from cluster.stages import CONTROL_PLANES, MEMBERS, STAGES, WORKERS

PLAYBOOKS = Path(__file__).resolve().parent.parent / "playbooks"
SKIPPED = {"__pycache__", ".ansible"}
CLUSTER = "cluster"
CALLS = ("ansible.builtin.import_role", "ansible.builtin.include_role")
# Used by all roles.
SHARED = ("ansible.cfg", "action_plugins", "filter_plugins", "library")


@functools.cache
def stage_contents() -> Contents:
    """Returns the content of each stage's plays by group of machines."""
    shared = tuple(file for name in SHARED for file in _files(PLAYBOOKS / name))
    found: dict[str, dict[str, StageContent]] = {}
    for stage in STAGES:
        plays = cast(list[dict[str, Any]], _yaml(PLAYBOOKS / stage.playbook))
        found[stage.id] = {
            group: _content([play for play in plays if group in _groups(play)], shared)
            for group in stage.hosts
        }
    return found


@functools.cache
def manifest_checksum() -> str:
    """Returns the checksum of the manifest that is used without a mirror."""
    return hashlib.sha256((PLAYBOOKS / "vars/manifest.yml").read_bytes()).hexdigest()


def _groups(play: dict[str, Any]) -> set[str]:
    """Returns the groups that a play runs on. Its pattern is the groups, and the stage's own."""
    named = {part.partition("[")[0] for part in str(play["hosts"]).partition(":&")[0].split(":")}
    return {CONTROL_PLANES, WORKERS, MEMBERS} if CLUSTER in named else named


def _content(plays: list[dict[str, Any]], shared: tuple[Path, ...]) -> StageContent:
    roles = _with_called({name for play in plays for name in _called(play)})
    digest = hashlib.sha256(repr(plays).encode())
    for file in (*shared, *(file for role in roles for file in _files(_role(role)))):
        digest.update(f"{file.relative_to(PLAYBOOKS)}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    variables = frozenset(name for role in roles for name in _variables(role))
    return StageContent(digest=digest.hexdigest(), variables=variables)


def _with_called(roles: set[str]) -> list[str]:
    """Returns the roles, and those that they call, in a fixed order."""
    found, pending = set[str](), set(roles)
    while pending:
        role = pending.pop()
        found.add(role)
        folders = (_role(role) / "tasks", _role(role) / "handlers")
        files = (file for folder in folders for file in _files(folder))
        pending |= {name for file in files for name in _called(_yaml(file))} - found
    return sorted(found)


def _called(value: Any) -> Iterator[str]:
    """Yields the names of the roles that plays or tasks call."""
    if isinstance(value, list):
        for item in cast(list[Any], value):
            yield from _called(item)
    elif isinstance(value, dict):
        for key, item in cast(dict[str, Any], value).items():
            if key in CALLS:
                yield str(item["name"])
            else:
                yield from _called(item)


def _variables(role: str) -> Iterator[str]:
    """Yields the names of the variables that a role's argument specification has."""
    specs = _yaml(_role(role) / "meta/argument_specs.yml")["argument_specs"]
    for entry in specs.values():
        yield from entry["options"]


def _role(name: str) -> Path:
    return PLAYBOOKS / "roles" / name


def _files(place: Path) -> list[Path]:
    """Returns a file, or all files of a folder, in a fixed order."""
    found = [place] if place.is_file() else sorted(place.rglob("*"))
    return [file for file in found if file.is_file() and not SKIPPED.intersection(file.parts)]


def _yaml(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))
