"""The turns in which the nodes of a cluster are replaced.

Pure. Each turn is planned from what exists when it begins, so a later run goes on where an earlier
one ended. Etcd's members and control planes come first, one in each turn. Then come the workers of
all pools.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cluster.plan import Plan, assembled, subnets_of
from cluster.record import ClusterRecord, PlannedNode
from cluster.roles import CONTROL_PLANE, CONTROLLER, ETCD, WORKER
from cluster.slots import Slots, fixed_slots, free_numbers, slot_of
from cluster.spec import ClusterSpec
from cluster.spec_machines import WorkerPool

# The turn that only checks.
SURVEY = 0


@dataclass(frozen=True)
class Existing:
    """What a turn begins with.

    Attributes:
        machines: the names of the machines that exist and did not fail.
        outdated: the names of the nodes that are to be replaced.
        named: those of them that a request named. They come back under their names.
    """

    machines: Collection[str]
    outdated: Collection[str]
    named: Collection[str] = ()


@dataclass
class _Turn:
    """A turn that is being planned. `rebuilt` leave first and come back, `leaving` leave last."""

    wanted: list[PlannedNode] = field(default_factory=list[PlannedNode])
    rebuilt: list[PlannedNode] = field(default_factory=list[PlannedNode])
    leaving: list[PlannedNode] = field(default_factory=list[PlannedNode])


def make_turn(
    spec: ClusterSpec,
    record: ClusterRecord,
    existing: Existing,
    *,
    turn: int,
    settled: Collection[str] = (),
) -> Plan:
    """Returns the plan of one turn.

    The survey (turn 0) creates what any turn will need at once, and removes nothing: preflight
    checks it before anything is touched.

    Args:
        spec: the wanted cluster.
        record: its record, of a cluster that was built.
        existing: what there is.
        turn: the turn's number.
        settled: nodes that earlier turns of the run have replaced or created.
    """
    subnets = subnets_of(spec, record)
    found = _fixed(spec, subnets, existing, survey=turn == SURVEY)
    named = record.operation.removes if record.operation else ""
    # Once it has left, a new worker may have its name.
    removed = "" if named in settled else named
    _add_workers(found, spec, subnets, record, existing, removed, survey=turn == SURVEY)
    gone = {slot.name for slot in found.rebuilt}
    leaving = found.leaving if turn == SURVEY else [*found.rebuilt, *found.leaving]
    names = {slot.name for slot in leaving}
    divided = Slots(
        wanted=tuple(found.wanted),
        leaving=tuple(slot.model_copy(update={"leaving": True}) for slot in leaving),
        returning=tuple(_returning(record, found.wanted, names)),
    )
    plan = assembled(spec, record, subnets, divided, {*existing.machines} - gone)
    parts = tuple(
        one.model_copy(update={"part": f"{one.part}-t{turn}"})
        for one in plan.deployments
        if one.nodes
    )
    changes = {
        "turn": turn,
        "full": plan.full and turn == 1,
        "rebuilt": tuple(slot.name for slot in found.rebuilt),
        "outdated": tuple(sorted(existing.outdated)),
        "settled": tuple(sorted(settled)),
        "deployments": plan.deployments if turn == SURVEY else parts,
    }
    return plan.model_copy(update=changes)


def _fixed(
    spec: ClusterSpec, subnets: Mapping[str, str], existing: Existing, *, survey: bool
) -> _Turn:
    """Returns a turn with the controller, the control planes and etcd's members.

    The next member leaves only when all of them exist.
    """
    turn = _Turn(wanted=list(fixed_slots(spec, subnets)))
    members = [slot for slot in turn.wanted if slot.role != CONTROLLER]
    old = [
        slot
        for role in (ETCD, CONTROL_PLANE)
        for slot in members
        if slot.role == role and slot.name in existing.outdated
    ]
    if survey:
        turn.rebuilt = old
    elif all(slot.name in existing.machines for slot in members if slot not in old):
        turn.rebuilt = old[:1]
    return turn


def _add_workers(
    turn: _Turn,
    spec: ClusterSpec,
    subnets: Mapping[str, str],
    record: ClusterRecord,
    existing: Existing,
    removed: str,
    *,
    survey: bool,
) -> None:
    """Adds the workers. Where a member is replaced, no worker comes or leaves in the same turn."""
    member_leaves = bool(turn.rebuilt) and not survey
    known = [slot for slot in record.slots if slot.role == WORKER]
    wanted = {pool.name for pool in spec.workers}
    pools = {
        pool.name: _of_pool(
            pool,
            sorted((s for s in known if s.pool == pool.name), key=lambda slot: slot.index),
            existing,
            removed,
        )
        for pool in spec.workers
    }
    rebuilt = [] if member_leaves else [slot for found in pools.values() for slot in found.rebuilt]
    # Nodes that leave first and nodes that leave last are not emptied in the same turn.
    stay = member_leaves or (bool(rebuilt) and not survey)
    turn.rebuilt += rebuilt
    if not stay:
        turn.leaving += [slot for slot in known if slot.pool not in wanted]
        turn.leaving += [slot for found in pools.values() for slot in found.leaving]
    going = {slot.name for slot in turn.leaving}
    for pool in spec.workers:
        have = [slot for slot in known if slot.pool == pool.name]
        numbers = [slot.index for slot in have if slot.name not in going]
        numbers += free_numbers(have, 0 if stay else pools[pool.name].new)
        turn.wanted += [
            slot_of(spec, WORKER, pool.name, number, subnets[pool.name])
            for number in sorted(numbers)
        ]


@dataclass(frozen=True)
class _Pool:
    """What a turn does to a pool: how many workers are new, which leave first and come back, and
    which leave last."""

    new: int = 0
    rebuilt: Sequence[PlannedNode] = ()
    leaving: Sequence[PlannedNode] = ()


def _of_pool(
    pool: WorkerPool, have: Sequence[PlannedNode], existing: Existing, removed: str
) -> _Pool:
    old = [slot for slot in have if slot.name in existing.outdated]
    surplus = len(have) - pool.count
    going = max(surplus, sum(slot.name == removed for slot in have))
    if going > 0:
        first = sorted(
            have,
            key=lambda slot: (
                slot.name != removed,
                not slot.leaving,
                slot.name not in existing.outdated,
                slot.name in existing.machines,
                -slot.index,
            ),
        )
        return _Pool(going - surplus, leaving=first[:going])
    named = [slot for slot in old if slot.name in existing.named]
    if named:
        return _Pool(-surplus, rebuilt=named)
    if pool.max_surge:
        extra = min(len(old), pool.max_surge)
        return _Pool(extra - surplus, leaving=old[: extra + pool.max_unavailable])
    absent = sum(slot.name not in existing.machines for slot in have) - surplus
    return _Pool(-surplus, rebuilt=old[: max(0, pool.max_unavailable - absent)])


def _returning(
    record: ClusterRecord, wanted: Sequence[PlannedNode], leaving: Collection[str]
) -> Iterator[str]:
    """Yields the nodes that an earlier run was removing, and that stay in this turn."""
    names = {slot.name for slot in wanted} - {*leaving}
    for slot in record.slots:
        if slot.leaving and slot.role != ETCD and slot.name in names:
            yield slot.name
