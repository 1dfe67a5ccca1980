"""Event Grid: resource groups that are created with the tag `slipway`, and groups that are gone.

The event says neither whether the group is new nor what tags it has, arrives at least once and in
any order: whether a run starts is decided by the record, the tag is read from ARM.
"""

import logging
import re

import azure.functions as func
from azure.durable_functions import SyncDurableFunctionsClient

from clients.azure.blobs import Conflict
from clients.azure.event_grid import DELETED, OPERATIONS
from clients.errors import Refused, Transient, type_and_places
from clients.services import services
from clients.settings import SettingsError
from clients.store import UnreadableRecord
from clients.time_limit import time_limit
from cluster.faults import SpecRefusedError
from cluster.outcomes import Cause
from cluster.profiles import TAG, cluster_name, load_profiles, spec_from_tag
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from planning import dry_run
from runs.claims import claim_reconcile, start_lost_claim
from runs.engine import EngineAwayError
from runs.previous import BusyError
from runs.refused_tags import finish_report, report_refusal
from telemetry import spans
from telemetry.names import Attribute, EventName
from triggers.clusters import claim_context

log = logging.getLogger("slipway.groups")

# A group's name by Azure's own rule: what else stands there must not become part of a URL.
SUBJECT = re.compile(
    r"/subscriptions/([^/]+)/resourcegroups/([-\w.()]{0,89}[-\w()])", re.IGNORECASE
)


# Event Grid takes an event that is not acknowledged within 30 s for a failed one.
SECONDS = 25.0
# What ARM, storage and the vault answer until a new role assignment or identity has spread, which
# takes minutes. Event Grid ends the repeats of an assignment that is missing (events.json).
WAITING_FOR_ROLES = frozenset(
    {
        "AuthorizationFailed",
        "AuthorizationFailure",
        "AuthorizationPermissionMismatch",
        "Forbidden",
        "IdentityUnavailable",
    }
)


class RepeatedEventError(Exception):
    """Makes Event Grid send the event again. The host logs the text, so it has no words of a
    service."""


def on_group_event(event: func.CloudEvent, client: SyncDurableFunctionsClient) -> None:
    """Acknowledges whatever is not for us, and what a repeat would not change. A deleted group
    cannot be updated, so its event is never acknowledged unserved.

    Raises:
        RepeatedEventError: a repeat may help.
        SettingsError: likewise, once somebody has set what it names.
    """
    try:
        with time_limit(SECONDS):
            _serve(event, client)
    except Refused as error:
        place = f" at {error.place}" if error.place else ""
        refusal = f"a service refused ({error.code}{place})"
        if error.code in WAITING_FOR_ROLES or _text(event.type).lower() == DELETED:
            raise RepeatedEventError(f"{refusal}. See what /api/doctor finds") from None
        log.error(  # noqa: TRY400 -- a traceback quotes the service
            "an event of resource group %s was not served: %s. See what /api/doctor finds, then "
            "update the group",
            _group_of(event), refusal)  # fmt: skip
    except EngineAwayError as error:
        raise RepeatedEventError(f"the durable backend is away ({error.code})") from None
    except (Transient, Conflict) as error:
        raise RepeatedEventError(f"a service is away: {type_and_places(error)}") from None
    except (SettingsError, ImportError):
        raise
    except Exception as error:
        raise RepeatedEventError(type_and_places(error)) from None


def _group_of(event: func.CloudEvent) -> str:
    match = SUBJECT.fullmatch(_text(event.subject))
    return match[2] if match else ""


def _serve(event: func.CloudEvent, client: SyncDurableFunctionsClient) -> None:
    if not isinstance(event, func.CloudEvent):
        log.error(
            "an event was ignored: it is not in the schema CloudEventSchemaV1_0. Create the event "
            "subscription again with that schema (docs/install.md, step 3)"
        )
        return
    data = event.get_json()
    kind = _text(event.type).lower()
    operation = _text(data.get("operationName")).lower() if isinstance(data, dict) else ""
    match = SUBJECT.fullmatch(_text(event.subject))
    if kind not in OPERATIONS or operation != OPERATIONS[kind] or not match:
        return
    subscription, group = match.groups()
    if subscription.lower() != services().settings.subscription_id.lower():
        return
    if kind == DELETED:
        _close_record(group)
    else:
        _launch(group, client)


def _text(value: object) -> str:
    """What an event's field holds; empty where it is no text."""
    return value if isinstance(value, str) else ""


def _launch(group: str, client: SyncDurableFunctionsClient) -> None:
    found = services().groups.get(group)
    tag = found.tags.get(TAG) if found else None
    if not found or not tag:
        return
    name = cluster_name(found.name)
    if known := services().store.record(name):
        # An update, a repeat, or a tombstone: the group was served once, unless the start or the
        # message was lost.
        finish_report(known[0])
        start_lost_claim(claim_context(client), known[0])
        return
    try:
        profiles = load_profiles(services().settings.profiles)
    except (ValueError, AttributeError):
        # Its text quotes what it read.
        log.error(  # noqa: TRY400
            "resource group %s starts nothing: the setting SLIPWAY_PROFILES is not a JSON object "
            "of profiles. Set it (docs/install.md, step 3), then update the group",
            group,
        )
        return
    try:
        sent = spec_from_tag(tag, found.name, found.location, profiles)
        spec = parse_spec(sent)
        spec = dry_run.with_defaults(spec, services().settings)
        claim_reconcile(
            claim_context(client), spec, "event grid", sent=sent, profile=tag.partition(";")[0]
        )
    except SpecRefusedError as error:
        report_refusal(name, found.name, error)
    except BusyError:
        log.info("group %s: a run was started meanwhile", group)


def _close_record(group: str) -> None:
    """The group is gone, and the cluster with it; a removal of our own closes its record itself."""
    store = services().store
    for record in store.records():
        if isinstance(record, UnreadableRecord):
            log.error("the deleted group may be that of %s: %s", record.name, record.refusal)
            continue
        if record.group.lower() != group.lower() or record.is_tombstone or record.busy:
            continue
        if services().groups.get(group) is not None:
            return  # made anew meanwhile: the event is late
        found = store.record(record.name)
        if found:
            _bury(found[0], found[1])


def _bury(record: ClusterRecord, etag: str) -> None:
    cause = Cause(code="GroupDeleted", message=f"resource group '{record.group}' was deleted")
    changes = {"state": "deleted", "cause": cause, "built": None, "slots": (), "subnets": {}}
    try:
        services().store.save_record(record.model_copy(update=changes), etag)
    except Conflict as error:
        raise Transient(str(error), 1.0) from None
    with spans.operation(record.name, record.generation):
        spans.record(EventName.RUN, {Attribute.STATE: "deleted", Attribute.CODE: cause.code})
