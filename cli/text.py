"""Text that came over the wire, made safe and short enough to print."""


def clean(text: str) -> str:
    """Without control characters: a message may quote what a machine printed."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def one_line(text: str) -> str:
    return " | ".join(line.strip() for line in clean(text).splitlines() if line.strip())


def indented(text: str, margin: str = "    ") -> str:
    return "\n".join(margin + line for line in clean(text).splitlines())


def duration(seconds: float) -> str:
    """`3.2 s`, `2 m 03 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} m {rest:02d} s"
