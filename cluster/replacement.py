"""Decides whether a run has to replace nodes."""

from cluster.record import ClusterRecord
from cluster.roles import ETCD


def is_due(record: ClusterRecord) -> bool:
    """Returns whether an earlier run left a replacement that has to go on: an etcd member has left
    etcd, so its machine is of no use any more."""
    return any(slot.leaving and slot.role == ETCD for slot in record.slots)
