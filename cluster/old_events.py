"""Reads the events and plays of versions that had no `kind`, `subject` and `stage`.

In those versions only the event's text said what happened, and only the name of the play said which
stage it was. The custom status of a run had the play's name as `stage`, and no counts. Nothing else
reads texts. New kinds of events need no change here.
"""

import re
from collections.abc import Callable
from typing import Any

from cluster.stages import LAST_STAGES

type Fields = dict[str, Any]

_PHASE = re.compile(r"phase (\S+) (started|done|failed|cancelled)(?: in [0-9]+ s)?")
_DEPLOYMENT = re.compile(r"deployment (\S+) (started|succeeded|failed)(?:: .*)?", re.DOTALL)
_NODES = re.compile(r"([0-9]+) nodes ready: (.+)")
_FURTHER = re.compile(r"([0-9]+) further nodes ready")
_COMPLETE = re.compile(r"all ([0-9]+) nodes reported")
_STARTED = re.compile(r"playbook started \(attempt ([0-9]+)\)")
_FAILED = re.compile(r"task '.*' (?:failed|unreachable): .*", re.DOTALL)


def fields_of(event: Fields) -> Fields:
    """The fields that a newer version would have written with this event. Empty for a note."""
    phase, text = str(event.get("phase", "")), str(event.get("text", ""))
    if (found := _PHASE.fullmatch(text)) and found[1] == phase:
        return {"kind": f"phase.{found[2]}", "subject": phase}
    return _BY_PHASE.get(phase, _nothing)(text, event)


def stage_of_play(name: str) -> str:
    """The stage's id, from the name of one of its plays: "Control plane, one by one"."""
    return name.partition(",")[0].strip().lower().replace(" ", "-")


def share_of_play(name: str) -> tuple[int, int]:
    """The number of stages before the play's stage, and of all stages, as counted then."""
    stages: tuple[str, ...] = LAST_STAGES
    stage = stage_of_play(name)
    return (stages.index(stage) if stage in stages else 0), len(stages)


def _nothing(text: str, event: Fields) -> Fields:
    del text, event
    return {}


def _deployment(text: str, event: Fields) -> Fields:
    del event
    found = _DEPLOYMENT.fullmatch(text)
    return {"kind": f"deployment.{found[2]}", "subject": found[1]} if found else {}


def _nodes(text: str, event: Fields) -> Fields:
    node = str(event.get("node", ""))
    if node and text == "ready":
        return {"kind": "nodes.ready", "subject": node, "nodes": (node,), "count": 1}
    if found := _NODES.fullmatch(text):
        names = tuple(found[2].split(", "))
        return {"kind": "nodes.ready", "nodes": names, "count": len(names)}
    if found := _FURTHER.fullmatch(text):
        return {"kind": "nodes.ready", "count": int(found[1])}
    if found := _COMPLETE.fullmatch(text):
        return {"kind": "nodes.complete", "count": int(found[1])}
    return {}


def _play(text: str, event: Fields) -> Fields:
    task, node = str(event.get("task", "")), str(event.get("node", ""))
    if not task:
        return _whole_play(text)
    if text == f"play: {task}":
        stage = stage_of_play(task)
        return {"kind": "play.stage", "subject": stage, "stage": stage}
    if event.get("level") == "error" and _FAILED.fullmatch(text):
        return {"kind": "play.failed", "subject": node}
    return {"kind": "play.task"} if text == task else {}


def _whole_play(text: str) -> Fields:
    if text.startswith("recap: "):
        return {"kind": "play.recap"}
    if text == "the controller lost the play; it is started again":
        return {"kind": "play.lost"}
    if text == "playbook finished":
        return {"kind": "play.finished"}
    found = _STARTED.fullmatch(text)
    return {"kind": "play.started", "subject": found[1]} if found else {}


_BY_PHASE: dict[str, Callable[[str, Fields], Fields]] = {
    "network": _deployment,
    "machines": _deployment,
    "nodes": _nodes,
    "playbook": _play,
}
