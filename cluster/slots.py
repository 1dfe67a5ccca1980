"""Which nodes a cluster is to have, which of the existing ones leave, and which are taken back.

Pure. A slot (a node's name, number and address) never moves. So a pool may have gaps in its
numbers, and a number is free only when the record has no slot with it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice

from cluster import addresses
from cluster.record import ClusterRecord, PlannedNode
from cluster.roles import CONTROL_PLANE, CONTROLLER, ETCD, WORKER, Role
from cluster.spec import ClusterSpec


@dataclass(frozen=True)
class Slots:
    """The slots of a plan.

    Attributes:
        wanted: the controller first, then the nodes by tier and number.
        leaving: workers that the record has and the spec no longer asks for.
        returning: names of wanted nodes that an earlier run was removing.
    """

    wanted: tuple[PlannedNode, ...]
    leaving: tuple[PlannedNode, ...]
    returning: tuple[str, ...]


def divide(
    spec: ClusterSpec,
    subnets: Mapping[str, str],
    record: ClusterRecord,
    existing: Collection[str],
) -> Slots:
    """Compares the spec with the record's slots.

    Args:
        spec: the wanted cluster.
        subnets: the subnet of each tier and pool.
        record: the record. Before anything was built, its slots are only what an earlier run
            planned.
        existing: names of machines that exist and did not fail. Nodes without one leave first.
    """
    known = [slot for slot in record.slots if slot.role == WORKER] if record.built else []
    removed = record.operation.removes if record.operation else ""
    wanted = list(fixed_slots(spec, subnets))
    leaving = [slot for slot in known if slot.pool not in {pool.name for pool in spec.workers}]
    returning = leaving_members(record)
    for pool in spec.workers:
        have = [slot for slot in known if slot.pool == pool.name]
        going = _going(have, pool.count, existing, removed)
        staying = [slot for slot in have if slot not in going]
        numbers = [slot.index for slot in staying]
        numbers += free_numbers(have, pool.count - len(staying))
        wanted += [
            slot_of(spec, WORKER, pool.name, index, subnets[pool.name]) for index in sorted(numbers)
        ]
        leaving += going
        returning += [slot.name for slot in staying if slot.leaving]
    marked = (slot.model_copy(update={"leaving": True}) for slot in leaving)
    return Slots(tuple(wanted), tuple(marked), tuple(returning))


def spec_without(node: PlannedNode, spec: ClusterSpec, record: ClusterRecord) -> ClusterSpec:
    """Returns the spec with one worker fewer in the node's pool, so that this node can leave.

    Returns the spec as it is if the node leaves by it already.
    """
    pool = next((one for one in spec.workers if one.name == node.pool), None)
    if pool is None:
        return spec
    have = [slot for slot in record.slots if slot.pool == pool.name]
    names = [slot.name for slot in have]
    if node.name in {slot.name for slot in _going(have, pool.count, names, "")}:
        return spec
    smaller = pool.model_copy(update={"count": max(0, pool.count - 1)})
    pools = tuple(smaller if one is pool else one for one in spec.workers)
    return spec.model_copy(update={"workers": pools})


def _going(
    have: Sequence[PlannedNode], wanted: int, existing: Collection[str], removed: str
) -> list[PlannedNode]:
    """Returns the nodes of a pool that leave: the one that was named, and as many more as the pool
    has too many. Nodes whose removal was begun go first, then nodes without a machine, then the
    highest numbers."""
    named = [slot for slot in have if slot.name == removed]
    others = sorted(
        (slot for slot in have if slot.name != removed),
        key=lambda slot: (not slot.leaving, slot.name in existing, -slot.index),
    )
    return named + others[: max(0, len(others) - wanted)]


def free_numbers(have: Sequence[PlannedNode], missing: int) -> Iterator[int]:
    taken = {slot.index for slot in have}
    return islice((number for number in count() if number not in taken), max(0, missing))


def leaving_members(record: ClusterRecord) -> list[str]:
    """Returns the control planes whose replacement was begun, and that may still be cordoned."""
    return [slot.name for slot in record.slots if slot.leaving and slot.role == CONTROL_PLANE]


def fixed_slots(spec: ClusterSpec, subnets: Mapping[str, str]) -> Iterator[PlannedNode]:
    """Yields the controller, whose name has no number, the control planes and etcd's members."""
    first = slot_of(spec, CONTROLLER, CONTROLLER, 0, subnets[CONTROLLER])
    yield first.model_copy(update={"name": f"{spec.name}-{CONTROLLER}"})
    for index in range(spec.control_plane.count):
        yield slot_of(spec, CONTROL_PLANE, CONTROL_PLANE, index, subnets[CONTROL_PLANE])
    for index in range(spec.etcd.count):
        yield slot_of(spec, ETCD, ETCD, index, subnets[ETCD])


def slot_of(spec: ClusterSpec, role: Role, pool: str, index: int, subnet: str) -> PlannedNode:
    return PlannedNode(
        name=f"{spec.name}-{pool}-{index}",
        role=role,
        pool=pool,
        index=index,
        address=addresses.node_address(subnet, index),
    )
