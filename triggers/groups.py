"""Handles Event Grid events of resource groups that were written or deleted.

A group with the tag `slipway` starts a run. The event does not report whether the group is new or
which tags it has. It arrives at least once and in any order. So the record decides whether a run
starts, and the tag is read from ARM.
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
from planning.ownership import refuse_spec_group
from runs.claims import claim_reconcile, start_lost_claim
from runs.engine import EngineAwayError
from runs.previous import BusyError
from runs.refused_tags import finish_report, report_refusal
from telemetry import spans
from telemetry.names import Attribute, EventName
from triggers.clusters import claim_context

log = logging.getLogger("slipway.groups")

# A group's name by Azure's own rule. Other text must not become part of a URL.
SUBJECT = re.compile(
    r"/subscriptions/([^/]+)/resourcegroups/([-\w.()]{0,89}[-\w()])", re.IGNORECASE
)


# Event Grid treats an event as failed if it is not acknowledged within 30 s.
SECONDS = 25.0
# The codes that ARM, storage and the vault answer until a new role assignment or identity is
# effective, which takes minutes. Event Grid limits the repeats if an assignment is missing
# (events.json).
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
    """Makes Event Grid send the event again. The host logs the text, so it quotes no service."""


def on_group_event(event: func.CloudEvent, client: SyncDurableFunctionsClient) -> None:
    """Handles an event of a resource group.

    Events that do not concern Slipway are acknowledged, and so are events whose repeat would change
    nothing. A deleted group cannot be updated, so its event is acknowledged only after it was
    handled.

    Raises:
        RepeatedEventError: a repeat may help.
        SettingsError: a repeat may help after the setting that the error names is corrected.
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
        raise RepeatedEventError(f"the durable backend does not answer ({error.code})") from None
    except (Transient, Conflict) as error:
        raise RepeatedEventError(f"a service does not answer: {type_and_places(error)}") from None
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
    """Returns the value if it is a text, or else ""."""
    return value if isinstance(value, str) else ""


def _launch(group: str, client: SyncDurableFunctionsClient) -> None:
    found = services().groups.get(group)
    tag = found.tags.get(TAG) if found else None
    if not found or not tag:
        return
    name = cluster_name(found.name)
    if known := services().store.record(name):
        # The event is an update or a repeat, or the cluster was deleted: the group was handled
        # once, unless the start or the message was lost.
        finish_report(known[0])
        start_lost_claim(claim_context(client), known[0])
        return
    try:
        profiles = load_profiles(services().settings.profiles)
    except (ValueError, AttributeError):
        # The error's text quotes what it read.
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
        refuse_spec_group(spec, services().settings)
        claim_reconcile(
            claim_context(client), spec, "event grid", sent=sent, profile=tag.partition(";")[0]
        )
    except SpecRefusedError as error:
        report_refusal(name, found.name, error)
    except BusyError:
        log.info("group %s: a run was started meanwhile", group)


def _close_record(group: str) -> None:
    """Marks the clusters of a deleted group as deleted. A removal closes its record itself."""
    store = services().store
    for record in store.records():
        if isinstance(record, UnreadableRecord):
            log.error("the deleted group may be that of %s: %s", record.name, record.refusal)
            continue
        if record.group.lower() != group.lower() or record.is_tombstone or record.busy:
            continue
        if services().groups.get(group) is not None:
            return  # the group was created again: the event is late
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
