"""Starts of claimed operations, and the claim itself as data."""

from dataclasses import dataclass
from datetime import UTC, datetime

from clients.errors import Transient
from clients.store import Store
from cluster.contracts import (
    BACKUP_CLUSTER,
    CANCEL_EVENT,
    DELETE_CLUSTER,
    MAINTAIN_CLUSTER,
    RECONCILE_CLUSTER,
    REPLACE_NODES,
    RESTORE_CLUSTER,
    ROTATE_CREDENTIAL,
    UPGRADE_CLUSTER,
    RunRef,
)
from cluster.names import parse_instance_id
from cluster.record import ClaimedOperation, ClusterRecord, Kind
from runs.lifecycle import Engine, instance_of, never_started, ref_of
from runs.previous import end_earlier, next_run
from telemetry import spans
from telemetry.names import Attribute, EventName

ORCHESTRATORS: dict[Kind, str] = {
    "reconcile": RECONCILE_CLUSTER,
    "delete": DELETE_CLUSTER,
    "backup": BACKUP_CLUSTER,
    "replace": REPLACE_NODES,
    "restore": RESTORE_CLUSTER,
    "upgrade": UPGRADE_CLUSTER,
    "maintain": MAINTAIN_CLUSTER,
    "rotate": ROTATE_CREDENTIAL,
}


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


def next_operation(
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


def start_if_absent(context: ClaimContext, operation: ClaimedOperation) -> None:
    """Starts a claimed operation whose start was lost, under the same id."""
    if context.engine.status(operation.instance_id) is None:
        start(context, operation)


def start(context: ClaimContext, operation: ClaimedOperation) -> None:
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
    start(context, operation)
