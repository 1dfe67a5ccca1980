"""Shows clusters as tables on a terminal."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.console import new_table
from cli.problems import describe_cause
from cli.progress import STATE_STYLES, picture
from cli.states import finding_text, missing_part, state_text
from cli.text import age, clean
from cluster.api import ClusterDetail, ClusterSummary, KubernetesAccess, NodeProgress
from cluster.api_backups import BackupList
from cluster.api_health import MaintenanceSchedule
from cluster.api_history import OperationSummary
from cluster.kubernetes_api import public_server

MIB = 1 << 20


def show_cluster(
    cluster: ClusterDetail, console: Console, *, with_cause: bool = True, wide: bool = False
) -> None:
    """Prints everything about a cluster: the progress, every node, the checks, and the cause of a
    failure, unless the caller prints that. `wide`: also each node's version of Kubernetes."""
    console.print(picture(cluster))
    _print_facts(cluster, console)
    if cluster.nodes:
        console.print(_node_table(cluster.nodes, wide=wide))
    for check in cluster.checks:
        mark = Text("✔ ", "green") if check.ok else Text("✘ ", "red")
        detail = f": {check.detail}" if check.detail else ""
        console.print(mark + Text(clean(f"{check.name}{detail}")))
    if lack := missing_part(cluster):
        console.print(Text(clean(lack), "yellow"))
    if cluster.cause and with_cause:
        console.print(Text(describe_cause(cluster.cause)))
    for one in cluster.findings:
        console.print(Text(clean(finding_text(one)), "yellow"))
    if cluster.note:
        console.print(Text(f"  note: {clean(cluster.note)}"))


def _print_facts(cluster: ClusterDetail, console: Console) -> None:
    started = (cluster.started_at or "")[:19].replace("T", " ")
    by = f" by {cluster.caller}" if cluster.caller else ""
    facts = {
        "group": " in ".join(filter(None, (cluster.group, cluster.spec.location))),
        "kubernetes": _kubernetes(cluster),
        "started": f"{started} UTC{by}" if started else "",
        "operation": cluster.operation,
        "maintenance": _maintenance(cluster.maintenance),
        "api": _api(cluster.access),
    }
    table = Table.grid(padding=(0, 1))
    for name, fact in facts.items():
        if fact:
            table.add_row(Text(name, "dim"), Text(clean(fact)))
    if table.row_count:
        console.print(table)


def _maintenance(schedule: MaintenanceSchedule | None) -> str:
    """Returns when the cluster was maintained last and is due next."""
    if schedule is None:
        return ""
    last = f"last {_minute(schedule.last_at)}" if schedule.last_at else "none yet"
    due = f"next {_minute(schedule.next_at)}" if schedule.next_at else "on request"
    but = f", but {schedule.obstacle}" if schedule.obstacle else ""
    return f"{last}, {due}{but}"


def _minute(time: str) -> str:
    return f"{time[:16].replace('T', ' ')} UTC"


def _kubernetes(cluster: ClusterDetail) -> str:
    """Returns the version that the spec names, and whether the play leaves Kubernetes out."""
    version = cluster.spec.kubernetes.version
    left_out = cluster.stops_after and cluster.access is None
    return f"{version}, not installed" if version and left_out else version


def _api(access: KubernetesAccess | None) -> str:
    if access is None:
        return ""
    public = access.public_address
    return f"{public_server(public)}, public" if public else f"{access.api_name}, by a tunnel"


def _node_table(nodes: Sequence[NodeProgress], *, wide: bool) -> Table:
    more = ("kubernetes",) if wide else ()
    table = new_table("node", "role", "pool", "address", "state", *more)
    for node in nodes:
        shown = (node.name, node.role, node.pool, node.address)
        state = Text(clean(node.state), STATE_STYLES.get(node.state, ""))
        last = (Text(clean(node.kubernetes_version or "-")),) if wide else ()
        table.add_row(*(Text(clean(text)) for text in shown), state, *last)
    return table


def print_operations(operations: Sequence[OperationSummary], console: Console) -> None:
    """Prints operations, the latest first."""
    if not operations:
        print("no operations")
        return
    table = new_table("operation", "kind", "state", "started", "ended", "cause")
    for one in operations:
        times = [(time or "")[:19].replace("T", " ") for time in (one.started_at, one.finished_at)]
        shown = [str(one.generation), one.kind or "", one.state, *times, one.cause or ""]
        table.add_row(*(Text(clean(text)) for text in shown))
    console.print(table)


def print_backups(found: BackupList, console: Console, *, wide: bool = False) -> None:
    """Prints backups, the newest first. `wide`: also the member and the digest."""
    if not found.backups:
        print(f"no backups; 'slipway backup {clean(found.name)}' takes one")
        return
    more = ("member", "sha256") if wide else ()
    table = new_table("backup", "taken", "kubernetes", "etcd", "revision", "keys", "size", *more)
    for one in found.backups:
        shown = [one.id, one.taken_at[:19].replace("T", " "), one.kubernetes or "-", one.etcd]
        shown += [str(one.revision), str(one.keys), f"{one.bytes / MIB:.1f} MiB"]
        shown += [one.member, one.sha256] if wide else []
        table.add_row(*(Text(clean(text)) for text in shown))
    console.print(table)


def print_clusters(
    clusters: Sequence[ClusterSummary], console: Console, *, wide: bool = False
) -> None:
    """Prints the list. `wide`: also the version of Kubernetes, the number of nodes, the number of
    the latest operation, and the time."""
    if not clusters:
        print("no clusters; 'slipway apply -f FILE' makes one")
        return
    more = ("kubernetes", "nodes", "operation", "updated") if wide else ()
    table = new_table("name", "state", "changed", "group", "cause", *more)
    for cluster in clusters:
        shown = [cluster.name, state_text(cluster), age(cluster.updated_at), cluster.group]
        shown += [cluster.cause or ", ".join(cluster.findings)]
        if wide:
            shown += [cluster.kubernetes or "none", str(cluster.nodes)]
            shown += [str(cluster.generation), cluster.updated_at[:19]]
        table.add_row(*(Text(clean(text)) for text in shown))
    console.print(table)
    if any(cluster.state == "unreadable" for cluster in clusters):
        text = "unreadable: the app cannot read the record; 'slipway get NAME' says which fields"
        print(f"slipway: {text}", file=sys.stderr)
