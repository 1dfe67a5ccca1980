"""Compares what there is with what there should be, once nothing goes on any more."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from clients.store import UnreadableRecord
from cluster.contracts import FinishInput, RunRef
from cluster.names import CLUSTER_TAG, instance_id, run_blob
from cluster.ownership import GROUP_TAG, UID_TAG
from cluster.record import ClusterRecord
from lab.testing.simulated_plays import started_plays
from tests.kills.callers import Book
from tests.kills.installation import SLACK, Installation, notes

TAG_MESSAGE = ":x: resource group "
GOING_ON = ("Running", "Pending", "ContinuedAsNew", "Suspended")


@dataclass
class Audit:
    """Each method returns what is wrong, as texts: nothing, if all is well."""

    app: Installation
    book: Book

    @cached_property
    def records(self) -> dict[str, ClusterRecord]:
        found = list(self.app.services.store.records())
        assert not [one for one in found if isinstance(one, UnreadableRecord)]
        read = [self.app.services.store.need_record(one.name)[0] for one in found]
        return {record.name: record for record in read}

    @cached_property
    def runs(self) -> dict[RunRef, FinishInput | None]:
        """The result of each run that was ever claimed."""
        refs = (
            RunRef(cluster=record.name, generation=generation)
            for record in self.records.values()
            for generation in range(1, record.generation + 1)
        )
        return {ref: self.app.services.store.result(ref) for ref in refs}

    def going_on(self) -> list[str]:
        """What is not quiet yet."""
        self.__dict__.pop("records", None)
        self.__dict__.pop("runs", None)
        return [f"{record.name}: {record.state}" for record in self.records.values() if record.busy]

    def lost(self) -> list[str]:
        """Operations without an end: accepted or claimed and without a result, or accepted and
        lost by the engine."""
        paths = {
            f"/api/clusters/{ref.cluster}/operations/{ref.generation}": result
            for ref, result in self.runs.items()
        }
        unknown = sorted(self.book.accepted - paths.keys())
        return [f"{path}: never claimed" for path in unknown] + [
            f"{path}: {'RunLost' if result else 'no result'}"
            for path, result in paths.items()
            if result is None or (path in self.book.accepted and _is_lost(result))
        ]

    def ends(self) -> dict[str, int]:
        """How the runs ended, by result and cause."""
        found = Counter(
            f"{result.result} {result.cause.code if result.cause else ''}".strip()
            for result in self.runs.values()
            if result
        )
        return dict(sorted(found.items()))

    def shown_and_not_running(self) -> list[str]:
        """Records that say that a run goes on which does not, and instances that go on."""
        alive = [
            instance_id(ref.cluster, ref.generation)
            for ref in self.runs
            if self.app.runtime_status(instance_id(ref.cluster, ref.generation)) in GOING_ON
        ]
        listed = self.app.send("GET", "/api/clusters?deleted=true").json()["clusters"]
        states = {one["name"]: one["state"] for one in listed}
        wrong = [n for n, s in states.items() if s in ("running", "pending", "deleting")]
        wrong += [r.name for r in self.records.values() if r.busy or r.state == "running"]
        return alive + wrong + sorted(self.records.keys() - states.keys())

    def duplicates(self) -> dict[str, list[str]]:
        """Effects that happened more than once, by their kind."""
        versions = self.app.facade.vault.secrets | {
            name: one["versions"] for name, one in self.app.facade.vault.deleted.items()
        }
        return {
            "deployments": _repeated(self.app.deployed),
            "machines": self.app.fabric.twice,
            "secret versions": [
                name
                for name, known in versions.items()
                if len(known) > self.book.versions.get(name, 1)
            ],
            "plays": _repeated(started_plays(self.app.folder / "machines")),
            "events": self._events(),
            "Slack messages": self._slack(),
        }

    def counted(self) -> dict[str, int]:
        """How many effects there were at all."""
        lines = sum(len(self.app.services.store.events(ref)) for ref in self.runs)
        return {
            "deployments": len(self.app.deployed),
            "machines": self.app.fabric.made,
            "plays": len(started_plays(self.app.folder / "machines")),
            "events": lines,
            "Slack messages": len(self._posted()),
            "secrets set": self.app.facade.vault.sets,
            "runs": len(self.runs),
            "accepted operations": len(self.book.accepted),
        }

    def orphans(self) -> dict[str, list[str]]:
        """What is in Azure and in the vault without a record that lives."""
        owners = {(r.name, r.uid) for r in self.records.values() if not r.is_tombstone}
        arm = self.app.facade.arm.state
        machines = {
            f"{one['group']}/{one['name']}".lower()
            for one in arm.of_type("microsoft.compute/virtualmachines")
        }
        return {
            "groups": [
                name
                for name, group in arm.groups.items()
                if GROUP_TAG in group["tags"] and _owner(group, GROUP_TAG) not in owners
            ],
            "resources": [
                one["id"]
                for one in arm.resources.values()
                if not _is_part(one) and _owner(one, CLUSTER_TAG) not in owners
            ],
            "machines": sorted(machines ^ set(self.app.fabric.ids())),
            "secrets": [
                name
                for name, known in self.app.facade.vault.secrets.items()
                if name != SLACK and _owner(known[-1], CLUSTER_TAG) not in owners
            ],
        }

    def left(self) -> list[str]:
        """Everything that is left, for the end, when every cluster is removed."""
        arm, vault = self.app.facade.arm.state, self.app.facade.vault
        groups = [name for name, one in arm.groups.items() if GROUP_TAG in one["tags"]]
        secrets = [name for name in vault.secrets if name != SLACK]
        return [*groups, *arm.resources, *secrets, *self.app.fabric.ids()]

    def superseded(self) -> dict[str, int]:
        """Executions of runs after a newer operation of their cluster was claimed.

        `begun and done`: began after the claim and were not refused. `refused`: the fence refused
        them. `killed`: their worker died before the fence answered, or after it. `in flight`: began
        before the claim, ended after it, and may change something. Activities that only report, or
        that only end what the run itself began, are not counted.
        """
        lines = notes(self.app)
        claims: dict[tuple[str, int], float] = {}
        for line in lines:
            claims.setdefault((line["run"][0], line["run"][1]), line["at"])
        ends = {line["execution"]: line for line in lines if line["kind"] == "ended"}
        found: dict[str, int] = dict.fromkeys(
            ("begun and done", "refused", "killed", "in flight"), 0
        )
        for line in lines:
            if line["kind"] != "began" or line["exempt"]:
                continue
            cluster, generation = line["run"]
            newer = [
                at for (name, number), at in claims.items()
                if name == cluster and number > generation
            ]  # fmt: skip
            if not newer:
                continue
            end = ends.get(line["execution"])
            if line["at"] > min(newer):
                refused = end is not None and end["code"] in ("Superseded", "RunEnded")
                found["refused" if refused else "begun and done" if end else "killed"] += 1
            elif line["changes"] and (end is None or end["at"] > min(newer)):
                found["in flight"] += 1 if end else 0
        return found

    def _events(self) -> list[str]:
        """Runs whose events are not each there once and in order, or that began or ended twice."""
        wrong: list[str] = []
        for ref in self.runs:
            events = self.app.services.store.events(ref)
            if [event.seq for event in events] != list(range(1, len(events) + 1)):
                wrong.append(f"{ref}: numbers")
            once = [
                (event.kind, event.subject)
                for event in events
                if event.kind.startswith(("run.", "phase."))
            ]
            wrong += [f"{ref}: {what}" for what in _repeated(map(str, once))]
        return wrong

    def _slack(self) -> list[str]:
        """Messages of runs that were posted more often than they were claimed.

        Messages about tags that start nothing belong to no run. They come at least once
        (`runs/refused_tags.py`).
        """
        posted = Counter(text for text in self._posted() if not text.startswith(TAG_MESSAGE))
        claimed: Counter[str] = Counter()
        blobs = self.app.services.store.blobs
        for ref in self.runs:
            for name in blobs.list(run_blob(ref.cluster, ref.generation, "slack/")):
                if name.endswith(".claimed.json") and (found := blobs.read(name)):
                    claimed[self._key(ref, json.loads(found[0])["lines"])] += 1
        return list((posted - claimed).elements())

    @staticmethod
    def _key(ref: RunRef, lines: list[str]) -> str:
        text = "\n".join((f"`{instance_id(ref.cluster, ref.generation)}`", *lines))
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    def _posted(self) -> list[str]:
        path = self.app.folder / "slack.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [json.loads(line)["text"] for line in lines]


def _is_lost(result: FinishInput) -> bool:
    return result.cause is not None and result.cause.code == "RunLost"


def _is_part(resource: dict[str, Any]) -> bool:
    """Returns whether it is a part of another resource, such as a subnet. A part has no tags."""
    return resource["type"].count("/") > 1


def _owner(one: dict[str, Any], key: str) -> tuple[str, str]:
    tags = one.get("tags") or {}
    return tags.get(key, ""), tags.get(UID_TAG, "")


def _repeated(texts: Iterable[str]) -> list[str]:
    return [text for text, count in Counter(texts).items() if count > 1]
