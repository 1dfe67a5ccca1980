"""The HTTP API of clusters: thin handlers that call claims, records and views."""

import re
from functools import partial
from http import HTTPStatus
from typing import Any

import azure.functions as func
from azure.durable_functions import SyncDurableFunctionsClient

from clients.errors import Refused
from clients.services import services
from clients.store import UnreadableRecord
from clients.stored_documents import UNREADABLE
from cluster.access import AppRole
from cluster.api import ClusterList, EventList, RunEvent
from cluster.api_requests import (
    CancelAccepted,
    OperationAccepted,
    OperationRunning,
    OperationSucceeded,
)
from cluster.changes import implicit_removal_faults
from cluster.contracts import CANCEL_EVENT, FinishInput, RunRef
from cluster.faults import SpecRefusedError
from cluster.growth import implicit_growth_faults
from cluster.names import parse_instance_id
from cluster.replacement import implicit_replacement_faults
from cluster.spec import ClusterSpec
from cluster.spec_rules import parse_spec
from cluster.stages import early_end
from cluster.timeline import make_timeline
from cluster.upgrades import implicit_upgrade_faults
from planning import consent, dry_run
from planning.adoption import last_deployed, lost_uid
from planning.ownership import refuse_spec_group
from runs.claims import claim_delete, claim_reconcile
from runs.engine import DurableEngine
from runs.lifecycle import ENDED, is_closing, look
from runs.listing import all_clusters
from runs.run_requests import Adoption
from runs.starts import Claim, ClaimContext
from triggers import views
from triggers.access import check_group, check_run, current
from triggers.endpoint import endpoint
from triggers.named_runs import named_run
from triggers.parameters import flag, has, number
from triggers.problems import ProblemError, operation_path, problem
from triggers.requests import (
    cluster_name,
    document,
    known_record,
    known_run,
    not_found,
    reply,
)

RETRY_AFTER = {"Retry-After": "5"}
# 424: the request depended on something that failed. It is not a 5xx status, because pipelines and
# Logic Apps repeat those, and a repeat would not change the answer.
FAILED = HTTPStatus.FAILED_DEPENDENCY


def claim_context(client: SyncDurableFunctionsClient) -> ClaimContext:
    return ClaimContext(
        services().store, DurableEngine(client), slack=bool(services().settings.slack_secret)
    )


def asks_for_plan(req: func.HttpRequest) -> bool:
    return has(req, "plan")


def needed_for_put(req: func.HttpRequest) -> AppRole:
    """A plan creates nothing. An adoption decides whose machines they are."""
    if has(req, "adopt") and flag(req, "adopt"):
        return AppRole.ADMINISTRATOR
    return AppRole.READER if asks_for_plan(req) and flag(req, "plan") else AppRole.OPERATOR


@endpoint("plan", "adopt", "full", needs=needed_for_put, slow=asks_for_plan)
def put_cluster(req: func.HttpRequest, client: SyncDurableFunctionsClient) -> func.HttpResponse:
    """Creates or changes the cluster.

    With `?plan=true` it only reports what would be done. With `?adopt=true` a lost record is made
    anew from what carries its uid. With `?full=true` the play runs every stage on every machine.
    """
    plan_only, adopt, full = flag(req, "plan"), flag(req, "adopt"), flag(req, "full")
    name = cluster_name(req)
    sent = document(req)
    spec = parse_spec(sent, name)
    check_group(spec.name, spec.group, needed_for_put(req))
    stored = partial(consent.stored_spec, services().store, name)
    consent.require_consent(spec, services().settings, stored)
    spec = dry_run.with_defaults(spec, services().settings)
    refuse_spec_group(spec, services().settings)
    _refuse_implicit_changes(spec, sent)
    uid = lost_uid(spec) if adopt else ""
    if plan_only:
        return reply(dry_run.dry_run(spec, uid, full=full))
    context = claim_context(client)
    adoption = Adoption(uid, last_deployed(spec, uid)) if adopt else None
    claim = claim_reconcile(context, spec, current().name, sent=sent, adopt=adoption, full=full)
    return accepted(claim)


