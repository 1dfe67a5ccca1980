"""The record of a cluster after its operation has ended."""

from cluster import health
from cluster.contracts import FinishInput
from cluster.names import ENCRYPTION_KEY
from cluster.record import ClaimedOperation, ClusterRecord, State

STATES: dict[tuple[str, str], State] = {
    ("reconcile", "succeeded"): "ready",
    ("reconcile", "failed"): "failed",
    ("reconcile", "cancelled"): "cancelled",
    ("delete", "succeeded"): "deleted",
    ("delete", "failed"): "failed",
    ("delete", "cancelled"): "cancelled",
}

# The phase of a restore before which the cluster is as it was, and that of a rotation of the
# encryption key, from which on API servers are restarted.
FIRST_CHANGE, FIRST_RESTART = "stop", "add"


def closed(record: ClusterRecord, result: FinishInput) -> ClusterRecord:
    """Returns the record as its operation leaves it that ended with the result.

    The record belongs to its newest operation. It is returned as it is if the result is an older
    operation's, or if it is closed already.
    """
    operation = record.operation
    if operation is None or operation.generation != result.generation or operation.finished:
        return record
    if operation.kind == "backup":
        return _after_backup(record, operation, result)
    if operation.kind == "maintain":
        return _maintained(record, operation, result)
    if operation.kind == "restore" and not _broke(result, FIRST_CHANGE):
        return _reopened(record, operation, result)
    if operation.kind == "rotate" and not _stopped_servers(operation, result):
        return _reopened(record, operation, result)
    # A newer version may have recorded a kind or a result that this one does not know.
    kind = "delete" if operation.kind == "delete" else "reconcile"
    changes: dict[str, object] = {
        "state": STATES.get((kind, result.result), "failed"),
        "cause": result.cause,
        "updated_at": result.finished_at or record.updated_at,
        "operation": operation.model_copy(update={"finished": True}),
    }
    if operation.kind == "replace" and result.result == "succeeded":
        changes["replacing"] = False
    if kind == "reconcile" and result.result == "succeeded":
        left = health.after_reconcile(record.findings, full=operation.full)
        changes |= {"findings": left, "state": "degraded" if left else "ready"}
    if kind == "delete" and result.result == "succeeded":
        # A tombstone: the name may be used again, and the record of the deleted cluster remains
        # readable.
        changes |= {
            "built": None,
            "slots": (),
            "subnets": {},
            "group_owned": False,
            "replacing": False,
            "upgrading": "",
        }
        changes |= {"access": None, "groups": (), "secrets": (), "rotations": {}}
        changes |= {"kubelets": {}, "findings": (), "maintained_at": ""}
    return record.model_copy(update=changes)


def _broke(result: FinishInput, first_change: str) -> bool:
    """Returns whether an operation ended while the cluster was not as before it, or may have. Until
    that phase, it changes nothing. A restore stops the API servers in it."""
    if result.result == "succeeded":
        return False
    reached = {phase.name: phase.state for phase in result.phases}
    return reached.get(first_change) != "pending"


def _stopped_servers(operation: ClaimedOperation, result: FinishInput) -> bool:
    """Returns whether a rotation failed that may have left an API server unready. Every other one
    leaves the cluster as it was: the old credential is accepted, or the new one is in use."""
    restarts = operation.rotates == ENCRYPTION_KEY
    return restarts and result.result == "failed" and _broke(result, FIRST_RESTART)


def _reopened(
    record: ClusterRecord, operation: ClaimedOperation, result: FinishInput
) -> ClusterRecord:
    """Returns the record with the state that it had before an operation that changed nothing, or
    before a restore that succeeded. A restore fulfills no spec. If it went on with one that did not
    succeed, the fault of that one is gone."""
    state, cause = operation.state_before, operation.cause_before
    if result.result == "succeeded" and operation.state_resumed:
        state, cause = operation.state_resumed, operation.cause_resumed
    changes: dict[str, object] = {
        "state": state or "failed",
        "cause": cause,
        "updated_at": result.finished_at or record.updated_at,
        "operation": operation.model_copy(update={"finished": True}),
    }
    return record.model_copy(update=changes)


def _after_backup(
    record: ClusterRecord, operation: ClaimedOperation, result: FinishInput
) -> ClusterRecord:
    """Returns the record after a backup: the cluster is as it was, however the backup ended. Only
    that its backup was too old may not be true any more."""
    reopened = _reopened(record, operation, result)
    if result.result != "succeeded" or not record.findings:
        return reopened
    left = health.after_backup(record.findings)
    well = not left and reopened.state == "degraded"
    return reopened.model_copy(
        update={"findings": left, "state": "ready" if well else reopened.state}
    )


def _maintained(
    record: ClusterRecord, operation: ClaimedOperation, result: FinishInput
) -> ClusterRecord:
    """Returns the record after a maintenance. One that failed is a finding, beside those that were
    known. One that was cancelled or skipped found nothing."""
    reopened = _reopened(record, operation, result)
    match result.result:
        case "succeeded" if not result.skipped:
            found, cause = result.findings, None
        case "failed":
            cause = result.cause
            code = cause.code if cause else ""
            failed = health.finding(
                "MaintenanceFailed", "", f"{code}: {cause.message}" if cause else ""
            )
            known = (one for one in record.findings if one.code != "MaintenanceFailed")
            found = health.merged((failed,), result.findings, known)
        case _:
            return reopened
    state = "degraded" if found else "ready"
    return reopened.model_copy(update={"findings": found, "state": state, "cause": cause})
