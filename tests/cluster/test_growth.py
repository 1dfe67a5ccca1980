"""Etcd and control planes become more, never fewer, and one thing at a time."""

from typing import Any

import pytest

from cluster.changes import change_faults
from cluster.faults import Fault
from cluster.growth import growth_faults, implicit_growth_faults, named_replacement_faults
from cluster.plan import make_plan
from cluster.record import ClusterRecord, PlannedNode
from cluster.roles import ETCD
from cluster.spec import ClusterSpec
from cluster.spec_rules import parse_spec

IMAGE = "0.20270101.1"


def spec(etcd: int, control_planes: int, **more: Any) -> ClusterSpec:
    counts = {"etcd": {"count": etcd}, "controlPlane": {"count": control_planes}}
    return parse_spec({"name": "demo"} | counts | more)


def record(etcd: int, control_planes: int, **more: Any) -> ClusterRecord:
    built = spec(etcd, control_planes).document()
    return ClusterRecord(name="demo", uid="u", built=built).model_copy(update=more)


def paths(faults: list[Fault]) -> list[str]:
    return [fault.path for fault in faults]


@pytest.mark.parametrize("now", [(1, 1), (3, 1), (5, 1), (1, 3), (1, 5), (3, 3), (5, 5)])
def test_both_tiers_may_become_larger(now: tuple[int, int]) -> None:
    wanted = spec(*now)
    assert change_faults(record(1, 1).built, wanted) == []
    assert growth_faults(record(1, 1), wanted) == []


@pytest.mark.parametrize(
    ("before", "now", "refused"),
    [
        ((3, 3), (1, 3), ["etcd.count"]),
        ((5, 5), (5, 3), ["controlPlane.count"]),
        ((5, 5), (3, 1), ["etcd.count", "controlPlane.count"]),
        ((3, 1), (1, 3), ["etcd.count"]),
    ],
)
def test_a_tier_does_not_become_smaller(
    before: tuple[int, int], now: tuple[int, int], refused: list[str]
) -> None:
    faults = growth_faults(record(*before), spec(*now))
    assert paths(faults) == refused
    assert all("cannot become fewer" in fault.message for fault in faults)


def test_what_a_smaller_count_may_be_instead_is_said() -> None:
    (fault,) = growth_faults(record(3, 1), spec(1, 1))
    assert fault.allowed == "3 or 5"


def test_before_anything_was_built_every_count_may_change() -> None:
    planned = ClusterRecord(name="demo", uid="u")
    assert growth_faults(planned, spec(1, 1)) == []
    assert implicit_growth_faults(None, spec(3, 1), {"name": "demo"}) == []


def test_no_tier_grows_while_nodes_are_replaced() -> None:
    wanted = spec(5, 3)
    assert paths(growth_faults(record(3, 1, replacing=True), wanted)) == [
        "etcd.count",
        "controlPlane.count",
    ]
    gone = PlannedNode(
        name="demo-etcd-1", role=ETCD, pool="etcd", index=1, address="10.0.2.5", leaving=True
    )
    assert paths(growth_faults(record(3, 3, slots=(gone,)), wanted)) == ["etcd.count"]
    other = spec(5, 3, image={"version": IMAGE})
    assert paths(growth_faults(record(3, 3), other)) == ["etcd.count"]
    # A replacement alone is none of this.
    assert growth_faults(record(3, 3, replacing=True), spec(3, 3)) == []


def test_a_node_is_not_replaced_by_name_before_the_new_members_are_there() -> None:
    assert paths(named_replacement_faults(record(1, 1), spec(3, 1))) == ["etcd.count"]
    assert named_replacement_faults(record(3, 1), spec(3, 1)) == []


@pytest.mark.parametrize(
    ("sent", "refused"),
    [
        ({}, ["etcd.count"]),
        ({"etcd": {"vmSize": "Standard_D2s_v5"}}, ["etcd.count"]),
        ({"etcd": {"count": 3}}, []),
        ({"etcd": {"count": 1}}, []),
    ],
)
def test_members_are_added_by_what_a_document_says_and_not_by_a_default(
    sent: dict[str, Any], refused: list[str]
) -> None:
    document = {"name": "demo"} | sent
    faults = implicit_growth_faults(record(1, 1).built, parse_spec(document), document)
    assert paths(faults) == refused


def test_the_plan_creates_the_new_members_and_keeps_the_others() -> None:
    before = spec(1, 1)
    there = make_plan(before, record(1, 1), ())
    known = record(1, 1, slots=there.slots)
    plan = make_plan(spec(3, 3), known, [slot.name for slot in there.slots])
    assert plan.missing == (
        "demo-control-plane-1",
        "demo-control-plane-2",
        "demo-etcd-1",
        "demo-etcd-2",
    )
    assert plan.leaving == ()
    assert all(slot in plan.slots for slot in there.slots)
