"""Records a tag that cannot be used, and reports it as an event and in Slack.

The record is written first, so that the API shows it. If the report stops after that, the event is
not acknowledged, Event Grid sends it again, and the rest is reported then.
"""

import logging
import secrets
from datetime import UTC, datetime

from clients.azure.blobs import Conflict
from clients.errors import Transient
from clients.services import services
from clients.slack import SlackWebhook
from cluster import names
from cluster.events import Event, to_line
from cluster.faults import SpecRefusedError
from cluster.outcomes import Cause, cut
from cluster.record import ClusterRecord

REFUSED = "TagRefused"
log = logging.getLogger("slipway.groups")


def report_refusal(name: str, group: str, error: SpecRefusedError) -> None:
    lines = [f"{fault.path}: {fault.message} (allowed: {fault.allowed})" for fault in error.faults]
    text = cut(f"resource group '{group}': its tag cannot be used: {'; '.join(lines)}")
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    cause = Cause(
        code=REFUSED,
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
    finish_report(record)


def finish_report(record: ClusterRecord) -> None:
    """Completes the report of a refused tag.

    A message that Slack did not accept, or whose answer was lost, is not sent again: another try
    would fail as well, or post a second copy. The API shows the refusal in any case.

    Raises:
        Transient: Slack accepts no more messages for now.
    """
    cause = record.cause
    if cause is None or cause.code != REFUSED or record.operation is not None:
        return
    # Earlier versions used this name too.
    blobs, reported = services().store.blobs, names.run_blob(record.name, 0, "told")
    if blobs.size(reported):
        return
    event = Event(seq=1, time=record.updated_at, phase="tag", text=cause.message, level="error")
    blobs.append_at(names.run_blob(record.name, 0, "events.jsonl"), 0, to_line(event).encode())
    _post(f":x: {cause.message}")
    blobs.write(reported, b"1")


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
            "a message about a refused tag may not be in Slack (%s). If this happens again, set "
            "the secret %s to a webhook that works",
            posted.reason, wanted)  # fmt: skip
