"""get, events, cancel: what is there, and the end of what runs."""

import json
import time
from argparse import Namespace
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.api import BUSY, Api, find_target
from cli.exits import Exit
from cli.follow import patiently
from cli.problems import describe_cause
from cli.progress import STATE_STYLES, event_line, picture
from cli.text import clean
from cluster.kubeconfig import public_server


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
    """All of a cluster: the picture, every node, what was checked, why it failed."""
    console.print(picture(document))
    _print_facts(document, console)
    if document.get("nodes"):
        console.print(_node_table(document["nodes"]))
    for check in document.get("checks") or []:
        mark = Text("✔ ", "green") if check["ok"] else Text("✘ ", "red")
        detail = f": {check['detail']}" if check["detail"] else ""
        console.print(mark + Text(clean(f"{check['name']}{detail}")))
    if document.get("cause"):
        console.print(Text(describe_cause(document["cause"])))
    if document.get("note"):
        console.print(Text(f"  note: {clean(document['note'])}"))


def _print_facts(document: dict[str, Any], console: Console) -> None:
    spec = document.get("spec") or {}
    started = (document.get("startedAt") or "")[:19].replace("T", " ")
    by = f" by {document['caller']}" if document.get("caller") else ""
    facts = {
        "group": " in ".join(filter(None, (document.get("group"), spec.get("location")))),
        "kubernetes": (spec.get("kubernetes") or {}).get("version"),
        "started": f"{started} UTC{by}" if started else "",
        "operation": document.get("operation"),
        "api": _api(document.get("access")),
    }
    table = Table.grid(padding=(0, 1))
    for name, fact in facts.items():
        if fact:
            table.add_row(Text(name, "dim"), Text(clean(fact)))
    if table.row_count:
        console.print(table)


def _api(access: dict[str, Any] | None) -> str:
    if not access:
        return ""
    public = access["publicAddress"]
    return f"{public_server(public)}, public" if public else f"{access['apiName']}, by a tunnel"


def _node_table(nodes: list[dict[str, Any]]) -> Table:
    table = Table("node", "role", "pool", "address", "state", box=None, pad_edge=False)
    for node in nodes:
        shown = (node[key] or "" for key in ("name", "role", "pool", "address"))
        state = Text(clean(node["state"]), STATE_STYLES.get(node["state"], ""))
        table.add_row(*(Text(clean(text)) for text in shown), state)
    return table


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
    ask_cluster = partial(api.cluster, args.name)
    while args.follow:
        # Asked before the events: what a run told before it ended is printed then.
        document = patiently(ask_cluster, api.poll_seconds, following=True)
        ended = document["state"] not in BUSY or document["generation"] != generation
        ask_events = partial(api.events, args.name, seen, generation)
        found = patiently(ask_events, api.poll_seconds, following=True)
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
    api = Api(find_target())
    accepted = patiently(partial(api.cancel, args.name), api.poll_seconds)
    if args.json:
        print(json.dumps(accepted))
    else:
        print(f"cancelling; 'slipway events {args.name} --follow' shows how it ends")
    return Exit.OK
