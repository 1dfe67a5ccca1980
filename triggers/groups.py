"""Handles Event Grid events of resource groups that were written or deleted.

A group with the tag `slipway` starts a run. The event does not report whether the group is new or
which tags it has. It arrives at least once and in any order. So the record decides whether a run
starts, and the tag is read from ARM. An event that starts nothing although a tag asks for something
is told once, with the reason.
"""

import logging
import re
from datetime import UTC, datetime

import azure.functions as func
from azure.durable_functions import SyncDurableFunctionsClient

from clients.azure.arm import Group
from clients.azure.blobs import Conflict
from clients.azure.event_grid import DELETED, OPERATIONS
from clients.errors import Refused, Transient, type_and_places
from clients.services import services
from clients.settings import SettingsError
from clients.stored_documents import UNREADABLE
from clients.time_limit import time_limit
from cluster.faults import SpecRefusedError
from cluster.outcomes import Cause
from cluster.ownership import Owner, value_of
from cluster.profiles import TAG, cluster_name, load_profiles, spec_from_tag
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from planning import dry_run
from planning.ownership import refuse_spec_group
from runs.claims import NameTakenError, claim_delete, claim_reconcile
from runs.engine import EngineAwayError
from runs.previous import BusyError
from runs.refused_tags import is_refusal, report_refusal, tell_once
from runs.starts import ClaimContext, start_lost_claim
from runs.tagged_groups import (
    CALLER,
    end_clusters,
    find_cluster,
    forgotten_cause,
    ignored_tag,
    unreadable_cause,
)
from triggers.clusters import claim_context

log = logging.getLogger("slipway.groups")

# A group's name by Azure's own rule. Other text must not become part of a URL.
SUBJECT = re.compile(
    r"/subscriptions/([^/]+)/resourcegroups/([-\w.()]{0,89}[-\w()])"
    # The Tags API writes a resource of its own (Microsoft.Resources/tags/write).
    r"(?:/providers/microsoft\.resources/tags/default)?",
    re.IGNORECASE,
)


# Event Grid treats an event as failed if it is not acknowledged within 30 s.
SECONDS = 25.0
# The codes that ARM, storage and the vault answer until a new role assignment or identity is
# effective, which takes minutes. Event Grid limits the repeats if an assignment is missing
# (events.json).
FORBIDDEN = "AuthorizationFailed"
WAITING_FOR_ROLES = frozenset(
    {
        FORBIDDEN,
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
    except (SettingsError, ImportError, RepeatedEventError):
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
    if operation not in OPERATIONS.get(kind, ()) or not match:
        return
    subscription, group, settings = match[1], match[2], services().settings
    if subscription.lower() != settings.subscription_id.lower():
        return
    if settings.cluster_groups and group.lower() not in settings.cluster_groups:
        return  # clusters are kept to other groups, and this one may not be read
    if kind == DELETED:
        _end(group, event, claim_context(client))
    else:
        _launch(group, claim_context(client))


def _text(value: object) -> str:
    """Returns the value if it is a text, or else ""."""
    return value if isinstance(value, str) else ""


def _launch(group: str, context: ClaimContext) -> None:
    """Starts the cluster that a group's tag asks for, or tells once why not."""
    found = services().groups.get(group)
    tag = value_of(found.tags, TAG) if found else None
    if not found or not tag:
        return
    try:
        cluster = find_cluster(services().store, found.name)
    except Refused as refusal:
        if refusal.code != UNREADABLE:
            raise
        tell_once(cluster_name(found.name), unreadable_cause(refusal, found.name))
        return
    record = cluster.record
    if record is None and services().store.was_forgotten(cluster.name):
        tell_once(cluster.name, forgotten_cause(cluster.name, found.name))
    elif record is None or is_refusal(record) or (record.is_tombstone and record.group_deleted):
        _start(found, tag, cluster.name, context)
    elif record.group_deleted or running_removal(record):
        # The cluster of an earlier group with this name is being removed.
        claim_delete(context, record.name, CALLER, only=record)
        raise RepeatedEventError(f"cluster '{record.name}' of the group before is being removed")
    else:
        # The event is an update or a repeat: the group was handled once, unless the start was lost.
        start_lost_claim(context, record)
        if cause := ignored_tag(record, found.name, tag):
            tell_once(record.name, cause)


def _start(group: Group, tag: str, name: str, context: ClaimContext) -> None:
    try:
        profiles = load_profiles(services().settings.profiles)
    except (ValueError, AttributeError):
        # The error's text quotes what it read.
        cause = Cause(
            code="ProfilesUnreadable",
            place=group.name,
            message=f"resource group '{group.name}' starts nothing: the setting SLIPWAY_PROFILES "
            "is not a JSON object of profiles",
            next_step="set it (docs/install.md, step 3), then update the group's tags",
        )
        tell_once(name, cause)
        return
    try:
        sent = spec_from_tag(tag, group.name, group.location, profiles) | {"name": name}
        spec = parse_spec(sent)
        spec = dry_run.with_defaults(spec, services().settings)
        refuse_spec_group(spec, services().settings)
        claim_reconcile(context, spec, CALLER, sent=sent, tag=tag)
    except SpecRefusedError as error:
        report_refusal(name, group.name, error)
    except (BusyError, NameTakenError) as error:
        raise RepeatedEventError(f"group {group.name}: {error}") from None


def running_removal(record: ClusterRecord) -> bool:
    return record.busy and record.operation is not None and record.operation.kind == "delete"


def _end(group: str, event: func.CloudEvent, context: ClaimContext) -> None:
    """Ends the clusters of a deleted group, and serves the group's tag if it was created again.

    The event only makes the app look. What ARM answers decides.
    """
    deleted_at = _time(event)

    def look() -> Group | None:
        try:
            return services().groups.get(group)
        except Refused as error:
            # Without a time, only the group says whether the event is a late one.
            if error.code != FORBIDDEN or deleted_at is None or not _went_with_roles(group):
                raise
            return None

    def holds(record: ClusterRecord) -> bool:
        owner = Owner(record.name, record.uid, services().settings.installation)
        return any(owner.owns(one.tags) for one in services().resources.list(group))

    try:
        again = end_clusters(context, group, deleted_at, look, holds)
    except BusyError as error:
        raise RepeatedEventError(f"group {group} was deleted: {error}") from None
    if again:
        _launch(group, context)


def _went_with_roles(group: str) -> bool:
    """Returns whether a group that the app may not read was deleted, as far as that can be seen.

    If the app's roles are assigned to the clusters' groups, they are deleted with a group, and ARM
    answers 403 where it would answer 404. A group that is not deleted is still listed, unless
    somebody took the app's role from it. If the roles are assigned to the subscription, a 403 says
    that they are missing, and nothing of the group.
    """
    if not services().settings.cluster_groups:
        return False
    return group.lower() not in services().groups.names()


def _time(event: func.CloudEvent) -> datetime | None:
    """Returns when the event occurred, or None if it does not say."""
    found: object = event.time
    try:
        moment = found if isinstance(found, datetime) else datetime.fromisoformat(_text(found))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
