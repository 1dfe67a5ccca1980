"""Activity finish_run: writes the run's result file and closes the cluster's record."""

from activities.registration import activity
from clients.services import services
from cluster.contracts import FINISH_RUN, FinishInput
from cluster.outcomes import Outcome
from cluster.record import ClusterRecord, State
from telemetry import spans
from telemetry.names import Attribute, EventName

STATES: dict[tuple[str, str], State] = {
    ("reconcile", "succeeded"): "ready",
    ("reconcile", "failed"): "failed",
    ("reconcile", "cancelled"): "cancelled",
    ("delete", "succeeded"): "deleted",
    ("delete", "failed"): "failed",
    ("delete", "cancelled"): "cancelled",
}


@activity(FINISH_RUN)
def finish_run(result: FinishInput) -> Outcome:
    """Writes the result and closes the record.

    The record belongs to the newest operation. An older operation does not change it.
    """
    store = services().store
    store.save_result(result)
    record, etag = store.need_record(result.cluster)
    _tell(result, record)
    operation = record.operation
    if operation is None or operation.generation != result.generation or operation.finished:
        return Outcome()
    changed = _closed(record, result).model_copy(
        update={"operation": operation.model_copy(update={"finished": True})}
    )
    store.update_record(changed, etag)
    return Outcome()


def _tell(result: FinishInput, record: ClusterRecord) -> None:
    for phase in result.phases:
        if phase.seconds is not None:
            spans.record(
                EventName.PHASE,
                {
                    Attribute.PHASE: phase.name,
                    Attribute.STATE: phase.state,
                    Attribute.SECONDS: phase.seconds,
                },
            )
    operation = record.operation
    mine = operation is not None and operation.generation == result.generation
    spans.record_end(result, operation.kind if operation and mine else None)


def _closed(record: ClusterRecord, result: FinishInput) -> ClusterRecord:
    # A newer version may have recorded a kind or a result that this one does not know.
    kind = "delete" if record.operation and record.operation.kind == "delete" else "reconcile"
    changes: dict[str, object] = {
        "state": STATES.get((kind, result.result), "failed"),
        "cause": result.cause,
        "updated_at": result.finished_at,
    }
    if kind == "delete" and result.result == "succeeded":
        # A tombstone: the name may be used again, and the record of the deleted cluster remains
        # readable.
        changes |= {"built": None, "slots": (), "subnets": {}, "group_owned": False}
        changes |= {"access": None, "groups": (), "secrets": ()}
    return record.model_copy(update=changes)
