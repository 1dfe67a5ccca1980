"""Output for people: a console and tables that suit pipes and narrow terminals."""

from typing import NoReturn, TextIO

from rich.console import Console as RichConsole
from rich.table import Table

# Wider than any line.
UNWRAPPED = 10_000


class Console(RichConsole):
    """Like rich's own, but a closed pipe raises BrokenPipeError, as it does for `print`."""

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


def new_console(
    stream: TextIO | None = None, *, stderr: bool = False, wide: bool = False
) -> Console:
    """Returns a console. `wide`: lines are never wrapped, whatever the terminal's width is."""
    return Console(file=stream, stderr=stderr, width=UNWRAPPED if wide else None)


def new_table(*columns: str) -> Table:
    """Returns a table without lines. A text that does not fit continues on the next line: names
    that are cut would look alike."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
