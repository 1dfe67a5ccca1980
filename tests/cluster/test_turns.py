"""The turns of a replacement: who leaves and who comes in each, planned from what exists."""

from collections.abc import Collection
from typing import Any

import pytest

from cluster.faults import SpecRefusedError
from cluster.plan import Plan, make_plan
from cluster.record import ClaimedOperation, ClusterRecord
from cluster.spec import ClusterSpec
from cluster.spec_rules import parse_spec
from cluster.turns import SURVEY, Existing, make_turn

MEMBERS = [f"demo-{tier}-{n}" for tier in ("control-plane", "etcd") for n in range(3)]
WORKERS = [f"demo-worker-{n}" for n in range(3)]


def spec_of(**changes: Any) -> ClusterSpec:
    pool = {"name": "worker", "count": 3} | changes
    return parse_spec({"name": "demo", "controlPlane": {"count": 3}, "workers": [pool]})


def record_of(spec: ClusterSpec) -> ClusterRecord:
    record = ClusterRecord(name="demo", uid="0a1b2c3d", generation=1)
    plan = make_plan(spec, record, [])
    subnets = {"worker": plan.subnets["worker"]}
    changes = {"slots": plan.slots, "built": spec.document(), "subnets": subnets}
    return record.model_copy(update=changes)


def machines(record: ClusterRecord) -> set[str]:
    return {slot.name for slot in record.slots}


def turn(
    record: ClusterRecord, outdated: Collection[str], *, number: int = 1, **given: Any
) -> Plan:
    there = given.pop("machines", machines(record))
    spec = given.pop("spec", None) or spec_of()
    return make_turn(spec, record, Existing(there, outdated, **given), turn=number)


def leaving(plan: Plan) -> list[str]:
    return [slot.name for slot in plan.leaving]


def test_a_named_worker_leaves_first_and_comes_back_under_its_name() -> None:
    record = record_of(spec_of())
    plan = turn(record, {"demo-worker-1"}, named={"demo-worker-1"})
    assert leaving(plan) == list(plan.rebuilt) == list(plan.missing) == ["demo-worker-1"]
    assert [d.part for d in plan.deployments] == ["worker-0-t1"]
    assert "demo-worker-1" in {slot.name for slot in plan.slots}


def test_members_leave_one_at_a_time_etcd_first_and_workers_wait() -> None:
    record = record_of(spec_of())
    everything = {*MEMBERS, *WORKERS}
    left, order = set(everything), list[str]()
    for _ in MEMBERS:
        plan = turn(record, left)
        (name,) = leaving(plan)
        assert plan.rebuilt == plan.missing == (name,)
        assert plan.pools_left_out == ()  # the tier's availability set stays
        order.append(name)
        left -= {name}
    assert order == [f"demo-etcd-{n}" for n in range(3)] + MEMBERS[:3]


def test_no_member_leaves_while_another_one_does_not_exist() -> None:
    record = record_of(spec_of())
    there = machines(record) - {"demo-etcd-2"}
    plan = turn(record, {"demo-etcd-0"}, machines=there)
    assert (leaving(plan), plan.missing) == ([], ("demo-etcd-2",))
    # A dead one whose machine is gone is replaced itself.
    assert leaving(turn(record, {"demo-etcd-2"}, machines=there)) == ["demo-etcd-2"]


def test_the_survey_creates_one_of_everything_and_removes_nothing() -> None:
    record = record_of(spec_of())
    plan = turn(record, {*MEMBERS, *WORKERS}, number=SURVEY)
    assert {*MEMBERS} < {*plan.missing}
    assert {d.part for d in plan.deployments} == {
        "network",
        "control-plane-0",
        "etcd-0",
        "worker-0",
    }


def test_nothing_to_replace_is_a_turn_without_changes() -> None:
    plan = turn(record_of(spec_of()), set())
    assert (plan.leaving, plan.missing, plan.deployments, plan.returning) == ((), (), (), ())


@pytest.mark.parametrize("role", ["worker", "control-plane"])
def test_a_node_whose_replacement_was_given_up_is_taken_back(role: str) -> None:
    record = record_of(spec_of())
    slots = tuple(
        slot.model_copy(update={"leaving": slot.name == f"demo-{role}-1"}) for slot in record.slots
    )
    marked = record.model_copy(update={"slots": slots})
    assert turn(marked, set()).returning == (f"demo-{role}-1",)
    assert make_plan(spec_of(), marked, machines(record)).returning == (f"demo-{role}-1",)


