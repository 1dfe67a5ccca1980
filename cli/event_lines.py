"""An event of a run as one line of text."""

from typing import Any

from cli.text import clean, one_line


def event_line(event: dict[str, Any]) -> str:
    """`12:03:04  playbook    demo-etcd-0  etcd : Start  ERROR what happened`, on one line."""
    level = "" if event["level"] == "info" else f"{event['level'].upper()} "
    text = level + one_line(event["text"])
    # What the text says already is not said twice.
    place = [part for part in (event.get("node"), event.get("task")) if part and part not in text]
    shown = "  ".join([*map(one_line, place), text])
    return f"{event['time'][11:19]}  {clean(event['phase']):<10}  {shown}"
