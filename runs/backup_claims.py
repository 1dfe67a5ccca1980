"""Claims of operations that leave the spec as it is: backups, restores, maintenances, rotations."""

import secrets
from typing import Literal, NamedTuple

from clients.azure.blobs import Conflict
from cluster import names
from cluster.record import ClaimedOperation, ClusterRecord, Credential
from runs.claims import TRIES, close_lost
from runs.lifecycle import running
from runs.previous import BusyError, busy_with
from runs.run_requests import closed_record
from runs.starts import Claim, ClaimContext, next_operation, start, start_if_absent

MAINTAINED_STATES = ("ready", "degraded")
# The kinds that may fail the cluster, and then end that fault by themselves.
RESUMING = ("restore", "rotate")


class NotMaintainableError(Exception):
    """The cluster is not in a state in which it is maintained."""

    def __init__(self, state: str) -> None:
        self.state = state
        super().__init__(f"the cluster is {state}")


class NodesLeavingError(Exception):
    """Nodes of the cluster were to be removed or replaced, and may still run."""

    def __init__(self, nodes: tuple[str, ...]) -> None:
        self.nodes = nodes
        super().__init__(f"nodes are being removed: {', '.join(nodes)}")


class _Asked(NamedTuple):
    """What is asked for. A request joins the operation of the same."""

    kind: Literal["backup", "restore", "maintain", "rotate"]
    backup: str = ""
    rotates: Credential | Literal[""] = ""


def claim_backup(context: ClaimContext, name: str, caller: str) -> Claim | None:
    """Starts a backup, or joins the one that runs. Returns None if there is no cluster.

    The record keeps the state that it had, because a backup changes nothing of the cluster.

    Raises:
        BusyError: another operation is in progress.
    """
    return _claim(context, name, caller, _Asked("backup"))


def claim_restore(context: ClaimContext, name: str, caller: str, backup: str) -> Claim | None:
    """Starts the restore of that backup, or joins the one that runs. Returns None if there is no
    cluster.

    Raises:
        BusyError: another operation is in progress, which may be the restore of another backup.
    """
    return _claim(context, name, caller, _Asked("restore", backup=backup))


def claim_maintenance(context: ClaimContext, name: str, caller: str) -> Claim | None:
    """Starts a maintenance, or joins the one that runs. Returns None if there is no cluster.

    Raises:
        BusyError: another operation is in progress.
        NotMaintainableError: the cluster's last operation did not succeed, or removes it.
    """
    return _claim(context, name, caller, _Asked("maintain"))


def claim_rotation(
    context: ClaimContext, name: str, caller: str, credential: Credential
) -> Claim | None:
    """Starts the rotation of the credential, goes on with the one that did not end, or joins the
    one that runs. Returns None if there is no cluster.

    Raises:
        BusyError: another operation is in progress, which may be another rotation.
        NodesLeavingError: the SSH key of machines that leave would not be rotated.
    """
    return _claim(context, name, caller, _Asked("rotate", rotates=credential))


def _claim(context: ClaimContext, name: str, caller: str, asked: _Asked) -> Claim | None:
    kind = asked.kind
    for _ in range(TRIES):
        found = context.store.record(name)
        if not found or found[0].is_tombstone:
            return None
        record, etag = found
        if busy := running(context.engine, context.store, record):
            if (busy.kind, busy.backup, busy.rotates) == asked:
                start_if_absent(context, busy)
                return Claim(busy, joined=True)
            raise busy_with(busy)
        try:
            operation = next_operation(context, record, kind, caller)
            # Before the claim: a repeat of this request joins the claim and ends no earlier run.
            close_lost(context, record)
            before = closed_record(context, record)
            if before.is_tombstone:
                return None
            if kind == "maintain" and before.state not in MAINTAINED_STATES:
                raise NotMaintainableError(before.state)
            if asked.rotates == names.SSH_KEY:
                _require_no_leaving(before)
            earlier = before.operation
            kept = {
                "backup": asked.backup,
                "state_before": before.state,
                "cause_before": before.cause,
                "since": (earlier.since or earlier.started_at) if earlier else before.updated_at,
            }
            operation = operation.model_copy(update=kept)
            if asked.rotates:
                before = _with_rotation(before, asked.rotates)
                rotation = before.rotations[asked.rotates]
                named = {"rotates": asked.rotates, "rotation": rotation}
                operation = operation.model_copy(update=named)
            operation = _resumed(operation, earlier)
            wanted = before.model_copy(
                update={
                    "generation": operation.generation,
                    "operation": operation,
                    "state": "running",
                    "cause": None,
                    "updated_at": operation.started_at,
                    "maintained_at": operation.started_at
                    if kind == "maintain"
                    else before.maintained_at,
                }
            )
            context.store.save_record(wanted, etag)
        except Conflict:
            continue
        except BusyError:
            # Another caller may have claimed and started the run since the record was read.
            if context.store.record(name) != found:
                continue
            raise
        start(context, operation)
        return Claim(operation, joined=False)
    raise RuntimeError("the record kept changing; try again")


def _resumed(operation: ClaimedOperation, earlier: ClaimedOperation | None) -> ClaimedOperation:
    """Returns the operation with the state that the cluster gets once it succeeds, if it goes on
    with the earlier one: the same rotation, or another restore after one that did not succeed."""
    if earlier is None or earlier.kind != operation.kind or operation.kind not in RESUMING:
        return operation
    if earlier.rotation != operation.rotation:
        return operation
    state, cause = earlier.state_before, earlier.cause_before
    if earlier.state_resumed:
        state, cause = earlier.state_resumed, earlier.cause_resumed
    return operation.model_copy(update={"state_resumed": state, "cause_resumed": cause})


def _require_no_leaving(record: ClusterRecord) -> None:
    """Raises NodesLeavingError if a node leaves: it would keep the old SSH key, and could not be
    reached with the new one."""
    if leaving := tuple(slot.name for slot in record.slots if slot.leaving):
        raise NodesLeavingError(leaving)


def _with_rotation(record: ClusterRecord, credential: Credential) -> ClusterRecord:
    """Returns the record with the id of the credential's rotation: that of the one that did not
    end, or a new one. A removal then knows the secret in which the new credential will be."""
    rotation = record.rotations.get(credential) or secrets.token_hex(4)
    secret = names.rotation_secret(record.name, record.uid, credential, rotation)
    known = record.secrets if secret in record.secrets else (*record.secrets, secret)
    rotations = record.rotations | {credential: rotation}
    return record.model_copy(update={"rotations": rotations, "secrets": known})
