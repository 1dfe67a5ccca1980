"""Determines the state of each node of a cluster from what its runs recorded."""

from collections.abc import Iterable

from clients.errors import Refused
from clients.store import Store
from cluster.contracts import RunRef
from cluster.events import Event
from cluster.plan import Plan
from cluster.record import ClusterRecord

# How many earlier runs are asked for the last report of a node.
EARLIER_RUNS = 10


def failed_nodes(events: Iterable[Event]) -> set[str]:
    """Returns the nodes on which the play or a check failed. A play that is started again begins
    with none."""
    failed: set[str] = set()
    for event in events:
        if event.kind == "play.started":
            failed.clear()
        elif event.kind == "play.failed":
            failed.add(event.node)
        elif event.kind == "check.failed":
            # A check of one node has the node's name in its own: `etcd on demo-etcd-0`.
            failed.add(event.subject.rpartition(" on ")[2])
    return failed


def reported_states(store: Store, ref: RunRef, *, with_play: bool) -> dict[str, str]:
    """Returns node name to state for the nodes of which this run knows something.

    Args:
        with_play: whether the play may have failed on a node. The run's events say so.
    """
    failed = failed_nodes(store.events(ref)) if with_play else set[str]()
    return store.node_states(ref) | dict.fromkeys(failed, "failed")


def states_before(store: Store, record: ClusterRecord, ref: RunRef, unknown: str) -> dict[str, str]:
    """Returns node name to state for the nodes that existed before this run, as the newest earlier
    run reported them.

    Args:
        unknown: the state of a node that exists and that no earlier run heard of.
    """
    if ref.generation <= 1:
        return {}
    earlier = _earlier_states(store, record, ref)
    plan = _plan(store, ref)
    if plan is None:
        return earlier
    kept = {slot.name for slot in plan.slots} - {*plan.missing}
    return {name: earlier.get(name, unknown) for name in kept}


def _earlier_states(store: Store, record: ClusterRecord, ref: RunRef) -> dict[str, str]:
    """Returns the last state of each node of the record. A run of a removed cluster of the same
    name has another uid, and is not asked."""
    found: dict[str, str] = {}
    names = {slot.name for slot in record.slots}
    oldest = max(0, ref.generation - 1 - EARLIER_RUNS)
    for generation in range(ref.generation - 1, oldest, -1):
        if names <= found.keys():
            break
        run = RunRef(cluster=ref.cluster, generation=generation)
        states = store.node_states(run)
        if not states:
            continue
        plan = _plan(store, run)
        if plan is None or plan.uid != record.uid:
            break
        found = reported_states(store, run, with_play=True) | found
    return found


def _plan(store: Store, ref: RunRef) -> Plan | None:
    """Returns the run's plan, or None if it has none that this version can read."""
    try:
        return store.plan(ref)
    except Refused:
        return None
