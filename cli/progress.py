"""Shows a run while it happens: a live display on a terminal, otherwise one line per event."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TextIO

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.api import BUSY
from cli.console import Console, new_console
from cli.event_lines import event_line
from cli.follow import View
from cli.states import state_text
from cli.text import clean, duration, one_line
from cluster.api import ClusterDetail, NodeProgress, PhaseProgress, RunEvent

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
STATE_STYLES = {"ready": "green", "failed": "red", "cancelled": "yellow", "degraded": "yellow"}
LEVEL_STYLES = {"warning": "yellow", "error": "red"}
FRAMES_A_SECOND = 4


def open_view(stream: TextIO) -> View:
    console = new_console(stream)
    # The display is redrawn continuously, which a pipe or a dumb terminal does not support.
    drawable = console.is_terminal and not console.is_dumb_terminal
    return LiveView(console) if drawable else PlainView(stream)


class PlainView:
    """The view for pipes and logs, with lines of the form `time  phase  text`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._closed = False

    def __enter__(self) -> View:
        return self

    def __exit__(self, *error: object) -> None:
        return

    def print_event(self, event: RunEvent) -> None:
        if not self._closed:
            try:
                print(event_line(event), file=self._stream, flush=True)
            except BrokenPipeError:  # the run goes on, and its exit code is still wanted
                self._closed = True

    def show(self, cluster: ClusterDetail) -> None:
        del cluster


class LiveView:
    """The live display, with warnings and errors above it. Durations advance between two
    answers."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._cluster: ClusterDetail | None = None
        self._live = Live(
            console=self._console,
            get_renderable=self.picture,
            refresh_per_second=FRAMES_A_SECOND,
        )

    def __enter__(self) -> View:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def print_event(self, event: RunEvent) -> None:
        style = LEVEL_STYLES.get(event.level)
        if style:
            self._console.print(Text(event_line(event), style=style))

    def show(self, cluster: ClusterDetail) -> None:
        self._cluster = _with_known_percent(cluster, self._cluster)

    def picture(self) -> RenderableType:
        return picture(self._cluster)


def _with_known_percent(cluster: ClusterDetail, before: ClusterDetail | None) -> ClusterDetail:
    """Returns the cluster with the percentage that its run had before, if it has none now."""
    if cluster.percent is not None or before is None or before.generation != cluster.generation:
        return cluster
    return cluster.model_copy(update={"percent": before.percent})


def picture(cluster: ClusterDetail | None) -> RenderableType:
    """Returns the display of a cluster. `cluster` is None before the API's first answer."""
    if cluster is None:
        return Text("waiting for the first answer", style="dim")
    parts: list[RenderableType] = [_title(cluster), _phases(cluster.phases)]
    if cluster.nodes:
        parts.append(_nodes(cluster.nodes))
    if play := cluster.play:
        shown = [one_line(part) for part in (play.stage, play.task, play.host) if part]
        parts.append(Text("Ansible: " + "  ".join(shown), style="cyan", no_wrap=True))
    return Group(*parts)


def _title(cluster: ClusterDetail) -> Text:
    title = Text(f"{clean(cluster.name)}  ", style="bold")
    style = "yellow" if cluster.stops_after else STATE_STYLES.get(cluster.state, "cyan")
    title.append(clean(state_text(cluster)), style=style)
    if cluster.state in BUSY and cluster.percent is not None:
        title.append(f"  {cluster.percent} %", style="dim")
    return title


def _phases(phases: Sequence[PhaseProgress]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column()
    table.add_column(justify="right")
    for phase in phases:
        mark, style = PHASE_MARKS.get(phase.state, ("?", ""))
        seconds = _seconds(phase)
        time = "" if seconds is None else duration(seconds)
        table.add_row(Text(mark, style=style), Text(clean(phase.name)), Text(time))
    return table


def _seconds(phase: PhaseProgress) -> float | None:
    """Returns the phase's duration. That of a running phase has grown since the API's answer; the
    app's clock and this one may differ."""
    if phase.state != "running" or not phase.started_at:
        return phase.seconds
    try:
        since = datetime.now(UTC) - datetime.fromisoformat(phase.started_at)
    except (ValueError, TypeError):  # not a time, or one without its zone
        return phase.seconds
    return max(since.total_seconds(), phase.seconds or 0.0)


def _nodes(nodes: Sequence[NodeProgress]) -> Table:
    """Returns a table with a row for each pool and a mark for each node."""
    table = Table.grid(padding=(0, 1))
    pools: dict[str, list[str]] = {}
    for node in nodes:
        pools.setdefault(node.pool or node.role, []).append(node.state)
    for pool, states in pools.items():
        marks = Text()
        for state in states:
            mark, style = NODE_MARKS.get(state, ("?", ""))
            marks.append(f"{mark} ", style=style)
        ready = sum(state == "ready" for state in states)
        table.add_row(Text(clean(pool)), marks, Text(f"{ready}/{len(states)}", style="dim"))
    return table
