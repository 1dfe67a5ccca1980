"""Events: one JSON object a line, in one append blob for each run. The blob is the run's record.

Programs read an event's fields. `text` is for people, and no program reads it.
"""

import json
from typing import Annotated, Any, Literal, TypedDict, cast

from pydantic import Field

from cluster import old_events
from cluster.model import OPEN_TEXT, Contract, read_stored
from cluster.outcomes import cut

Level = Literal["info", "warning", "error"]
Kind = Literal[
    "run.started",
    "run.cancelling",  # a cancel was requested
    "run.succeeded",
    "run.failed",  # subject: the cause's code
    "run.cancelled",
    "phase.started",  # of these, subject: the phase
    "phase.done",
    "phase.failed",
    "phase.cancelled",
    "deployment.started",  # of these, subject: the deployment
    "deployment.succeeded",
    "deployment.failed",
    "nodes.ready",  # nodes: those with names; count: how many, with those without
    "nodes.complete",  # every node has reported; count: how many
    "play.started",  # subject: the attempt
    "play.stage",  # a stage began; stage and subject: its id
    "play.task",  # stage, task
    "play.failed",  # a task failed on a host; stage, task, node; subject: the node
    "play.recap",
    "play.lost",  # subject: the attempt
    "play.finished",  # subject: the attempt
    "nodes.draining",  # nodes leave; count: how many
    "nodes.emptied",  # nodes: those with names; count: how many have no pod left, in all
    "drain.blocked",  # a pod was not evicted; subject: the pod; node
    "nodes.removed",  # nodes: those with names; count: how many
    "nodes.replacing",  # a turn of a replacement; nodes: those with names; count: all that are left
    "node.upgrading",  # subject and node: the node
    "node.upgraded",  # subject and node: the node
    "check.failed",  # of the verification; subject: the check
    "checks.passed",  # count: how many
    "resources.deleted",
    "backup.taken",  # subject: the backup's id; node: the etcd member
    "backups.removed",  # count: how many
    "restore.prepared",  # subject: the backup's id; every member has the new data beside the old
    "restore.replaced",  # subject: the backup's id; nodes: the members
    "restore.undone",  # subject: the backup's id; no data were replaced
    "backup.failed",  # of a maintenance, which goes on; subject: the cause's code
    "maintenance.skipped",  # nothing was done; subject: why
    "credential.added",  # of these, subject: the credential; the new one is valid beside the old
    "credential.used",  # Slipway uses the new one
    "credential.retired",  # the old one is refused
    "health.finding",  # subject: the finding's code; node: the machine, if it is one
    "health.checked",  # count: how many findings
    "cleanup.failed",  # after a failure or a cancel; subject: the cause's code
    "note",  # anything else
]
TEXT_CHARACTERS = 1500
SUBJECT_CHARACTERS = 200


class Event(Contract):
    """One event of a run.

    Attributes:
        time: UTC, ISO 8601, from the orchestration's own clock, so that a replay repeats it.
        kind: what happened. A kind of a newer version counts as a note.
        subject: what it happened to, by its name or id; which one, `Kind` says.
        stage: the id of the play's stage (`cluster/stages.py`), in events of the play.
        nodes: names of nodes, where an event is about several.
        count: how many things the event is about, where it counts them.
        operation: the run's id, as on its log lines and Slack messages. Older events have none.
    """

    seq: int = Field(description="Number of the event in its operation, from 1, without gaps.")
    time: str = Field(description="UTC, ISO 8601.", examples=["2026-11-29T12:00:00.000Z"])
    phase: str = Field(
        description="The phase of the operation; empty before the first.", examples=["playbook"]
    )
    text: str = Field(description="For people; programs read the other fields.")
    kind: Annotated[Kind, OPEN_TEXT] = Field(
        default="note", description="What happened. A kind of a newer version counts as a note."
    )
    subject: str = Field(
        default="", description="What it happened to, by its name or id.", examples=["demo-etcd-0"]
    )
    stage: str = Field(
        default="", description="Id of the play's stage, in events of the play.", examples=["etcd"]
    )
    level: Annotated[Level, OPEN_TEXT] = Field(default="info", description="How serious it is.")
    node: str = Field(
        default="",
        description="The node that the event is about, if it is one.",
        examples=["demo-etcd-0"],
    )
    task: str = Field(default="", description="The task of the play.")
    nodes: tuple[str, ...] = Field(
        default=(), description="Names of the nodes that the event is about."
    )
    count: int = Field(
        default=0, description="How many things the event is about, if it counts them."
    )
    operation: str = Field(
        default="",
        description="The operation's id, as in logs and Slack.",
        examples=["demo-000001"],
    )


class About(TypedDict, total=False):
    """The optional fields of an event, as their writer gives them."""

    subject: str
    stage: str
    level: Level
    node: str
    task: str
    nodes: tuple[str, ...]
    count: int


def to_line(event: Event) -> str:
    """One line, deterministic: the same event is always the same bytes. Fields that say nothing are
    left out, but for `kind`, by which a reader knows that the line is of this version."""
    short = {
        "text": cut(event.text, TEXT_CHARACTERS),
        "subject": cut(event.subject, SUBJECT_CHARACTERS),
    }
    data = event.model_copy(update=short).model_dump(exclude_defaults=True)
    data |= {"kind": event.kind, "level": event.level}
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n"


def from_lines(text: str) -> list[Event]:
    """Only `\\n` ends a line: JSON leaves in texts the other separators that `splitlines` knows. A
    line that cannot be read becomes a note with its text, so that the others can be read."""
    events: list[Event] = []
    for line in text.split("\n"):
        if line.strip():
            events.append(_read(line, events[-1] if events else None))
    return events


def _read(line: str, before: Event | None) -> Event:
    try:
        data: Any = json.loads(line)
        fields = cast(old_events.Fields, data) if isinstance(data, dict) else {}
        known = fields if "kind" in fields else fields | old_events.fields_of(fields)
        return read_stored(Event, known)
    except (ValueError, RecursionError):
        # Its number, time and phase are as unreadable as the rest: these are the next best.
        return Event(
            seq=before.seq + 1 if before else 1,
            time=before.time if before else "",
            phase=before.phase if before else "",
            text=cut(line, TEXT_CHARACTERS),
            level="warning",
        )
