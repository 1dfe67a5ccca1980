"""Finds the cluster of a resource group, and ends the clusters of a group that was deleted."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from clients.azure.arm import Group
from clients.azure.blobs import Conflict
from clients.errors import Refused, Transient
from clients.store import Store, UnreadableRecord
from cluster.outcomes import Cause
from cluster.ownership import UID_TAG, value_of
from cluster.profiles import cluster_name, unique_cluster_name
from cluster.record import ClusterRecord
from runs.claims import claim_delete
from runs.lifecycle import running
from runs.previous import BusyError, busy_with
from runs.starts import ClaimContext

CALLER = "event grid"
log = logging.getLogger("slipway.groups")


@dataclass(frozen=True)
class GroupCluster:
    """The cluster of a tagged group: the name that it has or gets, and its record, if any."""

    name: str
    record: ClusterRecord | None


def find_cluster(store: Store, group: str) -> GroupCluster:
    """Returns the cluster of a group.

    A group that has a cluster keeps it, also one that an earlier version named. Otherwise the name
    is that of the group, if the group's name can be a cluster's and no other group's cluster has
    it. If not, a part of it and a hash of the whole.

    Raises:
        Refused: UnreadableDocument. The record that may be the group's cannot be read.
    """
    plain, unique = cluster_name(group), unique_cluster_name(group)
    records = {name: found[0] for name in (plain, unique) if (found := store.record(name))}
    own = [one for one in records.values() if one.group.lower() == group.lower()]
    # A cluster that exists comes before one that was.
    for record in sorted(own, key=lambda one: one.is_tombstone):
        return GroupCluster(record.name, record)
    taken = plain in records and not records[plain].is_tombstone
    return GroupCluster(unique if taken or plain != group.lower() else plain, None)


def end_clusters(
    context: ClaimContext,
    group: str,
    deleted_at: datetime | None,
    look: Callable[[], Group | None],
    holds: Callable[[ClusterRecord], bool],
) -> bool:
    """Ends the clusters of a group that was deleted. Returns whether the group exists again.

    A removal deletes the secrets. The record notes that the group was deleted, so that a group with
    the same name is a new one. A record is left if its operation began after the deletion, or if
    the group that exists now is its own because a run of it created the group.

    Args:
        deleted_at: when the group was deleted; None if that is unknown.
        look: returns the group that exists now, or None if there is none.
        holds: returns whether the group that exists now holds resources of the record's cluster:
            then they were not deleted, whatever the event says. An event proves nothing; whoever
            has Event Grid's key can send one.

    Raises:
        BusyError: a run of such a cluster is in progress. It may be waiting for the deletion to
            create the group again; otherwise it fails.
        Transient: a record was changed meanwhile.
    """
    seen: list[Group | None] = []
    busy: BusyError | None = None
    for listed in context.store.records():
        if isinstance(listed, UnreadableRecord):
            log.error("the deleted group may be that of %s: %s", listed.name, listed.refusal)
            continue
        if listed.group.lower() != group.lower():
            continue
        seen = seen or [look()]
        found = context.store.record(listed.name)
        if found is None or _is_left(found[0], seen[0], deleted_at):
            continue
        if seen[0] is not None and holds(found[0]):
            log.warning(
                "an event says that resource group %s was deleted; it exists and holds resources "
                "of cluster %s, which is not ended",
                group, listed.name)  # fmt: skip
            continue
        operation = running(context.engine, context.store, found[0])
        if operation and operation.kind != "delete":
            busy = busy_with(operation)
        else:
            _end(context, found[0], found[1])
    if busy:
        raise busy
    return any(seen)


def _is_left(record: ClusterRecord, group: Group | None, deleted_at: datetime | None) -> bool:
    """Returns whether the deletion does not concern the record.

    An operation that began after the deletion is never ended by it, whatever ARM answers: the event
    may be a late or a repeated one. A removal that the deletion itself has started goes on.
    """
    operation = record.operation
    began = (operation.since or operation.started_at) if operation else record.updated_at
    later = bool(deleted_at and began and datetime.fromisoformat(began) >= deleted_at)
    if group is None:
        return later and not record.group_deleted
    own = value_of(group.tags, UID_TAG) == record.uid
    return own or later or deleted_at is None or not began


def _end(context: ClaimContext, record: ClusterRecord, etag: str) -> None:
    if record.operation is None and not record.is_tombstone:
        # A tag that was refused: nothing was ever created.
        _save(context.store, _buried(record), etag)
        return
    if not record.group_deleted:
        _save(context.store, record.model_copy(update={"group_deleted": True}), etag)
    if not record.is_tombstone:
        claim_delete(context, record.name, CALLER, only=record)


def _buried(record: ClusterRecord) -> ClusterRecord:
    cause = Cause(code="GroupDeleted", message=f"resource group '{record.group}' was deleted")
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    changes = {"state": "deleted", "cause": cause, "group_deleted": True, "updated_at": now}
    return record.model_copy(update=changes)


def _save(store: Store, record: ClusterRecord, etag: str) -> None:
    try:
        store.save_record(record, etag)
    except Conflict as error:
        raise Transient(str(error), 1.0) from None


def unreadable_cause(refusal: Refused, group: str) -> Cause:
    """Returns why a group starts nothing whose record cannot be read."""
    return Cause(
        code="RecordUnreadable",
        place=group,
        message=f"resource group '{group}' starts nothing: {refusal.message}",
        next_step="GET the cluster says what to do about its record; then update the group's tags",
    )


def forgotten_cause(cluster: str, group: str) -> Cause:
    """Returns why a group starts nothing whose record was forgotten: its cluster may exist, and
    nobody knows what the record said of it."""
    return Cause(
        code="TagIgnored",
        place=group,
        message=f"resource group '{group}' has the tag slipway and starts nothing: a record of "
        f"cluster '{cluster}' could not be read and was forgotten, and its machines may exist",
        next_step="send the cluster's spec to the API, with ?adopt=true if its machines exist; or "
        "delete the record's copies below forgotten/ in the container, then update the group's "
        "tags",
    )


def ignored_tag(record: ClusterRecord, group: str, tag: str) -> Cause | None:
    """Returns why the tag of a group whose cluster exists or was removed starts nothing, or None if
    the tag asks for nothing new."""
    if record.is_tombstone:
        message = (
            f"resource group '{group}' has the tag slipway and starts nothing: its cluster "
            f"'{record.name}' was removed, and the group was not deleted since"
        )
    elif record.tag == tag or (not record.tag and _was_tagged(record)):
        return None
    elif record.tag:
        message = (
            f"resource group '{group}': its tag was changed, and that changes nothing: the cluster "
            f"'{record.name}' was started with another tag"
        )
    else:
        message = (
            f"resource group '{group}' has the tag slipway and starts nothing: the cluster "
            f"'{record.name}' was made in it with the API"
        )
    return Cause(
        code="TagIgnored",
        place=group,
        message=message,
        next_step="send the cluster's spec to the API, or delete the group and create it again",
    )


def _was_tagged(record: ClusterRecord) -> bool:
    """Returns whether an older version, which does not record the tag, started it by one."""
    operation = record.operation
    return operation is not None and (bool(operation.profile) or operation.caller == CALLER)
