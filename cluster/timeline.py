"""When each part of a run began and ended, from its events, which are the only record of it."""

from collections.abc import Sequence
from typing import Literal

from cluster.contracts import RunRef
from cluster.events import Event, Kind
from cluster.model import Contract
from cluster.stages import title_of

type BarState = Literal["running", "done", "failed", "stopped"]

DEPLOYMENT_STATES: dict[Kind, BarState] = {
    "deployment.started": "running",
    "deployment.succeeded": "done",
    "deployment.failed": "failed",
}
# In the phase of the play, these end a stage too.
STAGE_ENDS: tuple[Kind, ...] = (
    "play.started",
    "play.recap",
    "play.lost",
    "play.finished",
    "phase.done",
    "phase.failed",
    "phase.cancelled",
)


class Bar(Contract):
    """One deployment or stage. `stopped`: the run ended before this did. Times as in events.
    `name` is for people."""

    id: str
    name: str
    state: BarState
    started_at: str
    ended_at: str | None = None


class Report(Contract):
    """Nodes that reported at this time. `further`: how many more, whose names are not recorded."""

    time: str
    nodes: tuple[str, ...] = ()
    further: int = 0


class Timeline(RunRef):
    """Deployments and play stages in the order of their beginning, nodes as they reported.
    `ended_at`: None while the run is in progress."""

    started_at: str | None = None
    ended_at: str | None = None
    deployments: tuple[Bar, ...] = ()
    stages: tuple[Bar, ...] = ()
    reports: tuple[Report, ...] = ()


def make_timeline(ref: RunRef, events: Sequence[Event], ended_at: str | None) -> Timeline:
    """`ended_at`: when the run ended; empty where that is not recorded, so that the time of the
    last event counts; None while the run is in progress."""
    if not events:
        return Timeline(**ref.model_dump(), ended_at=ended_at or None)
    if ended_at == "":
        ended_at = events[-1].time
    return Timeline(
        **ref.model_dump(),
        started_at=events[0].time,
        ended_at=ended_at,
        deployments=_stopped(_deployments(events), ended_at),
        stages=_stopped(_stages(events), ended_at),
        reports=_reports(events),
    )


def _deployments(events: Sequence[Event]) -> list[Bar]:
    """A deployment that ended without having begun existed before: it began and ended at once."""
    bars: dict[str, Bar] = {}
    for event in events:
        state = DEPLOYMENT_STATES.get(event.kind)
        if state is None:
            continue
        name = event.subject
        bar = bars.get(name) or Bar(id=name, name=name, state="running", started_at=event.time)
        bars[name] = bar if state == "running" else _closed(bar, state, event.time)
    return list(bars.values())


def _stages(events: Sequence[Event]) -> list[Bar]:
    """A stage ends where the next begins. A stage in which a host failed has failed, although
    the play continues on the other hosts.

    By order, not by time: all events of one poll of the play have the same time.
    """
    bars: list[Bar] = []
    failed = False
    for event in events:
        running = bool(bars) and bars[-1].state == "running"
        begins = event.kind == "play.stage"
        if begins and running and bars[-1].id == event.stage:
            continue
        ends = begins or event.phase != "playbook" or event.kind in STAGE_ENDS
        if running and ends:
            bars[-1] = _closed(bars[-1], "failed" if failed else "done", event.time)
        if begins:
            title = title_of(event.stage)
            bars.append(Bar(id=event.stage, name=title, state="running", started_at=event.time))
            failed = False
        failed = failed or event.kind == "play.failed"
    return bars


def _closed(bar: Bar, state: BarState, time: str) -> Bar:
    return bar.model_copy(update={"state": state, "ended_at": time})


def _reports(events: Sequence[Event]) -> tuple[Report, ...]:
    """Events of the same moment are one report."""
    found: dict[str, Report] = {}
    for event in events:
        if event.kind != "nodes.ready":
            continue
        known = found.get(event.time) or Report(time=event.time)
        found[event.time] = Report(
            time=event.time,
            nodes=(*known.nodes, *event.nodes),
            further=known.further + max(0, event.count - len(event.nodes)),
        )
    return tuple(found.values())


def _stopped(bars: list[Bar], ended_at: str | None) -> tuple[Bar, ...]:
    """Ends the bars that are still running when the run ends."""
    if ended_at is None:
        return tuple(bars)
    return tuple(_closed(b, "stopped", ended_at) if b.state == "running" else b for b in bars)
