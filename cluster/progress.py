"""How far a run is, in percent of its usual duration."""

from collections.abc import Mapping
from typing import Any, cast

from cluster.old_events import share_of_play

# Where each phase begins and ends.
PHASES = {
    "plan": (0, 2),
    "preflight": (2, 6),
    "keys": (6, 10),
    "network": (10, 20),
    "machines": (20, 40),
    "nodes": (40, 55),
    "playbook": (55, 88),
    "remove": (88, 92),
    "verify": (92, 96),
    "controller": (96, 100),
    "replace": (20, 92),
    "previous": (0, 20),
    "resources": (20, 90),
    "secrets": (90, 100),
    "prepare": (0, 30),
    "snapshot": (30, 90),
    "retention": (90, 96),
    "backup": (0, 5),
    "fetch": (5, 45),
    "stop": (45, 55),
    "exchange": (55, 65),
    "quorum": (65, 75),
    "api": (75, 85),
    "kubelets": (85, 96),
    "examine": (0, 10),
    "save": (10, 55),
    "rotation": (0, 5),
    "add": (5, 35),
    "prove": (35, 50),
    "use": (50, 60),
    "rewrite": (60, 75),
    "retire": (75, 96),
}
# Of an upgrade of Kubernetes, which has phases of other operations too.
UPGRADE = PHASES | {
    "plan": (0, 1),
    "preflight": (1, 2),
    "keys": (2, 3),
    "network": (3, 6),
    "machines": (6, 7),
    "nodes": (7, 9),
    "health": (9, 10),
    "snapshot": (10, 13),
    "fetch": (13, 20),
    "control-planes": (20, 45),
    "workers": (45, 85),
    "playbook": (85, 92),
}


def percent(status: Mapping[str, Any]) -> int:
    """`status`: the custom status of the run's orchestration. Never falls during a run."""
    phase = status.get("phase", "")
    upgrade: Any = status.get("upgrade")
    low, high = (UPGRADE if isinstance(upgrade, dict) else PHASES).get(phase, (0, 0))
    done, total = 0, 0
    if phase == "nodes":
        done, total = _number(status, "nodes", "ready"), _number(status, "nodes", "total") + 1
    elif phase in ("control-planes", "workers"):
        done, total = _number(status, "upgrade", "done"), _number(status, "upgrade", "total")
    elif phase == "playbook":
        done, total = _number(status, "play", "done"), _number(status, "play", "total")
        play: Any = status.get("play")
        if isinstance(play, dict) and "total" not in play:
            done, total = share_of_play(str(cast(Any, play).get("stage") or ""))
    share = min(1.0, done / total) if total else 0.0
    return int(low + (high - low) * share)


def _number(status: Mapping[str, Any], part: str, field: str) -> int:
    """Returns a number of the status, or 0 if another version wrote something else there."""
    found: Any = status.get(part)
    value = cast(dict[str, Any], found).get(field) if isinstance(found, dict) else None
    return value if isinstance(value, int) else 0
