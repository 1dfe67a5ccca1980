"""Reads and writes the cluster's records in blob storage as models. `cluster.names` names the
blobs."""

import json
from collections.abc import Iterable

from clients.azure.blobs import Conflict
from clients.backup_store import BackupStore
from clients.errors import Refused
from clients.page_session_store import PageSessionStore
from clients.play_store import PlayStore
from clients.record_store import UnreadableRecord, to_json
from clients.stored_documents import read_checks, read_document, read_states, read_texts
from clients.turn_store import TurnStore
from cluster import names
from cluster.contracts import Check, FinishInput, RunRef
from cluster.events import Event, from_lines
from cluster.outcomes import Cause
from cluster.plan import Plan
from cluster.record import ClusterRecord, RemovalProgress
from cluster.spec import ClusterSpec

__all__ = ["Store", "UnreadableRecord"]

UNREADABLE_RESULT = "ResultUnreadable"


class Store(PlayStore, BackupStore, TurnStore, PageSessionStore):
    """Reads and writes records, plans and results."""

    def spec(self, record: ClusterRecord) -> ClusterSpec:
        """Returns the spec that the record holds, whatever version wrote it.

        Raises:
            Refused: this version cannot read it.
        """
        return read_document(ClusterSpec, record.spec, f"spec of {record.name}")

    def plan(self, ref: RunRef) -> Plan | None:
        name = names.run_blob(ref.cluster, ref.generation, "plan.json")
        found = self.blobs.read(name)
        return read_document(Plan, found[0], name) if found else None

    def need_plan(self, ref: RunRef) -> Plan:
        """Returns the run's plan.

        Raises:
            Refused: PlanMissing.
        """
        plan = self.plan(ref)
        if plan is None:
            raise Refused("PlanMissing", f"the plan of operation {ref.generation} is gone", [])
        return plan

    def keep_plan(self, ref: RunRef, plan: Plan) -> Plan:
        """Stores the plan unless the run has one, and returns the run's plan.

        If another execution stored a plan first, that one is returned: a run never gets a second
        plan.
        """
        name = names.run_blob(ref.cluster, ref.generation, "plan.json")
        try:
            self.blobs.write(name, to_json(plan), if_none_match=True)
        except Conflict:
            return self.need_plan(ref)
        return plan

    def public_keys(self, cluster: str) -> dict[str, str]:
        """Returns node name to public host key. The cluster's own public key has the name `""`."""
        name = names.public_keys_blob(cluster)
        found = self.blobs.read(name)
        return read_texts(found[0], name) if found else {}

    def save_public_keys(self, cluster: str, keys: dict[str, str]) -> None:
        data = json.dumps(keys, sort_keys=True).encode()
        self.blobs.write(names.public_keys_blob(cluster), data)

    def node_states(self, ref: RunRef) -> dict[str, str]:
        """Returns node name to `ready` or `failed`. A node that has not reported is absent."""
        name = names.run_blob(ref.cluster, ref.generation, "nodes.json")
        found = self.blobs.read(name)
        return read_states(found[0], name) if found else {}

    def add_node_states(self, ref: RunRef, states: dict[str, str]) -> dict[str, str]:
        """Adds states and returns all of them.

        States that another execution wrote meanwhile are kept, and a ready node stays ready.
        """

        def merged(there: dict[str, str]) -> dict[str, str]:
            ready = {name: state for name, state in there.items() if state == "ready"}
            return there | states | ready

        name = names.run_blob(ref.cluster, ref.generation, "nodes.json")
        data = self.merge(name, lambda old: json.dumps(merged(read_states(old, name))), "{}")
        return read_states(data, name)

    def emptied_nodes(self, ref: RunRef) -> set[str]:
        """Returns the names of the nodes that the run has emptied to remove them."""
        name = names.run_blob(ref.cluster, ref.generation, "drain.json")
        found = self.blobs.read(name)
        return set(read_texts(found[0], name)) if found else set()

    def add_emptied_nodes(self, ref: RunRef, nodes: Iterable[str]) -> set[str]:
        """Adds nodes and returns all of them."""
        name = names.run_blob(ref.cluster, ref.generation, "drain.json")
        new = dict.fromkeys(nodes, "emptied")
        data = self.merge(name, lambda old: json.dumps(read_texts(old, name) | new), "{}")
        return set(read_texts(data, name))

    def checks(self, ref: RunRef, attempt: int = 1) -> list[Check]:
        """Returns all checks of a verification of the run in their order, or [] before it."""
        return self._checks(_checks_blob(ref, attempt))

    def add_checks(self, ref: RunRef, checks: Iterable[Check], attempt: int = 1) -> list[Check]:
        """Adds checks of a verification and returns all of them. A check of the same name that
        exists already is kept."""
        return self._add_checks(_checks_blob(ref, attempt), checks)

    def certificate_checks(self, ref: RunRef) -> list[Check]:
        """Returns what the run found of the machines' certificates, or [] before it asked."""
        return self._checks(_certificates_blob(ref))

    def add_certificate_checks(self, ref: RunRef, checks: Iterable[Check]) -> list[Check]:
        """Adds checks of the machines' certificates and returns all of them."""
        return self._add_checks(_certificates_blob(ref), checks)

    def _checks(self, name: str) -> list[Check]:
        found = self.blobs.read(name)
        return read_checks(found[0], name) if found else []

    def _add_checks(self, name: str, checks: Iterable[Check]) -> list[Check]:
        new = {check.name: check for check in checks}

        def merged(old: bytes) -> str:
            kept = new | {check.name: check for check in read_checks(old, name)}
            return json.dumps([check.model_dump() for check in kept.values()])

        return read_checks(self.merge(name, merged, "[]"), name)

    def refuse_superseded(self, ref: RunRef) -> None:
        """Refuses a run if a newer operation of the cluster was claimed.

        Raises:
            Refused: Superseded.
        """
        try:
            record, _ = self.need_record(ref.cluster)
        except Refused as error:
            if error.code != "RecordMissing":
                raise
            return
        if record.generation > ref.generation:
            text = f"operation {record.generation} of {ref.cluster} took over; nothing was done"
            raise Refused("Superseded", text, place=ref.cluster)

    def removal(self, ref: RunRef) -> RemovalProgress:
        """Returns what a removal has requested so far."""
        name = names.run_blob(ref.cluster, ref.generation, "removal.json")
        found = self.blobs.read(name)
        return read_document(RemovalProgress, found[0], name) if found else RemovalProgress()

    def save_removal(self, ref: RunRef, progress: RemovalProgress) -> None:
        name = names.run_blob(ref.cluster, ref.generation, "removal.json")
        self.blobs.write(name, to_json(progress))

    def result(self, ref: RunRef) -> FinishInput | None:
        """Returns how the run ended, or None while it runs.

        A result that this version cannot read counts as a failure with the cause ResultUnreadable:
        the run has ended, and nothing but the next run replaces it.
        """
        name = _result_blob(ref)
        found = self.blobs.read(name)
        if found is None:
            return None
        try:
            return read_document(FinishInput, found[0], name)
        except Refused as error:
            cause = Cause(
                code=UNREADABLE_RESULT,
                place=name,
                message=f"how the operation ended cannot be read: {error.message}",
                next_step="send the same request again: a new operation starts from what exists",
            )
            run = RunRef(cluster=ref.cluster, generation=ref.generation)
            return FinishInput(**run.model_dump(), result="failed", cause=cause)

    def has_ended(self, ref: RunRef) -> bool:
        """Returns whether the run's result is written."""
        return self.blobs.read(_result_blob(ref)) is not None

    def events(self, ref: RunRef) -> list[Event]:
        """Returns all events of the run in order."""
        found = self.blobs.read(names.run_blob(ref.cluster, ref.generation, "events.jsonl"))
        return from_lines(found[0].decode(errors="replace")) if found else []

    def has_begun(self, ref: RunRef) -> bool:
        """Returns whether the run has an event: then it was started, whatever the engine
        answers."""
        events = names.run_blob(ref.cluster, ref.generation, "events.jsonl")
        return self.blobs.size(events) > 0

    def has_traces(self, ref: RunRef) -> bool:
        """Returns whether any blob of the run exists: its plan, an event, its result."""
        return any(self.blobs.list(names.run_blob(ref.cluster, ref.generation, "")))

    def kept_runs(self, cluster: str) -> dict[int, bool]:
        """Returns the generations of all runs with blobs, and for each whether it has a result."""
        folder = names.runs_folder(cluster)
        kept: dict[int, bool] = {}
        for name in self.blobs.list(folder):
            number, _, file = name.removeprefix(folder).partition("/")
            if number.isdecimal():
                kept[int(number)] = kept.get(int(number), False) or file == "result.json"
        return kept

    def without_result(self, ref: RunRef) -> list[RunRef]:
        """Returns the cluster's runs before this one that have no result, the oldest first."""
        kept = self.kept_runs(ref.cluster)
        return [
            RunRef(cluster=ref.cluster, generation=generation)
            for generation in range(1, ref.generation)
            if not kept.get(generation)
        ]

    def save_result(self, result: FinishInput) -> None:
        """Writes the run's own result. It replaces a result that another caller wrote for the
        run."""
        self.blobs.write(_result_blob(result), to_json(result))

    def create_result(self, result: FinishInput) -> None:
        """Writes the result of a run that has none.

        Raises:
            Conflict: the run has a result.
        """
        self.blobs.write(_result_blob(result), to_json(result), if_none_match=True)


def _result_blob(ref: RunRef) -> str:
    return names.run_blob(ref.cluster, ref.generation, "result.json")


def _certificates_blob(ref: RunRef) -> str:
    return names.run_blob(ref.cluster, ref.generation, "certificates.json")


def _checks_blob(ref: RunRef, attempt: int) -> str:
    """Returns where a verification's checks are. A run that verifies again keeps both lists."""
    file = "checks.json" if attempt == 1 else f"checks-{attempt}.json"
    return names.run_blob(ref.cluster, ref.generation, file)