def _refuse_implicit_changes(spec: ClusterSpec, sent: dict[str, Any]) -> None:
    """Refuses a document that only by what it leaves out adds members, removes or replaces nodes,
    or upgrades Kubernetes.

    Raises:
        SpecRefusedError: with the fields that would do so.
    """
    found = services().store.record(spec.name)
    built = found[0].built if found else None
    faults = implicit_removal_faults(built, spec, sent)
    faults += implicit_replacement_faults(built, spec, sent)
    faults += implicit_growth_faults(built, spec, sent)
    if found:
        faults += implicit_upgrade_faults(found[0], spec, sent)
    if faults:
        raise SpecRefusedError(faults)


@endpoint(needs=AppRole.OPERATOR)
def remove_cluster(req: func.HttpRequest, client: SyncDurableFunctionsClient) -> func.HttpResponse:
    claim = claim_delete(claim_context(client), cluster_name(req), current().name)
    if claim is None:
        raise not_found(cluster_name(req))
    return accepted(claim)


@endpoint(needs=AppRole.OPERATOR)
def cancel_cluster(req: func.HttpRequest, client: SyncDurableFunctionsClient) -> func.HttpResponse:
    """Requests that the running operation ends in order."""
    record = known_record(cluster_name(req))
    if not record.busy or record.operation is None:
        raise ProblemError(HTTPStatus.CONFLICT, "nothing is running", "there is nothing to cancel")
    if record.operation.kind == "delete":
        raise ProblemError(HTTPStatus.CONFLICT, "a removal cannot be cancelled")
    engine = DurableEngine(client)
    instance = record.operation.instance_id
    status = engine.status(instance)
    asked = status not in (None, *ENDED) and engine.raise_event(
        instance, CANCEL_EVENT, current().name
    )
    if not asked:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            "nothing is running",
            "the operation has ended meanwhile, or was claimed and never started: GET the cluster "
            "to see its result; then send the same spec to resume it, or DELETE the cluster",
        )
    path = operation_path(record.operation.instance_id)
    accepted = CancelAccepted(name=record.name, operation=path, location=path)
    return reply(accepted, HTTPStatus.ACCEPTED, RETRY_AFTER | {"Location": path})


@endpoint("deleted", needs=AppRole.READER)
def list_clusters(req: func.HttpRequest, client: SyncDurableFunctionsClient) -> func.HttpResponse:
    """Tombstones are shown with `?deleted=true`, records that cannot be read always."""
    deleted = flag(req, "deleted")
    reach = current().reach(AppRole.READER)
    records = sorted(all_clusters(services().store, DurableEngine(client)), key=lambda r: r.name)
    shown = [
        record
        for record in records
        if deleted or isinstance(record, UnreadableRecord) or not record.is_tombstone
        # The group of a record that cannot be read is not known.
        if reach.covers(record.name, "" if isinstance(record, UnreadableRecord) else record.group)
    ]
    return reply(ClusterList(clusters=tuple(views.summary(record) for record in shown)))


@endpoint(needs=AppRole.READER)
def get_cluster(req: func.HttpRequest, client: SyncDurableFunctionsClient) -> func.HttpResponse:
    name = cluster_name(req)
    try:
        record = known_record(name)
    except Refused as error:
        if error.code != UNREADABLE:
            raise
        return reply(views.unreadable(name, error))
    settings = services().settings
    return reply(
        views.detail(
            record,
            services().store,
            DurableEngine(client),
            settings.vault_url,
            settings.maintenance_days,
        )
    )