def rolled(surge: int, unavailable: int) -> tuple[list[tuple[int, int]], list[str], int]:
    """Rolls a pool of three turn by turn. Returns how many workers come and leave in each, the
    pool's workers at the end, and the fewest that there were."""
    spec = spec_of(maxSurge=surge, maxUnavailable=unavailable)
    record = record_of(spec)
    workers, outdated, turns, fewest = set(WORKERS), set(WORKERS), list[tuple[int, int]](), 3
    for number in range(1, 10):
        there = {*MEMBERS, *workers, "demo-controller"}
        plan = turn(record, outdated, number=number, spec=spec, machines=there)
        gone = set(leaving(plan))
        if not gone and not plan.missing:
            break
        turns.append((len(plan.missing), len(gone)))
        if plan.rebuilt:
            assert set(plan.rebuilt) == gone <= set(plan.missing)
            fewest = min(fewest, len(workers - gone))
        workers = (workers | set(plan.missing)) - (gone - set(plan.rebuilt))
        fewest = min(fewest, len(workers))
        outdated -= gone
        slots = tuple(slot for slot in (*plan.slots,) if slot.name not in gone or plan.rebuilt)
        record = record.model_copy(update={"slots": slots})
    return turns, sorted(workers), fewest


@pytest.mark.parametrize(
    ("surge", "unavailable", "turns", "fewest"),
    [
        (1, 0, [(1, 1), (1, 1), (1, 1)], 3),
        (2, 0, [(2, 2), (1, 1)], 3),
        (9, 0, [(3, 3)], 3),
        (1, 1, [(1, 2), (2, 1)], 2),
        (0, 1, [(1, 1), (1, 1), (1, 1)], 2),
        (0, 2, [(2, 2), (1, 1)], 1),
    ],
)
def test_a_pool_is_rolled_as_fast_as_it_says(
    surge: int, unavailable: int, turns: list[tuple[int, int]], fewest: int
) -> None:
    made, workers, least = rolled(surge, unavailable)
    assert (made, least, len(workers)) == (turns, fewest, 3)
    assert surge or workers == WORKERS


@pytest.mark.parametrize(
    ("count", "leaves", "comes"),
    [
        (2, ["demo-worker-0"], []),
        # The plan of an earlier run, which was to make the pool larger, was not begun.
        (3, ["demo-worker-0"], ["demo-worker-3"]),
        (1, ["demo-worker-0", "demo-worker-1"], []),
    ],
)
def test_a_worker_that_a_request_removes_leaves_and_no_other_in_its_place(
    count: int, leaves: list[str], comes: list[str]
) -> None:
    """An earlier run made a new machine of worker 0, deleted that of worker 1, and failed."""
    spec = spec_of(count=count, maxSurge=0, maxUnavailable=1)
    record = removing(record_of(spec_of()), "demo-worker-0", {"demo-worker-0", "demo-worker-1"})
    there = machines(record) - {"demo-worker-1"}
    plan = turn(record, {"demo-worker-2"}, spec=spec, machines=there)
    assert leaving(plan) == leaves
    assert [name for name in plan.missing if name != "demo-worker-1"] == comes


def test_a_worker_is_removed_also_after_a_turn_that_replaced_a_member() -> None:
    """Such a turn removes no worker, and its plan takes the mark from it."""
    record = removing(record_of(spec_of()), "demo-worker-0", set())
    assert leaving(turn(record, set(WORKERS), spec=spec_of(count=2))) == ["demo-worker-0"]


def test_a_new_worker_with_the_name_of_the_one_that_was_removed_stays() -> None:
    record = removing(record_of(spec_of()), "demo-worker-0", set())
    there = Existing(machines(record), set())
    assert not make_turn(spec_of(), record, there, turn=3, settled={"demo-worker-0"}).leaving


def removing(record: ClusterRecord, name: str, marked: Collection[str]) -> ClusterRecord:
    """Returns the record of a run that removes a worker."""
    operation = ClaimedOperation(
        generation=2, kind="replace", instance_id="demo-000002", started_at="", removes=name
    )
    slots = tuple(s.model_copy(update={"leaving": s.name in marked}) for s in record.slots)
    return record.model_copy(update={"operation": operation, "slots": slots})


def test_a_pool_that_could_never_be_rolled_is_refused() -> None:
    with pytest.raises(SpecRefusedError) as refused:
        spec_of(maxSurge=0, maxUnavailable=0)
    (fault,) = refused.value.faults
    assert (fault.path, fault.allowed) == (
        "workers[0].maxSurge",
        "1 or more for one of the two",
    )
