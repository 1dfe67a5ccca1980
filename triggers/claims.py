"""Claims: the one way to start an operation.

A start with a fixed instance id is not atomic on every backend (two callers may both be told
success), so the record is claimed by its ETag first, and only the winner starts an instance.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from clients import telemetry
from clients.blobs import Conflict
from clients.store import Store
from cluster import names
from cluster.changes import change_faults
from cluster.contracts import (
    CANCEL_EVENT,
    DELETE_CLUSTER,
    RECONCILE_CLUSTER,
    FinishInput,
    RunRef,
)
from cluster.faults import SpecRefusedError
from cluster.outcomes import Cause
from cluster.record import ClusterRecord, Kind, Operation
from cluster.spec import ClusterSpec
from cluster.spec_rules import check
from cluster.telemetry import Field, Record

ORCHESTRATORS: dict[Kind, str] = {"reconcile": RECONCILE_CLUSTER, "delete": DELETE_CLUSTER}
TRIES = 6


class Engine(Protocol):
    """What a claim needs of the durable client; statuses are the engine's names in upper case."""

    def status(self, instance_id: str) -> str | None: ...
    def start(self, orchestrator: str, instance_id: str, payload: dict[str, Any]) -> None: ...
    def raise_event(self, instance_id: str, name: str, data: str) -> None: ...


ENDED = ("COMPLETED", "FAILED", "TERMINATED")


@dataclass(frozen=True)
class Desk:
    """Where claims are made. `slack`: messages go somewhere even if the spec names no secret."""

    store: Store
    engine: Engine
    slack: bool


@dataclass(frozen=True)
class Claim:
    """`joined`: the same request was running already."""

    operation: Operation
    joined: bool


