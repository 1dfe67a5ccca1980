"""Claims: the only way to start an operation.

A start with a fixed instance id is not atomic on every backend: two callers may both get success.
So the record is claimed by its ETag first, and only the winner starts an instance.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clients.azure.blobs import Conflict
from clients.errors import Transient
from clients.store import Store
from cluster.changes import change_faults, kept_subnet_faults
from cluster.closing import closed
from cluster.contracts import (
    CANCEL_EVENT,
    DELETE_CLUSTER,
    RECONCILE_CLUSTER,
    FinishInput,
    RunRef,
)
from cluster.faults import Fault, SpecRefusedError
from cluster.names import parse_instance_id
from cluster.record import ClaimedOperation, ClusterRecord, Kind
from cluster.spec import ClusterSpec
from cluster.spec_rules import check
from runs.lifecycle import (
    LOST,
    Engine,
    end,
    instance_of,
    never_started,
    ref_of,
    running,
)
from runs.previous import BusyError, busy_with, end_earlier, next_run
from telemetry import spans
from telemetry.names import Attribute, EventName

ORCHESTRATORS: dict[Kind, str] = {"reconcile": RECONCILE_CLUSTER, "delete": DELETE_CLUSTER}
TRIES = 6


@dataclass(frozen=True)
class ClaimContext:
    """What a claim needs. `slack`: the installation has a webhook for specs that name none."""

    store: Store
    engine: Engine
    slack: bool


@dataclass(frozen=True)
class Claim:
    """A claimed operation. `joined`: the same request was running already."""

    operation: ClaimedOperation
    joined: bool


@dataclass(frozen=True)
class SpecHashes:
    """What identifies a request while its run is in progress.

    Attributes:
        meaning: the hash of the spec with all defaults. It is equal for documents with the same
            meaning, as long as neither the version of Slipway nor a setting changes a default.
        request: the hash of the document that was sent, without any default. It is equal in every
            version. Empty if the spec did not come as a document.
        full: a full pass was asked for. A run that makes none does not match.
    """

    meaning: str
    request: str = ""
    full: bool = False

    @classmethod
    def of(
        cls, spec: ClusterSpec, sent: Mapping[str, Any] | None, *, full: bool = False
    ) -> "SpecHashes":
        """Computes the hashes. `sent` is the parsed document. It may omit the name, which is in the
        URL."""
        request = _hash({"name": spec.name, **sent}) if sent is not None else ""
        return cls(_hash(spec.document()), request, full)

    def match(self, operation: ClaimedOperation) -> bool:
        if self.full and not operation.full:
            return False
        same_request = bool(self.request) and operation.request_hash == self.request
        return same_request or operation.spec_hash == self.meaning


@dataclass(frozen=True)
class NodeRemoval:
    """A request that names the node that leaves.

    Attributes:
        force: the node's pods are deleted if they cannot be evicted.
        decided_on: the record from which the request's spec was made.
    """

    node: str
    force: bool
    decided_on: ClusterRecord


@dataclass(frozen=True)
class Adoption:
    """A lost record: its uid, and the last generation that it is known to have had."""

    uid: str
    above: int = 0


class NameTakenError(Exception):
    """A tag asks for a cluster whose name another group's cluster got meanwhile."""


def _same_group(record: ClusterRecord, spec: ClusterSpec) -> bool:
    return record.group.lower() == spec.group.lower()


