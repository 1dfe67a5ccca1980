"""Formats an event of a run as one line of text."""

from cli.text import one_line
from cluster.api import RunEvent


def event_line(event: RunEvent) -> str:
    """Returns the event as one line, such as
    `12:03:04  playbook    demo-etcd-0  etcd : Start  ERROR what happened`."""
    level = "" if event.level == "info" else f"{one_line(event.level.upper())} "
    text = level + one_line(event.text)
    if names := [name for name in event.nodes if name != event.node and name not in text]:
        text += f": {one_line(', '.join(names))}"
    # Node and task are omitted if the text already contains them.
    place = [part for part in (event.node, event.task) if part and part not in text]
    shown = "  ".join([*map(one_line, place), text])
    return f"{one_line(event.time[11:19])}  {one_line(event.phase):<10}  {shown}"
