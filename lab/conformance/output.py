"""Reads the results of specs from what ginkgo prints while it runs.

In parallel, ginkgo prints a spec when it has ended: a delimiter, its state and duration, its name.
One after another, it prints the name when the spec begins, then its output, then its state.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lab.conformance.results import STATES, State

DELIMITER = "-" * 30
# Such as `• [4.041 seconds]` and `• [FAILED] [61.2 seconds]`.
ENDED = re.compile(r"[•+S] (?:\[(?P<state>[A-Z!]+)\] )?(?:.* )?\[(?P<seconds>\d+\.\d+) seconds\]")
# What ginkgo adds to the text of the node in which a spec failed.
ADDED = re.compile(
    r"^TOP-LEVEL \[\w+\] |\[It\] | \[(?:Just)?(?:Before|After)\w+\]| \[DeferCleanup[^]]*\]"
)


@dataclass(frozen=True)
class Ended:
    name: str
    state: State
    seconds: float


class Output:
    """`names`: of the specs that run."""

    def __init__(self, names: Iterable[str]) -> None:
        # A name may begin with another one.
        self._names = sorted(names, key=len, reverse=True)
        self._delimited = False
        self._begun = ""
        self._pending: tuple[State, float] | None = None

    def read(self, line: str) -> Ended | None:
        """Returns the spec that has ended with this line."""
        line = line.strip()
        if line == DELIMITER:
            self._delimited, self._pending, self._begun = True, None, ""
            return None
        delimited, self._delimited = self._delimited, False
        if found := ENDED.fullmatch(line):
            result = _state(found["state"]), float(found["seconds"])
            if delimited:
                self._pending = result
                return None
            return self._end(self._begun, result)
        if self._pending:
            result, self._pending = self._pending, None
            return self._end(self._find(line), result)
        if delimited:
            self._begun = self._find(line)
        return None

    def _end(self, name: str, result: tuple[State, float]) -> Ended | None:
        self._begun = ""
        return Ended(name, *result) if name else None

    def _find(self, line: str) -> str:
        text = ADDED.sub("", line)
        return next((n for n in self._names if text == n or text.startswith(f"{n} [")), "")


def _state(word: str | None) -> State:
    return State.PASSED if word is None else STATES.get(word.lower(), State.FAILED)
