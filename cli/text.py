"""Makes text from the network safe and short enough to print."""

from cluster.presentable import visible as clean

__all__ = ["clean", "duration", "indented", "one_line"]


def one_line(text: str) -> str:
    return " | ".join(line.strip() for line in clean(text).splitlines() if line.strip())


def indented(text: str, margin: str = "    ") -> str:
    return "\n".join(margin + line for line in clean(text).splitlines())


def duration(seconds: float) -> str:
    """Returns a duration such as `3.2 s` or `2 m 03 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} m {rest:02d} s"
