"""Determines the state of a run from its record and the durable engine.

A run writes its result before the engine ends it. A run is lost if the engine ended it without a
result, or does not know it although it was started. Nothing will end a lost run.
"""

from contextlib import suppress
from dataclasses import dataclass, field, replace
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

SUSPENDED = "SUSPENDED"
ENDED = ("COMPLETED", "FAILED", "TERMINATED", "CANCELED")
# The longest time from a claim to the start of its instance. It exceeds any outage that a caller
# waits for.
START_TIME = timedelta(minutes=2)
LOST = Cause(
    code="RunLost",
    message="the engine does not know this operation any more, or ended it from outside",
    next_step="the next operation of the cluster continues from the state that this one left",
)


class Engine(Protocol):
    """The methods of the durable client that claims need. Statuses are the engine's names in upper
    case.

    Every method may raise EngineAwayError.
    """

    def status(self, instance_id: str) -> str | None: ...
    def start(self, orchestrator: str, instance_id: str, payload: dict[str, Any]) -> None: ...
    def raise_event(self, instance_id: str, name: str, data: str) -> bool: ...


class ShowingEngine(Engine, Protocol):
    """The methods that readers need in addition."""

    def custom_status(self, instance_id: str) -> dict[str, Any]: ...


def ref_of(record: ClusterRecord, operation: ClaimedOperation) -> RunRef:
    return RunRef(cluster=record.name, generation=operation.generation)


def running(engine: Engine, store: Store, record: ClusterRecord) -> ClaimedOperation | None:
    """Returns the operation in progress, if the engine has it or may have it soon, or else None."""
    operation = record.operation
    if operation is None or operation.finished:
        return None
    if never_started(engine, store, record):
        # If the claim is too old, the operation counts as running while an earlier run lives. The
        # claim asked those runs to end, or did not reach them.
        if not _never_will_start(store, record, operation.generation):
            return operation
        before = store.without_result(ref_of(record, operation))
        return operation if any(lives(engine, instance_of(ref)) for ref in before) else None
    return operation if lives(engine, operation.instance_id) else None


def lives(engine: Engine, instance_id: str) -> bool:
    """Returns whether the engine has the instance and has not ended it."""
    return engine.status(instance_id) not in (None, *ENDED)


def instance_of(ref: RunRef) -> str:
    return names.instance_id(ref.cluster, ref.generation)


def never_started(engine: Engine, store: Store, record: ClusterRecord) -> bool:
    """Returns whether the operation is claimed and neither the engine nor the store knows its
    run."""
    operation = record.operation
    if operation is None or operation.finished:
        return False
    ref = ref_of(record, operation)
    known = store.has_begun(ref) or store.result(ref) is not None
    return not known and engine.status(operation.instance_id) is None


def is_lost(engine: Engine, store: Store, record: ClusterRecord, generation: int) -> bool:
    """Returns whether nothing will end a run that has no result."""
    status = engine.status(names.instance_id(record.name, generation))
    return _is_lost(status, store, record, generation)


def _is_lost(status: str | None, store: Store, record: ClusterRecord, generation: int) -> bool:
    if status is None:
        return _never_will_start(store, record, generation)
    ref = RunRef(cluster=record.name, generation=generation)
    # The result is read again: the run may have ended since the first read.
    return status in ENDED and store.result(ref) is None


def _never_will_start(store: Store, record: ClusterRecord, generation: int) -> bool:
    """Returns whether a run that the engine does not know began once, or has a claim that is too
    old."""
    if store.has_begun(RunRef(cluster=record.name, generation=generation)):
        return True
    operation = record.operation
    if operation is None or operation.generation != generation:
        return True
    return not may_still_start(operation)


def may_still_start(operation: ClaimedOperation) -> bool:
    """Returns whether the claim is so young that its claimant may still start it."""
    return datetime.now(UTC) - datetime.fromisoformat(operation.started_at) <= START_TIME


def end(store: Store, ended: FinishInput, kind: Kind | None) -> None:
    """Writes the result of a run that can no longer write it.

    A result of the run itself is kept, also one that is written at the same time.
    """
    if store.has_ended(ended):
        return
    with spans.operation(ended.cluster, ended.generation):
        spans.record_end(ended, kind)
    with suppress(Conflict):
        store.create_result(ended)


def is_closing(engine: Engine, store: Store, ref: RunRef) -> bool:
    """Returns whether a run that has a result is about to close the cluster's record.

    Until it did so, a request for the cluster joins the run's operation or is refused. A record
    that nothing will close, or whose engine is unavailable, is not waited for.
    """
    record, _ = store.need_record(ref.cluster)
    operation = record.operation
    if not operation or operation.finished or operation.generation != ref.generation:
        return False
    try:
        return lives(engine, operation.instance_id)
    except EngineAwayError:
        return False


def kind_of(record: ClusterRecord, generation: int) -> Kind | None:
    """Returns the kind of the run's operation, or None. The record keeps it for the last operation
    only."""
    operation = record.operation
    return operation.kind if operation and operation.generation == generation else None


def end_lost(engine: Engine, store: Store, ref: RunRef) -> None:
    """Writes the result of a run that was lost, for callers that wait for it."""
    found = store.record(ref.cluster)
    if not found or store.result(ref) is not None:
        return
    if is_lost(engine, store, found[0], ref.generation):
        ended = FinishInput(**ref.model_dump(), result="failed", cause=LOST)
        end(store, ended, kind_of(found[0], ref.generation))


@dataclass(frozen=True)
class Sight:
    """The engine's view of a run.

    Attributes:
        shown: the custom status of its orchestrator.
        lost: nothing will end it.
        pending: it is claimed and was not started yet.
        suspended: somebody suspended its instance, so it does nothing until it is resumed.
        away: why the engine could not be asked.
    """

    shown: dict[str, Any] = field(default_factory=dict[str, Any])
    lost: bool = False
    pending: bool = False
    suspended: bool = False
    away: str = ""

    def state(self, recorded: str) -> str:
        """Returns the state to show for the one in the record: never that a run runs which does
        not."""
        if self.lost:
            return "failed"
        if self.suspended:
            return "suspended"
        return "pending" if self.pending else recorded


def look(
    engine: ShowingEngine, store: Store, record: ClusterRecord, ref: RunRef, *, ended: bool
) -> Sight:
    """Returns the engine's view of a run. `ended`: the run has a result.

    If the engine is unavailable, the run's last event gives its phase.
    """
    try:
        shown = engine.custom_status(names.instance_id(ref.cluster, ref.generation))
        seen = Sight() if ended else glance(engine, store, record, ref)
    except EngineAwayError as error:
        events = store.events(ref)
        return Sight({"phase": events[-1].phase} if events else {}, away=str(error))
    return replace(seen, shown=shown)


def glance(engine: Engine, store: Store, record: ClusterRecord, ref: RunRef) -> Sight:
    """Returns whether a run that has no result runs, without its progress."""
    status = engine.status(names.instance_id(ref.cluster, ref.generation))
    lost = _is_lost(status, store, record, ref.generation)
    return Sight(lost=lost, pending=status is None and not lost, suspended=status == SUSPENDED)
