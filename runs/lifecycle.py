"""What becomes of a run, by its record and the durable engine together.

A run writes its result before the engine ends it. One that the engine ended without a result, or
does not know although it was started, was lost: nothing will end it any more.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from clients.azure.blobs import Conflict
from clients.store import Store
from cluster import names
from cluster.contracts import FinishInput, RunRef
from cluster.outcomes import Cause
from cluster.record import ClaimedOperation, ClusterRecord, Kind
from runs.engine import EngineAwayError
from telemetry import spans

ENDED = ("COMPLETED", "FAILED", "TERMINATED", "CANCELED")
# From the claim to the start of its instance; more than an outage that a caller waits for.
START_TIME = timedelta(minutes=2)
LOST = Cause(
    code="RunLost",
    message="the engine does not know this run any more, or ended it from outside",
    next_step="a later operation of the cluster goes on from what it left",
)


class Engine(Protocol):
    """What claims need of the durable client; statuses are the engine's names in upper case.

    Every method may raise EngineAwayError.
    """

    def status(self, instance_id: str) -> str | None: ...
    def start(self, orchestrator: str, instance_id: str, payload: dict[str, Any]) -> None: ...
    def raise_event(self, instance_id: str, name: str, data: str) -> bool: ...


class ShowingEngine(Engine, Protocol):
    """What readers need of it besides."""

    def custom_status(self, instance_id: str) -> dict[str, Any]: ...


def ref_of(record: ClusterRecord, operation: ClaimedOperation) -> RunRef:
    return RunRef(cluster=record.name, generation=operation.generation)


def running(engine: Engine, store: Store, record: ClusterRecord) -> ClaimedOperation | None:
    """The operation in progress, if the engine has it or may have it soon."""
    operation = record.operation
    if operation is None or operation.finished:
        return None
    if never_started(engine, store, record):
        # Runs before it were asked to end by this claim, or were not reached either.
        if not _never_will_start(store, record, operation.generation):
            return operation
        before = store.without_result(ref_of(record, operation))
        return operation if any(lives(engine, instance_of(ref)) for ref in before) else None
    return operation if lives(engine, operation.instance_id) else None


def lives(engine: Engine, instance_id: str) -> bool:
    """Whether the engine has the instance and has not ended it."""
    return engine.status(instance_id) not in (None, *ENDED)


def instance_of(ref: RunRef) -> str:
    return names.instance_id(ref.cluster, ref.generation)


def never_started(engine: Engine, store: Store, record: ClusterRecord) -> bool:
    """Whether the operation is claimed, and neither the engine nor the store knows its run."""
    operation = record.operation
    if operation is None or operation.finished:
        return False
    ref = ref_of(record, operation)
    known = store.has_begun(ref) or store.result(ref) is not None
    return not known and engine.status(operation.instance_id) is None


def is_lost(engine: Engine, store: Store, record: ClusterRecord, generation: int) -> bool:
    """Of a run without a result: whether nothing will end it any more."""
    status = engine.status(names.instance_id(record.name, generation))
    if status is None:
        return _never_will_start(store, record, generation)
    ref = RunRef(cluster=record.name, generation=generation)
    # The result is read again: the run may have ended since the first read.
    return status in ENDED and store.result(ref) is None


def _never_will_start(store: Store, record: ClusterRecord, generation: int) -> bool:
    """Of a run that the engine does not know: whether it began once, or its claim is too old."""
    if store.has_begun(RunRef(cluster=record.name, generation=generation)):
        return True
    operation = record.operation
    if operation is None or operation.generation != generation:
        return True
    return datetime.now(UTC) - datetime.fromisoformat(operation.started_at) > START_TIME


def end(store: Store, ended: FinishInput, kind: Kind | None) -> None:
    """Ends a run that cannot do it itself any more; an end of its own stands, also one that is
    written at the same time."""
    if store.has_ended(ended):
        return
    with spans.operation(ended.cluster, ended.generation):
        spans.record_end(ended, kind)
    with suppress(Conflict):
        store.create_result(ended)


def kind_of(record: ClusterRecord, generation: int) -> Kind | None:
    """What the run did. The record keeps this of its last operation only."""
    operation = record.operation
    return operation.kind if operation and operation.generation == generation else None


def end_lost(engine: Engine, store: Store, ref: RunRef) -> None:
    """Writes the result of a run that was lost, for whoever waits for it."""
    found = store.record(ref.cluster)
    if not found or store.result(ref) is not None:
        return
    if is_lost(engine, store, found[0], ref.generation):
        ended = FinishInput(**ref.model_dump(), result="failed", cause=LOST)
        end(store, ended, kind_of(found[0], ref.generation))


@dataclass(frozen=True)
class Sight:
    """What the engine says of a run. `away`: why it could not be asked."""

    shown: dict[str, Any] = field(default_factory=dict[str, Any])
    lost: bool = False
    away: str = ""


def look(
    engine: ShowingEngine, store: Store, record: ClusterRecord, ref: RunRef, *, ended: bool
) -> Sight:
    """`ended`: the run has a result. Where the engine cannot be asked, its last event says how far
    the run is."""
    try:
        shown = engine.custom_status(names.instance_id(ref.cluster, ref.generation))
        lost = not ended and is_lost(engine, store, record, ref.generation)
    except EngineAwayError as error:
        events = store.events(ref)
        return Sight({"phase": events[-1].phase} if events else {}, away=str(error))
    return Sight(shown, lost)
