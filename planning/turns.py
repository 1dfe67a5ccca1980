"""The turns of a replacement, from what exists in Azure."""

from cluster.plan import Plan
from cluster.record import ClusterRecord
from cluster.replacement import is_due, outdated
from cluster.roles import ETCD
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
    settled = _settled(before)
    named = _named(record) - settled
    machines = machine_forms_of(spec.group, spec.name)
    old = (outdated(spec, record, machines) | named) - settled
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
    asked = record.operation.replaces if record.operation else ""
    return begun | ({asked} if asked else set())


def _settled(before: Plan | None) -> set[str]:
    """Returns what earlier turns of the run have replaced or created. Nothing is replaced twice in
    a run."""
    if before is None or before.turn == SURVEY:
        return set()
    return {*before.settled, *before.missing, *(slot.name for slot in before.leaving)}
