"""Clusters as tables on a terminal."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.problems import describe_cause
from cli.progress import STATE_STYLES, picture
from cli.text import clean
from cluster.kubernetes_api import public_server


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


def print_clusters(clusters: list[dict[str, Any]], console: Console) -> None:
    if not clusters:
        print("no clusters; 'slipway apply -f FILE' makes one")
        return
    table = Table("name", "state", "group", "cause", box=None, pad_edge=False)
    for cluster in clusters:
        shown = (cluster.get(key) or "" for key in ("name", "state", "group", "cause"))
        table.add_row(*(Text(clean(text)) for text in shown))
    console.print(table)
