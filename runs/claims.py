"""Claims: the only way to start an operation.

A start with a fixed instance id is not atomic on every backend: two callers may both get success.
So the record is claimed by its ETag first, and only the winner starts an instance.
"""

from collections.abc import Mapping
from typing import Any

from clients.azure.blobs import Conflict
from clients.errors import Transient
from clients.store import Store
from cluster.contracts import FinishInput
from cluster.record import ClaimedOperation, ClusterRecord
from cluster.spec import ClusterSpec
from runs.lifecycle import LOST, end, never_started, ref_of, running
from runs.previous import BusyError, busy_with, end_earlier
from runs.run_requests import (
    Adoption,
    NodeRemoval,
    NodeReplacement,
    RunRequest,
    SpecHashes,
    wanted_record,
)
from runs.starts import Claim, ClaimContext, next_operation, start, start_if_absent

TRIES = 6
# The kinds of operations that make a cluster match its spec.
MATCHING = ("reconcile", "replace", "upgrade")


class NameTakenError(Exception):
    """A tag asks for a cluster whose name another group's cluster got meanwhile."""


def claim_reconcile(
    context: ClaimContext,
    spec: ClusterSpec,
    caller: str,
    *,
    sent: Mapping[str, Any] | None = None,
    tag: str = "",
    adopt: Adoption | None = None,
    full: bool = False,
) -> Claim:
    """Starts a run that makes the cluster match the spec, or joins the run that already does.

    Args:
        spec: the spec with the installation's defaults.
        sent: the document that the spec was made from, as it was sent.
        tag: the tag of the resource group that asked for the cluster; empty for the API. It never
            changes the cluster of another group.
        adopt: the lost record that the cluster's new record continues.
        full: the play runs every stage on every machine. A run that does less is not joined.

    Raises:
        BusyError: a run of another spec, or a removal, is in progress.
        NameTakenError: the tag's name is that of another group's cluster.
        SpecRefusedError: the existing cluster does not allow the change.
    """
    hashes = SpecHashes.of(spec, sent, full=full)
    return _claim_reconcile(context, RunRequest(spec, hashes, caller, tag, adopt))


def claim_node_removal(
    context: ClaimContext, spec: ClusterSpec, caller: str, removal: NodeRemoval
) -> Claim:
    """Starts a run of the spec in which the named node leaves, or joins the run that removes it.

    Args:
        spec: the cluster's last spec with one worker fewer.

    Raises:
        BusyError: another run is in progress.
        Transient: another operation was claimed since the removal was decided on.
        SpecRefusedError: the existing cluster does not allow the change.
    """
    hashes = SpecHashes.of(spec, None)
    return _claim_reconcile(context, RunRequest(spec, hashes, caller, removal=removal))


def claim_node_replacement(
    context: ClaimContext, spec: ClusterSpec, caller: str, replacement: NodeReplacement
) -> Claim:
    """Starts a run that replaces the named node, or joins the run that does.

    Args:
        spec: the cluster's last spec.

    Raises:
        BusyError: another run is in progress.
        Transient: another operation was claimed since the replacement was decided on.
        SpecRefusedError: the existing cluster does not allow the change.
    """
    hashes = SpecHashes.of(spec, None)
    return _claim_reconcile(context, RunRequest(spec, hashes, caller, replacement=replacement))


