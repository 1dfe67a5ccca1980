"""A tag that cannot be used: told as an event and in Slack, once, and kept as a record."""

import secrets
from datetime import UTC, datetime

from clients.blobs import Conflict
from clients.services import services
from clients.slack import SlackWebhook
from cluster import names
from cluster.events import Event, to_line
from cluster.faults import SpecRefusedError
from cluster.outcomes import Cause, cut
from cluster.record import ClusterRecord


def tell_refusal(name: str, group: str, error: SpecRefusedError) -> None:
    """The record that is made here is also what makes a repeated event silent."""
    lines = [f"{fault.path}: {fault.message} (allowed: {fault.allowed})" for fault in error.faults]
    text = cut(f"resource group '{group}': its tag cannot be used: {'; '.join(lines)}")
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    cause = Cause(
        code="TagRefused",
        place=group,
        message=text,
        next_step="send the spec to the API, or delete the group and create it with a right tag",
    )
    record = ClusterRecord(
        name=name,
        uid=secrets.token_hex(4),
        state="failed",
        group=group,
        cause=cause,
        updated_at=now,
    )
    try:
        services().store.create_record(record)
    except Conflict:
        return
    event = Event(seq=1, time=now, phase="tag", text=text, level="error")
    services().store.blobs.append_at(
        names.run_blob(name, 0, "events.jsonl"), 0, to_line(event).encode()
    )
    wanted = services().settings.slack_secret
    secret = services().vault.get(wanted) if wanted else None
    if secret is not None:
        SlackWebhook(secret.value, loopback=bool(services().settings.loopback)).post(f":x: {text}")
