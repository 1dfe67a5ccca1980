"""get, events, cancel: what is there, and the end of what runs."""

import json
import time
from argparse import Namespace
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.api import BUSY, Api, find_target
from cli.exits import Exit
from cli.problems import describe_cause
from cli.progress import event_line, picture
from cli.text import clean


def get(args: Namespace) -> int:
    api = Api(find_target())
    document = api.cluster(args.name) if args.name else api.clusters()
    if args.json:
        print(json.dumps(document))
    elif args.name:
        show_cluster(document, Console())
    else:
        _print_clusters(document["clusters"])
    return Exit.OK


def show_cluster(document: dict[str, Any], console: Console) -> None:
    console.print(picture(document))
    if document.get("cause"):
        console.print(Text(describe_cause(document["cause"])))
    if document.get("note"):
        console.print(Text(f"  note: {clean(document['note'])}"))


def _print_clusters(clusters: list[dict[str, Any]]) -> None:
    if not clusters:
        print("no clusters; 'slipway apply -f FILE' makes one")
        return
    table = Table("name", "state", "group", "cause", box=None, pad_edge=False)
    for cluster in clusters:
        shown = (cluster.get(key) or "" for key in ("name", "state", "group", "cause"))
        table.add_row(*(Text(clean(text)) for text in shown))
    Console().print(table)


def events(args: Namespace) -> int:
    """With --json one object a line, as they come."""
    api = Api(find_target())
    found = api.events(args.name, 0)
    generation = found["generation"]
    seen = _print_events(found, args.json)
    while args.follow:
        # Asked before the events: what a run told before it ended is printed then.
        document = api.cluster(args.name)
        ended = document["state"] not in BUSY or document["generation"] != generation
        found = api.events(args.name, seen, generation)
        seen = max(_print_events(found, args.json), seen)
        if ended:
            break
        time.sleep(api.poll_seconds)
    return Exit.OK


def _print_events(found: dict[str, Any], as_json: bool) -> int:
    for event in found["events"]:
        print(json.dumps(event) if as_json else event_line(event), flush=True)
    return found["next"]


def cancel(args: Namespace) -> int:
    """Returns once the request is accepted: the run ends in order, which takes its time."""
    accepted = Api(find_target()).cancel(args.name)
    if args.json:
        print(json.dumps(accepted))
    else:
        print(f"cancelling; 'slipway events {args.name} --follow' shows how it ends")
    return Exit.OK
