"""The running lab on this machine, as its state on disk describes it."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.exits import CommandError, Exit

STATE = Path(os.environ.get("SLIPWAY_LAB_DIR", "/var/lib/slipway-lab"))


@dataclass(frozen=True)
class LabInfo:
    url: str
    key: str = field(repr=False)
    info: dict[str, Any] = field(repr=False, default_factory=dict[str, Any])


def read_info(state: Path = STATE) -> LabInfo | None:
    """Returns the running lab, or None if there is none."""
    try:
        data = json.loads((state / "lab.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not is_supervisor(data["pid"], state):
        return None
    return LabInfo(data["url"], data["key"], data)


def is_supervisor(pid: int, state: Path) -> bool:
    """Returns whether the process supervises the lab that keeps its state in this directory."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"lab.supervisor" in command and str(state).encode() in command


def running_lab() -> LabInfo:
    """Returns the running lab on this machine.

    Raises:
        CommandError: no lab is running, or this user cannot read its state.
    """
    found = read_info()
    if found:
        return found
    if STATE.exists() and not os.access(STATE, os.R_OK | os.X_OK):
        text = f"only root may read the lab's key in {STATE}: use sudo, or set SLIPWAY_URL"
    else:
        text = (
            "SLIPWAY_URL is not set, no context is selected, and no lab is up here\n"
            "  next: set SLIPWAY_URL and SLIPWAY_KEY to the function app's address and key, or "
            "name it: 'slipway context add --help'; in a checkout './slipway lab up' starts a lab"
        )
    raise CommandError(Exit.UNREACHABLE, text)
