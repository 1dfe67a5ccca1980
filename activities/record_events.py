"""Activities record_events and post_slack: write each event once, and post each one at most
once."""

import json
import re
from contextlib import suppress
from typing import Any, cast

from activities.registration import activity
from clients.azure.blobs import Conflict
from clients.errors import Refused, Transient
from clients.services import services
from clients.slack import SlackWebhook
from clients.stored_documents import read_document
from cluster import names
from cluster.contracts import (
    POST_SLACK,
    RECORD_EVENTS,
    RecordInput,
    RecordResult,
    SlackInput,
    SlackResult,
)
from cluster.events import Event, from_lines
from telemetry import spans
from telemetry.names import Attribute, EventName

# More than repeated turns can have written. A batch has 24,000 bytes.
AHEAD_BYTES = 1_000_000
DURATION = re.compile(r" in [0-9]+ s$")


@activity(RECORD_EVENTS, raises=True)
def record_events(request: RecordInput) -> RecordResult:
    """Appends the lines at the expected position. The same batch twice is written once.

    If storage is unavailable, the error is raised: an outcome without a position would be read as
    position 0.
    """
    blob = names.run_blob(request.cluster, request.generation, "events.jsonl")
    data = "".join(request.lines).encode()
    try:
        position = services().store.blobs.append_at(blob, request.position, data)
    except Conflict:
        position = _append_after_another_turn(blob, request)
    for event in from_lines("".join(request.lines)):
        spans.record(EventName.EVENT, _fields(event), at=event.time)
    return RecordResult(position=position)


def _append_after_another_turn(blob: str, request: RecordInput) -> int:
    """Returns the position after lines that an earlier execution of a repeated turn wrote.

    A turn sends its messages before its history is stored. If the backend fails between the two,
    the turn is repeated later. It then brings the same batch with other timestamps, or another
    batch. Lines that were written stay. Lines of this batch that are not among them are appended.

    Raises:
        Transient: another batch is being appended at the same time.
        Conflict: the record ends before the position, so a part of it is missing.
    """
    blobs = services().store.blobs
    there = blobs.read_range(blob, request.position, AHEAD_BYTES)
    if not there:
        raise Conflict(f"{blob} ends before {request.position}")
    written = {_identity(event) for event in from_lines(there.decode(errors="replace"))}
    rest = [line for line in request.lines if _identity(*from_lines(line)) not in written]
    end = request.position + len(there)
    try:
        return blobs.append_at(blob, end, "".join(rest).encode()) if rest else end
    except Conflict:
        raise Transient("the operation's record is being written", 1.0) from None


def _identity(event: Event) -> str:
    """Returns what two lines of the same event have in common.

    That is not the time, which a repeated turn sets again, not the duration that ends the text of a
    phase's end, and not the fields that are derived or unknown when a line of an older version is
    read.
    """
    same = event.model_copy(update={"text": DURATION.sub("", event.text)})
    return same.model_dump_json(include={"seq", "phase", "text", "level", "node", "nodes", "task"})


def _fields(event: Event) -> dict[Attribute, spans.Value | None]:
    """Returns the event's fields for telemetry.

    The event's text and its task's name stay in the record, and so does a check's name, which is
    text of the cluster.
    """
    return {
        Attribute.SEQUENCE: event.seq,
        Attribute.EVENT_KIND: event.kind,
        Attribute.SUBJECT: event.subject if event.kind != "check.failed" else None,
        Attribute.STAGE: event.stage,
        Attribute.PHASE: event.phase,
        Attribute.LEVEL: event.level,
        Attribute.NODE: event.node,
    }


@activity(POST_SLACK)
def post_slack(request: SlackInput) -> SlackResult:
    """Claims the message in the record, then posts it.

    A claimed message is never posted again. A message that was lost remains claimed and not posted.
    """
    result = _posted_once(request)
    spans.record(
        EventName.SLACK,
        {
            Attribute.STATE: result.posted,
            Attribute.NUMBER: request.number,
            Attribute.ATTEMPT: request.attempt,
            Attribute.SECONDS: result.retry_after,
        },
    )
    return result


def _posted_once(request: SlackInput) -> SlackResult:
    stem = f"slack/{request.number:05d}-{request.attempt}"
    claim = names.run_blob(request.cluster, request.generation, f"{stem}.claimed.json")
    try:
        text = json.dumps({"lines": list(request.lines)}, ensure_ascii=False)
        services().store.blobs.write(claim, text.encode(), if_none_match=True)
    except Conflict:
        return _earlier(request, stem)
    except (Transient, Refused) as error:
        # It is unknown whether the claim was written. A second try under another number could post
        # the message twice.
        return SlackResult(posted="lost", reason=str(error))
    result = _post(request)
    done = names.run_blob(request.cluster, request.generation, f"{stem}.{result.posted}.json")
    with suppress(Transient, Refused):  # the post's result does not depend on its note
        services().store.blobs.write(done, result.model_dump_json().encode())
    return result


def _earlier(request: SlackInput, stem: str) -> SlackResult:
    """Returns the result of the claim before this one."""
    for posted in ("posted", "throttled", "lost"):
        name = names.run_blob(request.cluster, request.generation, f"{stem}.{posted}.json")
        if found := services().store.blobs.read(name):
            try:
                return read_document(SlackResult, found[0], name)
            except Refused as error:
                return SlackResult(posted="lost", reason=str(error))
    return SlackResult(posted="lost", reason="claimed before, and its outcome is not known")


def _post(request: SlackInput) -> SlackResult:
    """Posts a message that this execution has claimed.

    If the webhook cannot be read, the message is retried like a throttled post, with a claim of its
    own.
    """
    try:
        wanted = _secret_name(request.cluster)
        secret = services().vault.get(wanted) if wanted else None
    except Transient as error:
        again = error.retry_after or services().settings.poll_seconds
        return SlackResult(posted="throttled", retry_after=again, reason=str(error))
    except Refused as error:
        return SlackResult(posted="lost", reason=f"the webhook's secret: {error}")
    if secret is None:
        return SlackResult(posted="lost", reason="the webhook's secret is not in the vault")
    operation = names.instance_id(request.cluster, request.generation)
    answer = SlackWebhook(secret.value, loopback=bool(services().settings.loopback)).post(
        "\n".join((f"`{operation}`", *request.lines))
    )
    return SlackResult(posted=answer.outcome, retry_after=answer.retry_after, reason=answer.reason)


def _secret_name(cluster: str) -> str:
    """Returns the secret's name of the spec's own webhook, or else of the installation's
    webhook."""
    found = services().store.record(cluster)
    slack: Any = found[0].spec.get("slack") if found else None
    own = cast(dict[str, str], slack).get("secret") if isinstance(slack, dict) else None
    return own or services().settings.slack_secret