def _hash(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


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
    return _claim_reconcile(context, _Request(spec, hashes, caller, tag, adopt))


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
    return _claim_reconcile(context, _Request(spec, hashes, caller, removal=removal))


@dataclass(frozen=True)
class _Request:
    """What a request asks for; the fields are those of `claim_reconcile`."""

    spec: ClusterSpec
    hashes: SpecHashes
    caller: str
    tag: str = ""
    adopt: Adoption | None = None
    removal: NodeRemoval | None = None


def _claim_reconcile(context: ClaimContext, asked: _Request) -> Claim:
    spec, hashes, tag, removal = asked.spec, asked.hashes, asked.tag, asked.removal
    for _ in range(TRIES):
        found = context.store.record(spec.name)
        record = found[0] if found else None
        if tag and record and not record.is_tombstone and not _same_group(record, spec):
            raise NameTakenError(f"cluster '{spec.name}' belongs to group '{record.group}'")
        if record and (busy := running(context.engine, context.store, record)):
            same = removal is None or removal.node == busy.removes
            if busy.kind == "reconcile" and same and hashes.match(busy):
                _start_if_absent(context, busy)
                return Claim(busy, joined=True)
            raise busy_with(busy)
        if removal and (record is None or _differs(record, removal.decided_on)):
            raise _claimed_meanwhile(spec.name, record)
        try:
            base = _adopting(record, spec.name, asked.adopt) if asked.adopt else record
            wanted = _next_record(context, base, spec, hashes, asked.caller, tag)
            wanted = _removing(wanted, removal) if removal else wanted
            # Before the claim: a repeat of this request joins the claim and ends no earlier run.
            _close_lost(context, record)
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
        _start(context, operation)
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
        operation = _operation(context, record, "delete", caller)
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
        _start(context, operation)
        return Claim(operation, joined=False)
    raise RuntimeError("the record kept changing; try again")


def _differs(record: ClusterRecord, earlier: ClusterRecord) -> bool:
    """Returns whether the record is another cluster's, or has another operation, by now."""
    return (record.uid, record.generation) != (earlier.uid, earlier.generation)


def _claimed_meanwhile(name: str, record: ClusterRecord | None) -> Transient:
    generation = record.generation if record else 0
    return Transient(f"operation {generation} of cluster '{name}' was claimed meanwhile", 1.0)


def _removing(record: ClusterRecord, removal: NodeRemoval) -> ClusterRecord:
    """Returns the record with the node marked, so that a later run continues with it too."""
    slots = tuple(
        slot.model_copy(update={"leaving": True}) if slot.name == removal.node else slot
        for slot in record.slots
    )
    named = {"removes": removal.node, "force": removal.force}
    operation = record.operation.model_copy(update=named) if record.operation else None
    return record.model_copy(update={"slots": slots, "operation": operation})


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
        _start(context, removal)
    return True


def start_lost_claim(context: ClaimContext, record: ClusterRecord) -> None:
    """Starts an operation that was claimed and never started, whatever its age.

    This serves a caller that repeats by itself. For a removal, the earlier runs are asked to end,
    as its own caller would have done.
    """
    operation = record.operation
    if operation is None or operation.kind not in ORCHESTRATORS:
        return
    if not never_started(context.engine, context.store, record):
        return
    if operation.kind == "delete":
        ref = ref_of(record, operation)
        end_earlier(context.engine, context.store, record, ref, operation.caller)
    _start(context, operation)


def _close_lost(context: ClaimContext, record: ClusterRecord | None) -> None:
    """Writes the result of a run that the engine lost, for callers that still follow it."""
    operation = record.operation if record else None
    if record is None or operation is None or operation.finished:
        return
    ref = ref_of(record, operation)
    ended = FinishInput(**ref.model_dump(), result="failed", cause=LOST)
    end(context.store, ended, operation.kind)


def _adopting(record: ClusterRecord | None, name: str, lost: Adoption) -> ClusterRecord:
    """Returns the record with the uid of the lost one, and a generation that it did not pass.

    A record that was made since, and from which nothing was built, gets that uid too.

    Raises:
        SpecRefusedError: the cluster has a record of its own, from which something was built.
    """
    uid, generation = lost.uid, max(record.generation if record else 0, lost.above)
    if record is None or record.is_tombstone:
        return ClusterRecord(name=name, uid=uid, generation=generation)
    if record.uid != uid and record.built is not None:
        fault = Fault(
            path="adopt",
            message=f"the record of '{name}' has the uid {record.uid}, and machines were built "
            f"from it; what is in the group has the uid {uid}",
            allowed="only a cluster without a record, or one from which nothing was built",
        )
        raise SpecRefusedError([fault])
    return record.model_copy(update={"uid": uid, "generation": generation})


def _next_record(
    context: ClaimContext,
    record: ClusterRecord | None,
    spec: ClusterSpec,
    hashes: SpecHashes,
    caller: str,
    tag: str,
) -> ClusterRecord:
    before = record = _closed(context, record) if record is not None else None
    if record is None or record.is_tombstone:
        generation = record.generation if record else 0
        record = ClusterRecord(name=spec.name, uid=secrets.token_hex(4), generation=generation)
    faults = change_faults(record.built, spec) + kept_subnet_faults(record, spec)
    faults += check(spec, record.subnets)
    if faults:
        raise SpecRefusedError(faults)
    operation = _operation(context, record, "reconcile", caller).model_copy(
        update={
            "spec_hash": hashes.meaning,
            "request_hash": hashes.request,
            "full": hashes.full,
            "profile": tag.partition(";")[0].strip(),
        }
    )
    since = (before or record).since_in(spec.group, operation.generation)
    return record.model_copy(
        update={
            "generation": operation.generation,
            "operation": operation,
            "state": "running",
            "cause": None,
            "spec": spec.document(),
            "group": spec.group,
            "group_since": since,
            "group_deleted": False,
            "tag": tag or record.tag,
            "updated_at": operation.started_at,
        }
    )


def _closed(context: ClaimContext, record: ClusterRecord) -> ClusterRecord:
    """Returns the record as its last operation left it. The operation may have ended without
    closing it."""
    if not record.busy or record.operation is None:
        return record
    result = context.store.result(ref_of(record, record.operation))
    return closed(record, result) if result else record


def _operation(
    context: ClaimContext, record: ClusterRecord, kind: Kind, caller: str
) -> ClaimedOperation:
    ref = next_run(context.engine, context.store, record, kind)
    return ClaimedOperation(
        generation=ref.generation,
        kind=kind,
        instance_id=instance_of(ref),
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        caller=caller,
    )


def _save(store: Store, record: ClusterRecord, etag: str | None) -> None:
    if etag is None:
        store.create_record(record)
    else:
        store.save_record(record, etag)


def _start_if_absent(context: ClaimContext, operation: ClaimedOperation) -> None:
    """Starts a claimed operation whose start was lost, under the same id."""
    if context.engine.status(operation.instance_id) is None:
        _start(context, operation)


def _start(context: ClaimContext, operation: ClaimedOperation) -> None:
    """Starts the claimed run, unless it already has a result.

    A removal, or the age of the claim, may have ended the run meanwhile. If a removal ends it at
    the same time, either the removal finds the run started, or the check at the end finds the
    result and cancels the run.
    """
    name, _ = parse_instance_id(operation.instance_id)
    record = context.store.need_record(name)[0]
    ref = RunRef(cluster=name, generation=operation.generation)
    if context.store.result(ref) is not None:
        return
    payload = ref.model_dump() | {
        "journal": {"slack": context.slack or bool(record.spec.get("slack"))}
    }
    with spans.operation(name, operation.generation):
        spans.record(EventName.CLAIM, {Attribute.KIND: operation.kind})
        try:
            context.engine.start(ORCHESTRATORS[operation.kind], operation.instance_id, payload)
        except Transient as error:
            text = f"{error}; {operation.instance_id} is claimed: the same request starts it"
            raise Transient(text, error.retry_after) from None
    if context.store.result(ref) is not None:
        context.engine.raise_event(operation.instance_id, CANCEL_EVENT, operation.caller)