class BusyError(Exception):
    """Another operation runs; the caller is told which."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        super().__init__(f"operation {operation.instance_id} is running")


def spec_hash(spec: ClusterSpec) -> str:
    text = json.dumps(spec.model_dump(mode="json", by_alias=True), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def claim_reconcile(desk: Desk, spec: ClusterSpec, caller: str, profile: str = "") -> Claim:
    """Makes the cluster as the spec says.

    Raises:
        BusyError: another spec, or a removal, is running.
        SpecRefusedError: the living cluster cannot be changed so.
    """
    digest = spec_hash(spec)
    for _ in range(TRIES):
        found = desk.store.record(spec.name)
        record = found[0] if found else None
        if record and (running := _running(desk, record)):
            if running.kind == "reconcile" and running.spec_hash == digest:
                _start_if_absent(desk, running)
                return Claim(running, joined=True)
            raise BusyError(running)
        wanted = _next_record(record, spec, digest, caller, profile)
        try:
            _save(desk.store, wanted, found[1] if found else None)
        except Conflict:
            continue
        _close_lost(desk, record)
        operation = wanted.operation
        # Set just above; for the type checker.
        assert operation is not None  # noqa: S101  # nosec B101
        _start(desk, operation)
        return Claim(operation, joined=False)
    raise RuntimeError("the record kept changing; try again")


def claim_delete(desk: Desk, name: str, caller: str) -> Claim | None:
    """Ends what runs and removes the cluster; None where there is nothing to remove."""
    for _ in range(TRIES):
        found = desk.store.record(name)
        if not found or found[0].is_tombstone:
            return None
        record, etag = found
        running = _running(desk, record)
        if running and running.kind == "delete":
            _start_if_absent(desk, running)
            return Claim(running, joined=True)
        operation = _operation(record, "delete", "", caller)
        wanted = record.model_copy(
            update={
                "generation": operation.generation,
                "operation": operation,
                "state": "deleting",
                "cause": None,
            }
        )
        try:
            desk.store.save_record(wanted, etag)
        except Conflict:
            continue
        _end_earlier(desk, record, caller)
        _start(desk, operation)
        return Claim(operation, joined=False)
    raise RuntimeError("the record kept changing; try again")


def _running(desk: Desk, record: ClusterRecord) -> Operation | None:
    """The operation in progress. One that the engine calls ended is not, whatever the record says;
    one that the engine does not know was claimed and never started: it still counts. But one that
    has told of itself and is not known was lost with its engine, and goes on as a new one."""
    operation = record.operation
    if operation is None or operation.finished:
        return None
    status = desk.engine.status(operation.instance_id)
    if status is None and desk.store.has_begun(_ref(record, operation)):
        return None
    return None if status in ENDED else operation


def _ref(record: ClusterRecord, operation: Operation) -> RunRef:
    return RunRef(cluster=record.name, generation=operation.generation)


def _close_lost(desk: Desk, record: ClusterRecord | None) -> None:
    """Whoever still follows a run that the engine lost is told how it ended."""
    operation = record.operation if record else None
    if record is None or operation is None or operation.finished:
        return
    cause = Cause(
        code="RunLost",
        message="the engine does not know this run any more, or ended it from outside",
        next_step="a later operation of the cluster goes on from what it left",
    )
    ref = _ref(record, operation)
    _end(desk, operation, FinishInput(**ref.model_dump(), result="failed", cause=cause))


def _end(desk: Desk, operation: Operation, ended: FinishInput) -> None:
    """Ends a run that cannot do it itself any more; an end of its own stands."""
    if desk.store.result(ended) is None:
        with telemetry.operation(ended.cluster, ended.generation):
            telemetry.tell_end(ended, operation.kind)
        desk.store.save_result(ended)


def _next_record(
    record: ClusterRecord | None, spec: ClusterSpec, digest: str, caller: str, profile: str
) -> ClusterRecord:
    document = spec.model_dump(mode="json", by_alias=True)
    if record is None or record.is_tombstone:
        generation = record.generation if record else 0
        record = ClusterRecord(name=spec.name, uid=secrets.token_hex(4), generation=generation)
    faults = change_faults(record.built, spec) + check(spec, record.subnets)
    if faults:
        raise SpecRefusedError(faults)
    operation = _operation(record, "reconcile", digest, caller).model_copy(
        update={"profile": profile}
    )
    return record.model_copy(
        update={
            "generation": operation.generation,
            "operation": operation,
            "state": "running",
            "cause": None,
            "spec": document,
            "group": spec.group,
            "updated_at": operation.started_at,
        }
    )


def _operation(record: ClusterRecord, kind: Kind, digest: str, caller: str) -> Operation:
    generation = record.generation + 1
    return Operation(
        generation=generation,
        kind=kind,
        instance_id=names.instance_id(record.name, generation),
        spec_hash=digest,
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        caller=caller,
    )


def _save(store: Store, record: ClusterRecord, etag: str | None) -> None:
    if etag is None:
        store.create_record(record)
    else:
        store.save_record(record, etag)


def _start_if_absent(desk: Desk, operation: Operation) -> None:
    """A claim whose start was lost is started now, under the same id."""
    if desk.engine.status(operation.instance_id) is None:
        _start(desk, operation)


def _start(desk: Desk, operation: Operation) -> None:
    name = operation.instance_id.rpartition("-")[0]
    record = desk.store.need_record(name)[0]
    payload = {
        "cluster": name,
        "generation": operation.generation,
        "journal": {"slack": desk.slack or bool(record.spec.get("slack"))},
    }
    with telemetry.operation(name, operation.generation):
        telemetry.tell(Record.CLAIM, {Field.KIND: operation.kind})
        desk.engine.start(ORCHESTRATORS[operation.kind], operation.instance_id, payload)


def _end_earlier(desk: Desk, record: ClusterRecord, caller: str) -> None:
    """Asks the run before to end; one that cannot answer any more gets its result from here, so
    that the removal does not wait for it."""
    earlier = record.operation
    if earlier is None:
        return
    status = desk.engine.status(earlier.instance_id)
    if status is not None and status not in ENDED:
        desk.engine.raise_event(earlier.instance_id, CANCEL_EVENT, caller)
        return
    ref = _ref(record, earlier)
    _end(desk, earlier, FinishInput(**ref.model_dump(), result="cancelled"))


def dry_record(name: str, store: Store) -> ClusterRecord:
    """The record that a plan is computed against, without claiming anything."""
    found = store.record(name)
    if found and not found[0].is_tombstone:
        return found[0].model_copy(update={"generation": found[0].generation + 1})
    return ClusterRecord(name=name, uid="00000000", generation=1)
