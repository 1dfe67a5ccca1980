"""The runs before a claim: finds an unused id, and ends the earlier runs."""

from collections.abc import Mapping

from clients.store import Store
from cluster.contracts import CANCEL_EVENT, FinishInput, RunRef
from cluster.record import ClaimedOperation, ClusterRecord, Kind
from runs.lifecycle import ENDED, LOST, Engine, end, instance_of, kind_of, lives

UNRECORDED = (
    "it runs although the cluster's record, which was lost or restored, does not name it; wait for "
    "it, or DELETE the cluster, which cancels it"
)

WITHOUT_RESULT = (
    "it has no result yet although a later operation was claimed; wait for it, or DELETE the "
    "cluster, which cancels it"
)


class BusyError(Exception):
    """Another operation runs. `advice` names the operation and what to do about it."""

    def __init__(self, instance_id: str, advice: str) -> None:
        self.instance_id, self.advice = instance_id, advice
        super().__init__(f"operation {instance_id} is running")


def busy_with(operation: ClaimedOperation) -> BusyError:
    advice = (
        f"{operation.kind} {operation.instance_id} started at {operation.started_at}; "
        "wait for it, or cancel it"
    )
    return BusyError(operation.instance_id, advice)


def next_run(engine: Engine, store: Store, record: ClusterRecord, kind: Kind) -> RunRef:
    """Returns the cluster's next run, under an id that was never used.

    If the record was lost or restored, it may not name an id that was used. The engine knows the id
    until its history is purged, and the store keeps traces of its run permanently. Both are asked
    before anything is claimed: if the engine is unavailable, nothing is claimed.

    The store is asked before the engine. Otherwise a run that starts between the two answers would
    have traces and no status, like a lost one. The engine is not asked about a run that has a
    result.

    Raises:
        BusyError: such a run is in progress. A removal does not raise this: it cancels the run and
            waits for it.
    """
    kept = store.kept_runs(record.name)
    if kind != "delete":
        _refuse_beside_living(engine, record, kept)
    last_kept = max(kept, default=0)
    ref = RunRef(cluster=record.name, generation=record.generation + 1)
    while True:
        if not kept.get(ref.generation):
            status = engine.status(instance_of(ref))
            if status is None and ref.generation > last_kept:
                return ref
            if status in (None, *ENDED):
                end(store, FinishInput(**ref.model_dump(), result="failed", cause=LOST), kind)
            elif kind != "delete":
                raise BusyError(instance_of(ref), UNRECORDED)
        ref = RunRef(cluster=ref.cluster, generation=ref.generation + 1)


def _refuse_beside_living(engine: Engine, record: ClusterRecord, kept: Mapping[int, bool]) -> None:
    """Refuses a run beside an earlier one that has no result and that the engine still has: its
    cancel was lost, or it was suspended.

    Raises:
        BusyError: there is such a run.
    """
    for generation in range(1, record.generation):
        instance_id = instance_of(RunRef(cluster=record.name, generation=generation))
        if not kept.get(generation) and lives(engine, instance_id):
            raise BusyError(instance_id, WITHOUT_RESULT)


def end_earlier(
    engine: Engine, store: Store, record: ClusterRecord, removal: RunRef, caller: str
) -> None:
    """Asks the earlier runs to end.

    A run that can no longer answer gets its result here, so that the removal does not wait for it.

    Args:
        record: the record as it was before the removal was claimed.
    """
    for ref in store.without_result(removal):
        instance_id = instance_of(ref)
        if not _asked_to_end(engine, instance_id, caller):
            ended = FinishInput(**ref.model_dump(), result="cancelled")
            end(store, ended, kind_of(record, ref.generation))
            # Its own caller may have started it meanwhile.
            _asked_to_end(engine, instance_id, caller)


def _asked_to_end(engine: Engine, instance_id: str, caller: str) -> bool:
    if not lives(engine, instance_id):
        return False
    return engine.raise_event(instance_id, CANCEL_EVENT, caller)
