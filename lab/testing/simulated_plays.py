"""Plays on a simulated controller, in files, for processes that die.

A play takes PLAY_SECONDS of real time, whatever happens to the worker that started it.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.simulation.machines import PlayFiles
from lab.simulation.play import Play

PLAY_SECONDS, TASKS = 3.0, 20


def replace_document(path: Path, document: Any) -> None:
    """Replaces the file as a whole, so that no reader and no kill sees half of it."""
    part = path.with_suffix(f".{os.getpid()}.{time.monotonic_ns()}")
    part.write_text(json.dumps(document), encoding="utf-8")
    part.replace(path)


def started_plays(folder: Path) -> list[str]:
    """Returns the run id of every play on every controller's disk, once for each start."""
    files = sorted(folder.glob("disk-*/plays.json"))
    return [run for file in files for run in json.loads(file.read_text(encoding="utf-8"))]


class Plays:
    """The plays of one controller, by run id: when each began, and when it was ended."""

    def __init__(self, disk: Path) -> None:
        self._disk, self._path = disk, disk / "plays.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        with (self._disk / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def start(self, run: str) -> str:
        """Starts the play unless it was started before, and ends every other one."""
        plays = self._read()
        if run in plays:
            return "finished" if self._over(plays[run]) else "running"
        now = time.time()
        for play in plays.values():
            if not self._over(play):
                play["ended"] = now
        replace_document(self._path, plays | {run: {"began": now, "ended": None}})
        return "started"

    def stop(self, run: str) -> None:
        plays = self._read()
        if run in plays and not self._over(plays[run]):
            plays[run]["ended"] = time.time()
            replace_document(self._path, plays)

    def files(self, run: str, play: Play) -> "Files":
        """Returns the files of the play as they are now. One that was ended has a result, too."""
        known = self._read().get(run)
        files = Files(self._disk / run)
        if known is None:
            return files
        seconds = (known["ended"] or time.time()) - known["began"]
        files.active = not self._over(known)
        files.bring_to(play, seconds)
        if known["ended"]:
            files.end(-1)
        return files

    def done(self) -> list[str]:
        """Returns the plays that nobody has ended and that are over, the oldest first."""
        return [run for run, one in self._read().items() if not one["ended"] and self._over(one)]

    def _read(self) -> dict[str, dict[str, Any]]:
        return json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else {}

    @staticmethod
    def _over(play: dict[str, Any]) -> bool:
        return play["ended"] is not None or time.time() >= play["began"] + PLAY_SECONDS


class Files(PlayFiles):
    active = False

    def end(self, code: int) -> None:
        self._result = self._result or {"exitCode": code, "timedOut": False}