def _claim_reconcile(context: ClaimContext, asked: RunRequest) -> Claim:
    spec, hashes, tag, decided_on = asked.spec, asked.hashes, asked.tag, asked.decided_on
    for _ in range(TRIES):
        found = context.store.record(spec.name)
        record = found[0] if found else None
        if tag and record and not record.is_tombstone and not _same_group(record, spec):
            raise NameTakenError(f"cluster '{spec.name}' belongs to group '{record.group}'")
        if record and (busy := running(context.engine, context.store, record)):
            if busy.kind in MATCHING and asked.names_node_of(busy) and hashes.match(busy):
                start_if_absent(context, busy)
                return Claim(busy, joined=True)
            raise busy_with(busy)
        if decided_on and (record is None or _differs(record, decided_on)):
            raise _claimed_meanwhile(spec.name, record)
        try:
            wanted = wanted_record(context, record, asked)
            # Before the claim: a repeat of this request joins the claim and ends no earlier run.
            close_lost(context, record)
            _save(context.store, wanted, found[1] if found else None)
        except Conflict:
            continue
        except BusyError:
            # Another caller may have claimed and started the run since the record was read.
            if context.store.record(spec.name) != found:
                continue
            raise
        operation = wanted.operation
        # Set just above; for the type checker.
        assert operation is not None  # noqa: S101  # nosec B101
        start(context, operation)
        return Claim(operation, joined=False)
    raise RuntimeError("the record kept changing; try again")


def claim_delete(
    context: ClaimContext, name: str, caller: str, *, only: ClusterRecord | None = None
) -> Claim | None:
    """Ends the runs in progress and starts the removal. Returns None if there is nothing to
    remove.

    Args:
        only: the record for which the caller decided on the removal. Nothing is done if the cluster
            is another one, or has another operation, by now. None: whatever there is.

    Raises:
        Transient: it is. The caller decides again.
    """
    for _ in range(TRIES):
        found = context.store.record(name)
        if not found or found[0].is_tombstone:
            return None
        record, etag = found
        if only and _differs(record, only):
            raise _claimed_meanwhile(name, record)
        claimed = record.operation
        if claimed and claimed.kind == "delete" and _goes_on(context, record, claimed, caller):
            return Claim(claimed, joined=True)
        operation = next_operation(context, record, "delete", caller)
        wanted = record.model_copy(
            update={
                "generation": operation.generation,
                "operation": operation,
                "state": "deleting",
                "cause": None,
            }
        )
        try:
            context.store.save_record(wanted, etag)
        except Conflict:
            continue
        end_earlier(context.engine, context.store, record, ref_of(wanted, operation), caller)
        start(context, operation)
        return Claim(operation, joined=False)
    raise RuntimeError("the record kept changing; try again")


def _differs(record: ClusterRecord, earlier: ClusterRecord) -> bool:
    """Returns whether the record is another cluster's, or has another operation, by now."""
    return (record.uid, record.generation) != (earlier.uid, earlier.generation)


def _claimed_meanwhile(name: str, record: ClusterRecord | None) -> Transient:
    generation = record.generation if record else 0
    return Transient(f"operation {generation} of cluster '{name}' was claimed meanwhile", 1.0)


def _goes_on(
    context: ClaimContext, record: ClusterRecord, removal: ClaimedOperation, caller: str
) -> bool:
    """Returns whether the removal runs.

    The earlier runs are asked to end, whether or not they were asked before: the request that
    claimed the removal may have failed at any place. A removal that was claimed and never started
    is started now, whatever its age.
    """
    lost = never_started(context.engine, context.store, record)
    if not lost and running(context.engine, context.store, record) is None:
        return False
    end_earlier(context.engine, context.store, record, ref_of(record, removal), caller)
    if lost:
        start(context, removal)
    return True


def close_lost(context: ClaimContext, record: ClusterRecord | None) -> None:
    """Writes the result of a run that the engine lost, for callers that still follow it."""
    operation = record.operation if record else None
    if record is None or operation is None or operation.finished:
        return
    ref = ref_of(record, operation)
    ended = FinishInput(**ref.model_dump(), result="failed", cause=LOST)
    end(context.store, ended, operation.kind)


def _same_group(record: ClusterRecord, spec: ClusterSpec) -> bool:
    return record.group.lower() == spec.group.lower()


def _save(store: Store, record: ClusterRecord, etag: str | None) -> None:
    if etag is None:
        store.create_record(record)
    else:
        store.save_record(record, etag)
