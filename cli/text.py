"""Makes text from the network safe and short enough to print."""

from datetime import UTC, datetime

from cluster.presentable import counted
from cluster.presentable import visible as clean

__all__ = ["age", "clean", "counted", "duration", "indented", "one_line"]


def one_line(text: str) -> str:
    return " | ".join(line.strip() for line in clean(text).splitlines() if line.strip())


def indented(text: str, margin: str = "    ") -> str:
    return "\n".join(margin + line for line in clean(text).splitlines())


def age(time: str) -> str:
    """Returns how long ago a time of the API was, such as `5m` or `3d`; empty if it is no time."""
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()
    except (ValueError, TypeError):  # not a time, or one without its zone
        return ""
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{max(int(seconds), 0)}s"


def duration(seconds: float) -> str:
    """Returns a duration such as `3.2 s` or `2 m 03 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} m {rest:02d} s"
