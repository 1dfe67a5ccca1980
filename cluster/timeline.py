"""When each part of a run began and ended, read back from its events.

The events are the record, and nothing else keeps these times. The words that are looked for are the
orchestrators' own; a test holds them against whole runs.
"""

import re
from collections.abc import Sequence
from typing import Literal

from cluster.contracts import RunRef
from cluster.events import Event
from cluster.model import Contract

type BarState = Literal["running", "done", "failed", "stopped"]

DEPLOYMENT = re.compile(r"deployment (\S+) (started|succeeded|failed)(?:: .*)?", re.DOTALL)
NODES = re.compile(r"[0-9]+ nodes ready: (.+)")
FURTHER = re.compile(r"([0-9]+) further nodes ready")
OUTCOMES: dict[str, BarState] = {"succeeded": "done", "failed": "failed"}


class Bar(Contract):
    """`stopped`: the run ended before it said how this did. Times as in events."""

    name: str
    state: BarState
    started_at: str
    ended_at: str | None = None


class Report(Contract):
    """Nodes that were heard at that time; `further`: how many more, whose names did not travel."""

    time: str
    nodes: tuple[str, ...] = ()
    further: int = 0


class Timeline(RunRef):
    """Deployments and play stages in the order of their beginning, nodes as they reported.
    `ended_at`: None while the run goes on."""

    started_at: str | None = None
    ended_at: str | None = None
    deployments: tuple[Bar, ...] = ()
    stages: tuple[Bar, ...] = ()
    reports: tuple[Report, ...] = ()


def make_timeline(ref: RunRef, events: Sequence[Event], ended_at: str | None) -> Timeline:
    """`ended_at`: when the run ended, empty where that was not told: its last event counts then."""
    if not events:
        return Timeline(**ref.model_dump(), ended_at=ended_at or None)
    if ended_at == "":
        ended_at = events[-1].time
    return Timeline(
        **ref.model_dump(),
        started_at=events[0].time,
        ended_at=ended_at,
        deployments=_ended(_deployments(events), ended_at),
        stages=_ended(_stages(events), ended_at),
        reports=_reports(events),
    )


def _deployments(events: Sequence[Event]) -> list[Bar]:
    """One that ended without having begun was there already: it began and ended at once."""
    bars: dict[str, Bar] = {}
    for event in events:
        told = DEPLOYMENT.fullmatch(event.text) if event.phase in ("network", "machines") else None
        if not told:
            continue
        name, what = told.groups()
        bar = bars.get(name) or Bar(name=name, state="running", started_at=event.time)
        if what in OUTCOMES:
            bar = bar.model_copy(update={"state": OUTCOMES[what], "ended_at": event.time})
        bars[name] = bar
    return list(bars.values())


def _stages(events: Sequence[Event]) -> list[Bar]:
    """A stage ends where the next begins. Plays of the same name in a row are one stage; one in
    which a host failed has failed, though the play goes on with the others.

    By order, not by time: what one look at the play brought has one time.
    """
    bars: list[Bar] = []
    failed = False
    for event in events:
        running = bool(bars) and bars[-1].state == "running"
        in_play = event.phase == "playbook"
        begins = in_play and bool(event.task) and event.text == f"play: {event.task}"
        if begins and running and bars[-1].name == event.task:
            continue
        over = not in_play or event.text.startswith(("recap: ", "playbook ", "phase playbook "))
        if running and (begins or over):
            bars[-1] = _closed(bars[-1], "failed" if failed else "done", event.time)
        if begins:
            bars.append(Bar(name=event.task, state="running", started_at=event.time))
            failed = False
        failed = failed or bool(in_play and event.task and event.level == "error")
    return bars


def _closed(bar: Bar, state: BarState, time: str) -> Bar:
    return bar.model_copy(update={"state": state, "ended_at": time})


def _reports(events: Sequence[Event]) -> tuple[Report, ...]:
    """Events of the same moment are one report."""
    found: dict[str, Report] = {}
    for event in events:
        if event.phase != "nodes":
            continue
        names: tuple[str, ...] = ()
        further = 0
        if event.node and event.text == "ready":
            names = (event.node,)
        elif told := NODES.fullmatch(event.text):
            names = tuple(told[1].split(", "))
        elif told := FURTHER.fullmatch(event.text):
            further = int(told[1])
        if names or further:
            known = found.get(event.time) or Report(time=event.time)
            found[event.time] = Report(
                time=event.time,
                nodes=(*known.nodes, *names),
                further=known.further + further,
            )
    return tuple(found.values())


def _ended(bars: list[Bar], ended_at: str | None) -> tuple[Bar, ...]:
    """Nothing goes on after the run."""
    if ended_at is None:
        return tuple(bars)
    return tuple(_closed(b, "stopped", ended_at) if b.state == "running" else b for b in bars)
