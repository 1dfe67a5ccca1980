"""Events: one JSON object a line in an append blob per run. The blob is the record."""

import json
from typing import Annotated, Literal

from cluster.model import OPEN_TEXT, Contract
from cluster.outcomes import cut

Level = Literal["info", "warning", "error"]
TEXT_CHARACTERS = 1500


class Event(Contract):
    """`time` is UTC, ISO 8601, from the orchestration's own clock, so that a replay repeats it.
    `operation` is the run's id, as on its log lines and Slack messages; older events have none."""

    seq: int
    time: str
    phase: str
    text: str
    level: Annotated[Level, OPEN_TEXT] = "info"
    node: str = ""
    task: str = ""
    operation: str = ""


def to_line(event: Event) -> str:
    """One line, deterministic: the same event is always the same bytes."""
    data = event.model_copy(update={"text": cut(event.text, TEXT_CHARACTERS)}).model_dump()
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n"


def from_lines(text: str) -> list[Event]:
    """Only `\\n` ends a line: JSON leaves in texts the other separators that `splitlines` knows."""
    return [Event.model_validate_json(line) for line in text.split("\n") if line.strip()]
