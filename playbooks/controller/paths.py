"""Where a run has its files: secrets in memory, events, log and result on disk."""

import argparse
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEMORY = Path("/run/slipway")
DISK = Path("/var/lib/slipway/runs")


def run_id(text: str) -> str:
    """Checks a run's id, which becomes part of paths and of a unit's name."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{1,60}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a run's id")
    return text


@dataclass(frozen=True)
class Run:
    name: str

    @property
    def unit(self) -> str:
        return f"slipway-play-{self.name}.service"

    @property
    def memory(self) -> Path:
        return MEMORY / self.name

    @property
    def disk(self) -> Path:
        return DISK / self.name

    @property
    def events(self) -> Path:
        return self.disk / "events.jsonl"

    @property
    def log(self) -> Path:
        return self.disk / "play.log"

    @property
    def whole(self) -> Path:
        """The texts that were too long for the log."""
        return self.disk / "long-output.log"

    def result(self) -> dict[str, Any] | None:
        """The run's result; None while it runs, and if it was lost."""
        try:
            return json.loads((self.disk / "result.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def save_result(self, exit_code: int, *, timed_out: bool = False) -> None:
        """Writes the result in one step: a reader finds all of it or nothing."""
        part = self.disk / "result.part"
        text = json.dumps({"exitCode": exit_code, "timedOut": timed_out})
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.disk / "result.json")
