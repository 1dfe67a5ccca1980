"""Which nodes leave, which stay, and which numbers new nodes get. Slots never move."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.names import instance_id
from cluster.plan import Plan, make_plan
from cluster.record import ClaimedOperation, ClusterRecord, PlannedNode
from cluster.spec_rules import parse_spec

NUMBERS = st.sets(st.integers(0, 12), max_size=9)


def spec(**pools: int) -> Any:
    workers = [{"name": name, "count": count} for name, count in pools.items()]
    return parse_spec({"name": "demo", "workers": workers})


def names(*numbers: int, pool: str = "worker") -> list[str]:
    return [f"demo-{pool}-{number}" for number in numbers]


def built(
    *numbers: int, leaving: tuple[int, ...] = (), removes: str = "", force: bool = False
) -> ClusterRecord:
    """The record of a cluster whose pool has workers with these numbers."""
    fixed = make_plan(spec(worker=0), ClusterRecord(name="demo", uid="u"), [])
    workers = tuple(
        PlannedNode(
            name=f"demo-worker-{number}",
            role="worker",
            pool="worker",
            index=number,
            address=f"10.0.16.{number + 4}",
            leaving=number in leaving,
        )
        for number in numbers
    )
    operation = ClaimedOperation(
        generation=2,
        kind="reconcile",
        instance_id=instance_id("demo", 2),
        started_at="2026-11-30T00:00:00.000+00:00",
        removes=removes,
        force=force,
    )
    return ClusterRecord(
        name="demo",
        uid="u",
        generation=2,
        built=spec(worker=len(numbers)).document(),
        subnets={"worker": "10.0.16.0/22"},
        slots=(*fixed.slots, *workers),
        operation=operation,
    )


def planned(wanted: Any, record: ClusterRecord, failed: tuple[int, ...] = ()) -> Plan:
    existing = {slot.name for slot in record.slots} - set(names(*failed))
    return make_plan(wanted, record, existing)


def workers(plan: Plan) -> list[str]:
    return [slot.name for slot in plan.slots if slot.role == "worker"]


def leaving(plan: Plan) -> list[str]:
    return [slot.name for slot in plan.leaving]


def test_the_highest_numbers_leave_first() -> None:
    plan = planned(spec(worker=2), built(0, 1, 2, 3))
    assert (workers(plan), leaving(plan)) == (names(0, 1), names(3, 2))
    assert all(slot.leaving for slot in plan.leaving)
    assert [d.part for d in plan.deployments] == ["network"]


def test_nodes_without_a_machine_leave_before_those_with_one() -> None:
    plan = planned(spec(worker=2), built(0, 1, 2), failed=(0,))
    assert (workers(plan), leaving(plan)) == (names(1, 2), names(0))
    assert plan.missing == ()


def test_a_removal_that_was_begun_is_continued_with_the_same_nodes() -> None:
    plan = planned(spec(worker=2), built(0, 1, 2, leaving=(1,)), failed=(0,))
    assert (leaving(plan), plan.missing) == (names(1), ("demo-worker-0",))


def test_a_node_that_was_leaving_and_is_wanted_again_returns() -> None:
    plan = planned(spec(worker=3), built(0, 1, 2, leaving=(1, 2)), failed=(1,))
    assert (workers(plan), plan.leaving) == (names(0, 1, 2), ())
    assert plan.returning == ("demo-worker-1", "demo-worker-2")
    assert plan.missing == ("demo-worker-1",)
    assert not any(slot.leaving for slot in plan.slots)


def test_the_named_node_leaves_and_no_other() -> None:
    plan = planned(spec(worker=2), built(0, 1, 2, removes="demo-worker-0", force=True))
    assert (workers(plan), leaving(plan)) == (names(1, 2), names(0))
    assert plan.force


def test_the_named_node_leaves_also_if_the_pool_grows() -> None:
    plan = planned(spec(worker=3), built(0, 1, removes="demo-worker-0"))
    assert (workers(plan), leaving(plan)) == (names(1, 2, 3), names(0))


def test_a_grown_pool_fills_its_gaps() -> None:
    plan = planned(spec(worker=4), built(1, 4))
    assert workers(plan) == names(0, 1, 2, 4)
    assert plan.missing == ("demo-worker-0", "demo-worker-2")


def test_all_nodes_of_a_pool_that_is_left_out_leave_and_keep_their_subnet() -> None:
    plan = planned(spec(gpu=1), built(0, 1))
    assert (workers(plan), leaving(plan)) == (["demo-gpu-0"], names(0, 1))
    assert plan.pools_left_out == ("worker",)
    network = plan.deployments[0].parameters["subnets"]
    cidrs = {subnet["name"]: subnet["cidr"] for subnet in network}
    assert (cidrs["worker"], cidrs["gpu"]) == ("10.0.16.0/22", "10.0.20.0/22")


def test_a_pool_that_is_left_out_keeps_its_security_rules_while_its_nodes_are_drained() -> None:
    rule = {"ports": ["8080"], "sources": ["10.0.0.0/16"], "protocol": "tcp"}
    before = spec(worker=2).document()
    before["workers"][0]["securityRules"] = [rule]
    record = built(0, 1).model_copy(update={"built": before})
    for wanted, expected in ((spec(gpu=1), ["FromSpec0"]), (spec(worker=1), [])):
        (subnet,) = (
            one
            for one in planned(wanted, record).deployments[0].parameters["subnets"]
            if one["name"] == "worker"
        )
        assert [one["name"] for one in subnet["rules"]] == expected


def test_what_was_only_planned_has_no_slots_to_remove() -> None:
    record = built(0, 1, 2).model_copy(update={"built": None})
    plan = make_plan(spec(worker=1), record, [])
    assert (workers(plan), plan.leaving) == (names(0), ())


def test_control_planes_and_etcd_members_never_leave() -> None:
    record = built(0)
    more = record.slots[1].model_copy(update={"name": "demo-control-plane-7", "index": 7})
    plan = planned(spec(worker=1), record.model_copy(update={"slots": (*record.slots, more)}))
    assert plan.leaving == ()


@given(NUMBERS, st.integers(0, 12), NUMBERS, NUMBERS)
def test_slots_stay_where_they_are_and_the_count_is_met(
    there: set[int], count: int, begun: set[int], failed: set[int]
) -> None:
    record = built(*sorted(there), leaving=tuple(begun))
    plan = planned(spec(worker=count), record, tuple(failed))
    known = {slot.name: slot.address for slot in record.slots}
    assert len(workers(plan)) == count
    assert len(plan.leaving) == max(0, len(there) - count)
    assert set(workers(plan)).isdisjoint(leaving(plan))
    every = [*plan.slots, *plan.leaving]
    assert {s.name: s.address for s in every if s.name in known} == known
    assert len({slot.address for slot in every}) == len(every)
    assert set(plan.returning) == set(names(*(begun & there))) & set(workers(plan))


@pytest.mark.parametrize("force", [True, False])
def test_force_is_the_specs_unless_the_request_asks_for_it(force: bool) -> None:
    wanted = spec(worker=1)
    drain = wanted.drain.model_copy(update={"force": force})
    assert planned(wanted.model_copy(update={"drain": drain}), built(0, 1)).force is force
