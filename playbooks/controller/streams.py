"""The answer of a poll: the run's state, new event lines and a piece of the log."""

import base64
import json
from pathlib import Path
from typing import Any

import unit
from paths import Run


def poll(run: Run, events: int, log: int, limit: int, log_limit: int) -> dict[str, Any]:
    """State, events and log of a run from the given offsets.

    The state is read before events and log: if it is `finished`, no more will be written.

    Args:
        events, log: offsets in bytes up to which the caller has read.
        limit, log_limit: the most bytes of each. A line of events is never cut, however long it is.
    """
    active = unit.is_active(run)
    result = run.result()
    lines, lines_left = _lines(run.events, events, limit)
    piece = _read(run.log, log, log_limit)
    # While the unit ends, the result exists already, and events and log are complete.
    state = "finished" if result is not None else "running" if active else "lost"
    return {
        "state": state,
        "exitCode": result["exitCode"] if result else None,
        "timedOut": bool(result and result["timedOut"]),
        "events": [json.loads(line) for line in lines.splitlines()],
        "eventsOffset": events + len(lines),
        "log": base64.b64encode(piece).decode(),
        "logOffset": log + len(piece),
        "more": lines_left or len(piece) == log_limit,
    }


def _lines(path: Path, offset: int, limit: int) -> tuple[bytes, bool]:
    """Complete lines within the limit, or one line that is longer (a recap names every host); and
    whether there may be more."""
    data = _read(path, offset, limit)
    end = data.rfind(b"\n") + 1
    if end or len(data) < limit:
        return data[:end], len(data) == limit
    with path.open("rb") as file:
        file.seek(offset)
        line = file.readline()
    whole = line.endswith(b"\n")
    return (line if whole else b""), whole


def _read(path: Path, offset: int, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(limit)
    except FileNotFoundError:
        return b""
