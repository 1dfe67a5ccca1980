"""Tells why a tag starts nothing: once as an event, in the log and in Slack.

The events are those of run 0 of the cluster that the group would have. A tag that cannot be used
also gets a record, so that the API lists it. If the report stops in the middle, the event is not
acknowledged, Event Grid sends it again, and the rest is reported then.
"""

import hashlib
import logging
import secrets
from datetime import UTC, datetime

from clients.azure.blobs import Conflict
from clients.errors import Transient
from clients.services import services
from clients.slack import SlackWebhook
from cluster import names
from cluster.contracts import RunRef
from cluster.events import TEXT_CHARACTERS, Event, to_line
from cluster.faults import SpecRefusedError
from cluster.outcomes import Cause, cut
from cluster.record import ClusterRecord

REFUSED = "TagRefused"
log = logging.getLogger("slipway.groups")


def is_refusal(record: ClusterRecord) -> bool:
    """Returns whether the record is that of a tag that was refused, and of no cluster."""
    return record.operation is None and not record.is_tombstone


def report_refusal(name: str, group: str, error: SpecRefusedError) -> None:
    """Records a tag that cannot be used, or what is wrong with it now, and tells it once.

    Raises:
        Transient: the record was changed meanwhile, or Slack accepts no more messages for now.
    """
    lines = [f"{fault.path}: {fault.message} (allowed: {fault.allowed})" for fault in error.faults]
    text = cut(f"resource group '{group}': its tag cannot be used: {'; '.join(lines)}")
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    cause = Cause(
        code=REFUSED,
        place=group,
        message=text,
        next_step="correct the tag, or send the spec to the API",
    )
    store, found = services().store, services().store.record(name)
    before = found[0] if found else None
    try:
        if before is None or before.is_tombstone:
            # Nothing of a cluster that was removed belongs to this group.
            generation = before.generation if before else 0
            record = ClusterRecord(
                name=name,
                uid=secrets.token_hex(4),
                generation=generation,
                state="failed",
                group=group,
                group_since=before.since_in(group, generation + 1) if before else 1,
                cause=cause,
                updated_at=now,
            )
            if found is None:
                store.create_record(record)
            else:
                store.save_record(record, found[1])
        elif found and is_refusal(before) and before.cause != cause:
            changes = {"state": "failed", "group": group, "cause": cause, "updated_at": now}
            changes |= {"operation": None, "group_deleted": False}
            store.save_record(before.model_copy(update=changes), found[1])
    except Conflict as conflict:
        raise Transient(str(conflict), 1.0) from None
    tell_once(name, cause)


def tell_once(name: str, cause: Cause) -> None:
    """Tells why a tag starts nothing, unless that was told before.

    A message that Slack did not accept, or whose answer was lost, is not sent again: another try
    would fail as well, or post a second copy. The API shows the event in any case.

    Raises:
        Transient: Slack accepts no more messages for now.
    """
    digest = hashlib.sha256(f"{cause.code}\n{cause.message}".encode()).hexdigest()[:16]
    blobs, told = services().store.blobs, names.run_blob(name, 0, f"told-{digest}")
    if blobs.size(told):
        return
    text = f"{cause.message}. Next: {cause.next_step}"
    log.warning("%s", text)
    _record(name, text)
    _post(f":x: {text}")
    blobs.write(told, b"1")


def _record(name: str, text: str) -> None:
    """Appends the event unless it is there.

    Raises:
        Transient: others are appending at the same time.
    """
    store = services().store
    shown = cut(text, TEXT_CHARACTERS)
    blob = names.run_blob(name, 0, "events.jsonl")
    # Read before the events: what another delivery appends meanwhile is then a conflict.
    end = store.blobs.size(blob)
    events = store.events(RunRef(cluster=name, generation=0))
    if any(event.text == shown for event in events):
        return
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    seq = events[-1].seq + 1 if events else 1
    event = Event(seq=seq, time=now, phase="tag", text=shown, level="error")
    try:
        store.blobs.append_at(blob, end, to_line(event).encode())
    except Conflict as error:
        raise Transient(str(error), 1.0) from None


def _post(text: str) -> None:
    wanted = services().settings.slack_secret
    secret = services().vault.get(wanted) if wanted else None
    if secret is None:
        return
    webhook = SlackWebhook(secret.value, loopback=bool(services().settings.loopback))
    if not webhook.valid:
        log.error(
            "the secret %s does not contain the URL of a Slack webhook: set the secret again",
            wanted,
        )
        return
    posted = webhook.post(text)
    if posted.outcome == "throttled":
        raise Transient("Slack takes no more messages for now", posted.retry_after)
    if posted.outcome == "lost":
        log.error(
            "a message about a tag that starts nothing may not be in Slack (%s). If this happens "
            "again, set the secret %s to a webhook that works",
            posted.reason, wanted)  # fmt: skip
