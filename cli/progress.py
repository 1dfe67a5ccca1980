"""Shows a run as it happens: a live picture on a terminal, one plain line an event elsewhere."""

from datetime import UTC, datetime
from typing import Any, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.api import BUSY
from cli.event_lines import event_line
from cli.follow import View
from cli.text import clean, duration, one_line

PHASE_MARKS = {
    "pending": ("·", "dim"),
    "running": ("●", "cyan"),
    "done": ("✔", "green"),
    "failed": ("✘", "red"),
    "cancelled": ("✘", "yellow"),
}
NODE_MARKS = {
    "planned": ("·", "dim"),
    "deploying": ("□", "yellow"),
    "waiting": ("▣", "yellow"),
    "removing": ("□", "dim"),
    "ready": ("■", "green"),
    "silent": ("✘", "red"),
    "failed": ("✘", "red"),
}
STATE_STYLES = {"ready": "green", "failed": "red", "cancelled": "yellow"}
LEVEL_STYLES = {"warning": "yellow", "error": "red"}
FRAMES_A_SECOND = 4


def open_view(stream: TextIO) -> View:
    console = Console(file=stream)
    # A picture is drawn over and over, which a pipe or a dumb terminal cannot do.
    drawable = console.is_terminal and not console.is_dumb_terminal
    return LiveView(console) if drawable else PlainView(stream)


class PlainView:
    """For pipes and logs: `time  phase  text`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __enter__(self) -> View:
        return self

    def __exit__(self, *error: object) -> None:
        return

    def tell(self, event: dict[str, Any]) -> None:
        print(event_line(event), file=self._stream, flush=True)

    def show(self, document: dict[str, Any]) -> None:
        del document


class LiveView:
    """The picture; warnings and errors stay above it. Times go on between two answers."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._document: dict[str, Any] = {}
        self._live = Live(
            console=self._console,
            get_renderable=lambda: picture(self._document),
            refresh_per_second=FRAMES_A_SECOND,
        )

    def __enter__(self) -> View:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def tell(self, event: dict[str, Any]) -> None:
        style = LEVEL_STYLES.get(event["level"])
        if style:
            self._console.print(Text(event_line(event), style=style))

    def show(self, document: dict[str, Any]) -> None:
        self._document = document


def picture(document: dict[str, Any]) -> RenderableType:
    """A cluster document of the API as a person wants to see it."""
    if not document:
        return Text("waiting for the first answer", style="dim")
    parts: list[RenderableType] = [_title(document), _phases(document.get("phases") or [])]
    if document.get("nodes"):
        parts.append(_nodes(document["nodes"]))
    play = document.get("play")
    if play:
        told = [one_line(play[key]) for key in ("stage", "task", "host") if play.get(key)]
        parts.append(Text("Ansible: " + "  ".join(told), style="cyan", no_wrap=True))
    return Group(*parts)


def _title(document: dict[str, Any]) -> Text:
    state = document["state"]
    title = Text(f"{document['name']}  ", style="bold")
    title.append(state, style=STATE_STYLES.get(state, "cyan"))
    if state in BUSY:
        title.append(f"  {document.get('percent') or 0} %", style="dim")
    return title


def _phases(phases: list[dict[str, Any]]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column()
    table.add_column(justify="right")
    for phase in phases:
        mark, style = PHASE_MARKS.get(phase["state"], ("?", ""))
        seconds = _seconds(phase)
        time = "" if seconds is None else duration(seconds)
        table.add_row(Text(mark, style=style), Text(clean(phase["name"])), Text(time))
    return table


def _seconds(phase: dict[str, Any]) -> float | None:
    """A running phase goes on since the API was asked; its clock and ours may differ."""
    seconds = phase.get("seconds")
    if phase["state"] != "running" or not phase.get("startedAt"):
        return seconds
    since = datetime.now(UTC) - datetime.fromisoformat(phase["startedAt"])
    return max(since.total_seconds(), seconds or 0.0)


def _nodes(nodes: list[dict[str, Any]]) -> Table:
    """A row per pool, a mark per node."""
    table = Table.grid(padding=(0, 1))
    pools: dict[str, list[str]] = {}
    for node in nodes:
        pools.setdefault(node["pool"] or node["role"], []).append(node["state"])
    for pool, states in pools.items():
        marks = Text()
        for state in states:
            mark, style = NODE_MARKS.get(state, ("?", ""))
            marks.append(f"{mark} ", style=style)
        ready = sum(state == "ready" for state in states)
        table.add_row(Text(clean(pool)), marks, Text(f"{ready}/{len(states)}", style="dim"))
    return table
