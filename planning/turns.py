"""The turns of a replacement, from what exists in Azure."""

from collections import Counter

from cluster.plan import Plan
from cluster.record import ClusterRecord
from cluster.replacement import is_due, outdated
from cluster.roles import ETCD, WORKER
from cluster.sizes import fitted
from cluster.spec import ClusterSpec
from cluster.turns import SURVEY, Existing, make_turn
from planning.inspection import machine_forms_of, offer_for


def turn_of(spec: ClusterSpec, record: ClusterRecord, turn: int, before: Plan | None) -> Plan:
    """Returns the plan of a turn.

    Args:
        spec: the wanted cluster.
        record: the cluster's record.
        turn: the number of the turn.
        before: the plan of the turn before, or None.
    """
    settled = _settled(before, record)
    named = _named(record) - settled
    machines = machine_forms_of(spec.group, spec.name)
    old = named
    if record.replacing or not _asked(record):
        old = old | _replaceable(outdated(spec, record, machines), record) - settled
    existing = Existing(machines=machines, outdated=old, named=named)
    plan = make_turn(spec, record, existing, turn=turn, settled=settled)
    return fitted(plan, offer_for(plan), record)


def replaced_by(spec: ClusterSpec, record: ClusterRecord) -> Plan | None:
    """Returns the survey of the run that a PUT of the spec would start, or None if it would not
    replace any node."""
    return turn_of(spec, record, SURVEY, None) if is_due(record, spec) else None


def _named(record: ClusterRecord) -> set[str]:
    """Returns the node that the request names, and the etcd members that have left etcd."""
    begun = {slot.name for slot in record.slots if slot.leaving and slot.role == ETCD}
    return begun | ({asked} if (asked := _asked(record)) else set())


def _asked(record: ClusterRecord) -> str:
    """Returns the node that the request names. Such a request replaces no other one, even if its
    machine was resized by hand."""
    return record.operation.replaces if record.operation else ""


def _replaceable(names: set[str], record: ClusterRecord) -> set[str]:
    """Returns the nodes that a turn can replace. The only member of its tier cannot leave: if its
    machine was resized by hand, it stays so."""
    members = Counter(slot.role for slot in record.slots if slot.role != WORKER)
    return {
        slot.name for slot in record.slots if slot.name in names and members.get(slot.role, 2) > 1
    }


def _settled(before: Plan | None, record: ClusterRecord) -> set[str]:
    """Returns what earlier turns of the run have replaced, created or removed. Nothing is replaced
    twice in a run. The node that the request removes is settled only once it has left."""
    if before is None or before.turn == SURVEY:
        return set()
    removed = record.operation.removes if record.operation else ""
    created = {*before.missing} - {removed}
    return {*before.settled, *created, *(slot.name for slot in before.leaving)}
