"""Decides which machines a play concerns, and in which stages.

Pure. A stage's fingerprint on a machine is a hash of everything that decides what it does there:
the content of its roles, the variables that these read, the manifest, and the names of other
machines. docs/decisions/0047-only-what-is-concerned.md describes it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from cluster.applied import AppliedStages, Fingerprints
from cluster.model import Contract
from cluster.stages import ARTIFACTS, CHECK, STAGES, VERIFY, Stage

DIGITS = 16
# What differs from machine to machine and never changes, what differs from run to run, and what
# only decides which files the controller fetches.
NOT_COMPARED = frozenset(
    {"slipway_address", "slipway_run_dir", "slipway_package_upgrades", "slipway_stages"}
)


@dataclass(frozen=True)
class StageContent:
    """What a stage's plays on one group of machines consist of.

    Attributes:
        digest: a hash of the files.
        variables: the names of the inventory's variables that the roles read.
    """

    digest: str
    variables: frozenset[str]


# By stage and group.
type Contents = Mapping[str, Mapping[str, StageContent]]


class PlayScope(Contract):
    """The machines on which a play runs each stage, by the fingerprint that they get.

    Attributes:
        stages: by stage and fingerprint; without stages that concern no machine.
        whole: every stage runs on each of its machines.
    """

    stages: dict[str, dict[str, tuple[str, ...]]]
    whole: bool = False

    def nodes(self, stage: str) -> tuple[str, ...]:
        return tuple(node for nodes in self.stages.get(stage, {}).values() for node in nodes)

    @property
    def machines(self) -> frozenset[str]:
        return frozenset(node for stage in self.stages for node in self.nodes(stage))

    @property
    def running(self) -> frozenset[str]:
        """Returns the ids of the stages that run on any machine, those of the controller
        included."""
        if not self.stages:
            return frozenset()
        fetches = any(stage.installs for stage in STAGES if stage.id in self.stages)
        return frozenset({CHECK, *self.stages} | ({ARTIFACTS} if fetches else set()))


def fingerprints(inventory: Mapping[str, Any], contents: Contents, manifest: str) -> Fingerprints:
    """Returns the fingerprints that all machines have after a play over all of them.

    Args:
        inventory: the play's inventory.
        contents: what each stage consists of.
        manifest: the checksum of the manifest from which files are installed.
    """
    top = inventory["all"]
    groups: dict[str, dict[str, dict[str, Any]]] = {
        name: group["hosts"] for name, group in top["children"]["cluster"]["children"].items()
    }
    wanted = top["vars"]["slipway_stages"]
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for stage in STAGES:
        if stage.id in wanted and stage.hosts:
            found[stage.id] = {}
            for group, members in stage.hosts.items():
                base = {
                    "content": contents[stage.id][group].digest,
                    "manifest": manifest if stage.installs else "",
                    "members": [sorted(groups[name]) for name in members],
                }
                names = contents[stage.id][group].variables - NOT_COMPARED
                hosts = list(groups[group].items())[: 1 if stage.first_only else None]
                for host, own in hosts:
                    values = {name: (top["vars"] | own).get(name) for name in sorted(names)}
                    key = _hash(base | {"group": group, "values": values})
                    found[stage.id][key] = (*found[stage.id].get(key, ()), host)
    return found


def _hash(value: Mapping[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def scope_of(wanted: Fingerprints, applied: AppliedStages, today: date) -> PlayScope:
    """Returns the machines whose fingerprint is not the wanted one, by stage."""
    kept = {
        stage.id: _concerned(stage, wanted.get(stage.id, {}), applied, today) for stage in STAGES
    }
    stages = {stage: found for stage, found in kept.items() if found}
    if stages and VERIFY in wanted:
        stages[VERIFY] = {key: tuple(nodes) for key, nodes in wanted[VERIFY].items()}
    return PlayScope(stages=stages, whole=_count(stages) == _count(wanted))


def whole_scope(wanted: Fingerprints) -> PlayScope:
    """Returns the scope of a play over all machines."""
    return PlayScope(stages={stage: dict(found) for stage, found in wanted.items()}, whole=True)


def _concerned(
    stage: Stage, wanted: Mapping[str, tuple[str, ...]], applied: AppliedStages, today: date
) -> dict[str, tuple[str, ...]]:
    there = applied.fingerprint(stage.id, today, stage.holds_days)
    found = {
        key: concerned
        for key, nodes in wanted.items()
        if (concerned := tuple(node for node in nodes if there.get(node) != key))
    }
    return dict(wanted) if found and stage.together else found


def _count(stages: Fingerprints) -> int:
    return sum(len(nodes) for found in stages.values() for nodes in found.values())


def group_of_stage(stage: str) -> str:
    """Returns the inventory's group of the machines on which a play runs a stage."""
    return f"stage_{stage.replace('-', '_')}"


def stage_groups(scope: PlayScope, controller: str) -> dict[str, dict[str, Any]]:
    """Returns the inventory's groups of stages, and the group of all machines of the play."""

    def group(names: Iterable[str]) -> dict[str, Any]:
        return {"hosts": {name: {} for name in names}}

    found = {
        group_of_stage(stage.id): group(
            scope.nodes(stage.id)
            if stage.hosts
            else [controller]
            if stage.id in scope.running
            else []
        )
        for stage in STAGES
    }
    return found | {"concerned": group(sorted(scope.machines))}
