"""The operations of a cluster, the latest first."""

from collections.abc import Callable
from http import HTTPStatus
from typing import cast

import azure.functions as func
from azure.durable_functions import SyncDurableFunctionsClient

from clients.parallel import in_parallel
from clients.services import services
from clients.store import Store
from cluster.access import AppRole
from cluster.api_history import OperationList, OperationState, OperationSummary
from cluster.api_requests import FieldFault
from cluster.contracts import FinishInput, RunRef
from cluster.names import instance_id
from cluster.record import ClusterRecord, Kind
from runs.engine import DurableEngine, EngineAwayError
from runs.lifecycle import Engine, glance, kind_of
from triggers.access import may_read_run
from triggers.endpoint import endpoint
from triggers.parameters import has, number
from triggers.problems import ProblemError, operation_path
from triggers.requests import cluster_name, known_record, reply

# The operations of one answer.
PAGE = 20
# By a phase that only its operations and those further down have: the kind.
KINDS: dict[str, Kind] = {
    "resources": "delete",
    "control-planes": "upgrade",
    "snapshot": "backup",
    "replace": "replace",
    "fetch": "restore",
    "examine": "maintain",
    "rotation": "rotate",
    "plan": "reconcile",
}


@endpoint("before", needs=AppRole.READER)
def list_operations(req: func.HttpRequest, client: SyncDurableFunctionsClient) -> func.HttpResponse:
    """Returns the operations with numbers below `before`, or the latest ones. Those that the caller
    may not read are left out."""
    record = known_record(cluster_name(req))
    before = number(req, "before") if has(req, "before") else record.generation + 1
    if before < 1:
        fault = FieldFault(path="before", message="'0'", allowed="1 or a larger number")
        raise ProblemError(HTTPStatus.BAD_REQUEST, "a query parameter was refused", faults=[fault])
    last = min(before - 1, record.generation)
    numbers = [one for one in range(last, max(0, last - PAGE), -1) if may_read_run(record, one)]
    found = in_parallel(_reader(services().store, DurableEngine(client), record), numbers)
    following = max(1, last - PAGE + 1)
    return reply(
        OperationList(
            name=record.name, operations=tuple(found), next=following if following > 1 else None
        )
    )


def _reader(
    store: Store, engine: Engine, record: ClusterRecord
) -> Callable[[int], OperationSummary]:
    def read(generation: int) -> OperationSummary:
        ref = RunRef(cluster=record.name, generation=generation)
        result = store.result(ref)
        claim = record.operation
        claimed_at = claim.started_at if claim and claim.generation == generation else None
        return OperationSummary(
            generation=generation,
            kind=kind_of(record, generation) or _kind(result),
            state=_ended_state(result) if result else _state(store, engine, record, ref),
            started_at=claimed_at or _started_at(result),
            finished_at=(result.finished_at if result else "") or None,
            cause=result.cause.code if result and result.cause else None,
            operation=operation_path(instance_id(record.name, generation)),
        )

    return read


def _ended_state(result: FinishInput) -> OperationState:
    return cast(OperationState, result.result)


def _state(store: Store, engine: Engine, record: ClusterRecord, ref: RunRef) -> OperationState:
    """Returns the state of an operation without a result. Only the latest one can be going on."""
    if not record.busy or ref.generation != record.generation:
        return "unknown"
    try:
        sight = glance(engine, store, record, ref)
    except EngineAwayError:
        return "unknown"
    return cast(OperationState, sight.state("running"))


def _kind(result: FinishInput | None) -> Kind | None:
    """Returns the kind of an ended operation by its phases: only the record of the latest one says
    it."""
    phases = {phase.name for phase in result.phases} if result else set[str]()
    return next((kind for phase, kind in KINDS.items() if phase in phases), None)


def _started_at(result: FinishInput | None) -> str | None:
    phases = result.phases if result else ()
    return next((phase.started_at for phase in phases if phase.started_at), None)
