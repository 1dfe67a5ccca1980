"""What a poll answers: state, whole event lines, and a piece of the log, each from an offset."""

import base64
import json
from pathlib import Path
from typing import Any

import unit
from paths import Run


def poll(run: Run, events: int, log: int, limit: int) -> dict[str, Any]:
    """The state is read before the streams: what is `finished` has nothing more to say later."""
    active = unit.is_active(run)
    result = run.result()
    lines = _read(run.events, events, limit)
    lines = lines[: lines.rfind(b"\n") + 1]
    piece = _read(run.log, log, limit)
    # A unit that is still ending has its result already; its streams are complete.
    state = "finished" if result is not None else "running" if active else "lost"
    return {
        "state": state,
        "exitCode": result["exitCode"] if result else None,
        "timedOut": bool(result and result["timedOut"]),
        "events": [json.loads(line) for line in lines.splitlines()],
        "eventsOffset": events + len(lines),
        "log": base64.b64encode(piece).decode(),
        "logOffset": log + len(piece),
    }


def _read(path: Path, offset: int, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(limit)
    except FileNotFoundError:
        return b""
