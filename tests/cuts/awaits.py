"""Finds every await of an orchestrator while it runs, and stops a run at one of them."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from dev.paths import ROOT
from orchestrators import waiting
from tests.cuts.installation import Installation, instance

ORCHESTRATORS = ROOT / "orchestrators"
type Place = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Await:
    """A moment at which a run waits.

    `place`: the lines of the orchestrators that wait, the innermost first. `done`: the activity
    that was executed and whose result has not arrived yet; "" if nothing was executed since the
    orchestrator's last turn.
    """

    place: Place
    done: str

    def __str__(self) -> str:
        shown = " < ".join(f"{file}:{line}" for file, line in self.place)
        return f"{shown}{f' with {self.done}' if self.done else ''}"


@dataclass
class Watch:
    """Counts the awaits of one run, and calls `act` at the one with the number `number`."""

    app: Installation
    generation: int
    number: int
    act: Callable[[Installation], None]
    seen: list[Await] = field(default_factory=list[Await])
    _place: Place = ()

    @contextmanager
    def watching(self) -> Iterator[None]:
        original = waiting.when_any

        def noted(tasks: Any) -> Any:
            self._place = _place()
            return original(tasks)

        engine = self.app.engine
        engine.turned, engine.acted = self._turned, self._acted
        try:
            with patch.object(waiting, "when_any", noted):
                yield
        finally:
            engine.turned = engine.acted = lambda *_: None

    def _turned(self, of: str) -> None:
        if of == instance(self.generation):
            self._at(Await(self._place, ""))

    def _acted(self, of: str, name: str) -> None:
        if of == instance(self.generation):
            self._at(Await(self._place, name))

    def _at(self, here: Await) -> None:
        self.seen.append(here)
        if len(self.seen) == self.number + 1:
            self.act(self.app)


def _place() -> Place:
    """Returns the orchestrators' lines on the stack."""
    frame, found = sys._getframe(1), list[tuple[str, int]]()
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ORCHESTRATORS):
            found.append((str(path.relative_to(ORCHESTRATORS)), frame.f_lineno))
        frame = frame.f_back
    return tuple(found)