@endpoint("after", "generation", needs=AppRole.READER)
def get_events(req: func.HttpRequest) -> func.HttpResponse:
    """Returns the events of one run (by default the latest) with a sequence number above
    `after`."""
    record = known_record(cluster_name(req))
    ref, after = named_run(req, record), number(req, "after")
    events = services().store.events(ref)
    fresh = tuple(RunEvent(**event.model_dump()) for event in events if event.seq > after)
    last = max((event.seq for event in events), default=0)
    return reply(EventList(generation=ref.generation, events=fresh, next=last))


@endpoint("generation", needs=AppRole.READER)
def get_timeline(req: func.HttpRequest, client: SyncDurableFunctionsClient) -> func.HttpResponse:
    """Returns when each deployment, node and play stage of one run began and ended."""
    record = known_record(cluster_name(req))
    ref = named_run(req, record)
    # The result is read before the events, so that the events of an ended run are complete.
    result = services().store.result(ref)
    events = services().store.events(ref)
    going_on = record.busy and ref.generation == record.generation and result is None
    if going_on:
        engine, store = DurableEngine(client), services().store
        going_on = not look(engine, store, record, ref, ended=False).lost
    ended_at = result.finished_at if result else None if going_on else ""
    stages = _spec_of_run(ref).stages
    return reply(views.timeline(make_timeline(ref, events, ended_at), stages))


def _spec_of_run(ref: RunRef) -> ClusterSpec:
    """Returns the spec that the run was planned from; one with all defaults, which leaves out no
    stage, if the run has no plan that this version can read."""
    try:
        plan = services().store.plan(ref)
    except Refused:
        plan = None
    return plan.spec if plan else ClusterSpec(name=ref.cluster)


@endpoint(needs=AppRole.READER)
def get_operation(req: func.HttpRequest, client: SyncDurableFunctionsClient) -> func.HttpResponse:
    """Answers 202 while the operation runs, 200 after success, or an error with its cause."""
    name = cluster_name(req)
    record = known_record(name)
    text = req.route_params.get("generation", "")
    ref = known_run(record, int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0)
    check_run(record, ref.generation)
    store, engine = services().store, DurableEngine(client)
    result = store.result(ref)
    path = f"/api/clusters/{name}/operations/{ref.generation}"
    if result is not None and not is_closing(engine, store, ref):
        return _ended(result, path)
    sight = look(engine, store, record, ref, ended=False)
    if sight.lost:
        return problem(
            FAILED,
            "the operation was ended from outside",
            f"the engine ended or lost it without a result; {views.again(record)} to resume",
            operation=path,
        )
    phase = sight.shown.get("phase", "")
    told = sight.away or views.idle(record, sight)
    note = {"note": told} if told else {}
    running = OperationRunning(name=name, status="running", phase=phase, operation=path, **note)
    return reply(running, HTTPStatus.ACCEPTED, RETRY_AFTER | {"Location": path})


def _ended(result: FinishInput, path: str) -> func.HttpResponse:
    if result.result == "succeeded":
        return reply(
            OperationSucceeded(
                name=result.cluster,
                status="succeeded",
                operation=path,
                finished_at=result.finished_at,
                checks=views.checks(result, services().store),
                cluster=f"/api/clusters/{result.cluster}",
                stops_after=early_end(_spec_of_run(result).playbook.through) or None,
            )
        )
    cause = views.failure(result.cause) if result.cause else None
    cancelled = result.result == "cancelled"
    return problem(
        HTTPStatus.CONFLICT if cancelled else FAILED,
        "the operation was cancelled" if cancelled else "the operation failed",
        cause.message if cause else "",
        operation=path,
        cause=cause,
    )


def accepted(claim: Claim) -> func.HttpResponse:
    path = operation_path(claim.operation.instance_id)
    accepted = OperationAccepted(
        name=parse_instance_id(claim.operation.instance_id)[0],
        operation=path,
        location=path,
        joined=claim.joined,
    )
    return reply(accepted, HTTPStatus.ACCEPTED, RETRY_AFTER | {"Location": path})
