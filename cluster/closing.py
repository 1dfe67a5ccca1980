"""The record of a cluster after its operation has ended."""

from cluster.contracts import FinishInput
from cluster.record import ClaimedOperation, ClusterRecord, State

STATES: dict[tuple[str, str], State] = {
    ("reconcile", "succeeded"): "ready",
    ("reconcile", "failed"): "failed",
    ("reconcile", "cancelled"): "cancelled",
    ("delete", "succeeded"): "deleted",
    ("delete", "failed"): "failed",
    ("delete", "cancelled"): "cancelled",
}


def closed(record: ClusterRecord, result: FinishInput) -> ClusterRecord:
    """Returns the record as its operation leaves it that ended with the result.

    The record belongs to its newest operation. It is returned as it is if the result is an older
    operation's, or if it is closed already.
    """
    operation = record.operation
    if operation is None or operation.generation != result.generation or operation.finished:
        return record
    if operation.kind == "backup":
        return _reopened(record, operation, result)
    # A newer version may have recorded a kind or a result that this one does not know.
    kind = "delete" if operation.kind == "delete" else "reconcile"
    changes: dict[str, object] = {
        "state": STATES.get((kind, result.result), "failed"),
        "cause": result.cause,
        "updated_at": result.finished_at or record.updated_at,
        "operation": operation.model_copy(update={"finished": True}),
    }
    if kind == "delete" and result.result == "succeeded":
        # A tombstone: the name may be used again, and the record of the deleted cluster remains
        # readable.
        changes |= {"built": None, "slots": (), "subnets": {}, "group_owned": False}
        changes |= {"access": None, "groups": (), "secrets": ()}
    return record.model_copy(update=changes)


def _reopened(
    record: ClusterRecord, operation: ClaimedOperation, result: FinishInput
) -> ClusterRecord:
    """Returns the record after a backup: the cluster is as it was, however the backup ended."""
    changes: dict[str, object] = {
        "state": operation.state_before or "failed",
        "cause": operation.cause_before,
        "updated_at": result.finished_at or record.updated_at,
        "operation": operation.model_copy(update={"finished": True}),
    }
    return record.model_copy(update=changes)
