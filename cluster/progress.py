"""How far a run is, in percent of its usual duration."""

from collections.abc import Mapping
from typing import Any

# Where each phase begins and ends.
PHASES = {
    "plan": (0, 2),
    "preflight": (2, 6),
    "keys": (6, 10),
    "network": (10, 20),
    "machines": (20, 40),
    "nodes": (40, 55),
    "playbook": (55, 92),
    "verify": (92, 96),
    "controller": (96, 100),
    "previous": (0, 20),
    "resources": (20, 90),
    "secrets": (90, 100),
}


def percent(status: Mapping[str, Any]) -> int:
    """`status`: the custom status of the run's orchestration. Never falls while a run goes on."""
    phase = status.get("phase", "")
    low, high = PHASES.get(phase, (0, 0))
    done, total = 0, 0
    if phase == "nodes":
        nodes: dict[str, int] = status.get("nodes") or {}
        done, total = nodes.get("ready", 0), nodes.get("total", 0) + 1
    elif phase == "playbook":
        play: dict[str, Any] = status.get("play") or {}
        done, total = play.get("done", 0), play.get("total", 0)
    share = min(1.0, done / total) if total else 0.0
    return int(low + (high - low) * share)
