"""Which specs replace nodes, and which nodes are made as another spec says."""

from typing import Any

import pytest

from cluster.machine_forms import MachineForm
from cluster.plan import make_plan
from cluster.record import ClusterRecord
from cluster.replacement import implicit_replacement_faults, is_due, outdated, surge_faults
from cluster.spec_rules import parse_spec

THREE: dict[str, Any] = {"name": "demo", "controlPlane": {"count": 3}}
SPEC = parse_spec(THREE)


def record(**changes: Any) -> ClusterRecord:
    made = ClusterRecord(name="demo", uid="0a1b2c3d", generation=1)
    slots = make_plan(SPEC, made, []).slots
    return made.model_copy(update={"slots": slots, "built": SPEC.document()} | changes)


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        ({}, False),
        ({"workers": [{"name": "worker", "count": 9}]}, False),
        ({"workers": [{"name": "other", "vmSize": "Standard_D8s_v5"}]}, False),  # a new pool
        ({"controller": {"vmSize": "Standard_D8s_v5"}}, False),
        ({"workers": [{"name": "worker", "vmSize": "Standard_D8s_v5"}]}, True),
        ({"workers": [{"name": "worker", "osDiskGiB": 128}]}, True),
        ({"etcd": {"vmSize": "Standard_D8s_v5"}}, True),
        ({"image": {"version": "0.20270101.1"}}, True),
    ],
)
def test_only_another_form_of_machines_that_exist_replaces_nodes(
    changes: dict[str, Any], *, due: bool
) -> None:
    assert is_due(record(), parse_spec(THREE | changes)) == due
    assert not is_due(record(built=None), parse_spec(THREE | changes))


def test_a_replacement_that_did_not_end_goes_on_whatever_the_spec_says() -> None:
    assert is_due(record(replacing=True), SPEC)


def test_nodes_are_outdated_by_what_azure_says_of_them() -> None:
    wanted = parse_spec(THREE | {"workers": [{"name": "worker", "vmSize": "Standard_D8s_v5"}]})
    image = SPEC.image.version
    there = {
        "demo-worker-0": MachineForm("Standard_D4s_v5", image, 64),
        "demo-worker-1": MachineForm("standard_d8s_V5", image, 64),
        "demo-etcd-0": MachineForm("Standard_D2s_v5", "0.20260101.1", None),
        "demo-etcd-1": MachineForm(),  # Azure says nothing of it
        "demo-controller": MachineForm("Standard_D64s_v5", "0.1", 1),
        "demo-stranger": MachineForm("Standard_D64s_v5", "0.1", 1),
    }
    assert outdated(wanted, record(), there) == {"demo-worker-0", "demo-etcd-0"}


@pytest.mark.parametrize(
    ("built", "sent", "path"),
    [
        ({"image": {"version": "0.20260101.1"}}, {}, "image.version"),
        ({"etcd": {"vmSize": "Standard_D8s_v5"}}, {"etcd": {"count": 3}}, "etcd.vmSize"),
        (
            {"workers": [{"name": "worker", "osDiskGiB": 128}]},
            {"workers": [{"name": "worker", "count": 2}]},
            "workers[0].osDiskGiB",
        ),
    ],
)
def test_a_default_replaces_nothing(built: dict[str, Any], sent: dict[str, Any], path: str) -> None:
    before, wanted = parse_spec(THREE | built).document(), parse_spec(THREE | sent)
    (fault,) = implicit_replacement_faults(before, wanted, THREE | sent)
    assert fault.path == path
    assert "write it out" in fault.allowed
    assert implicit_replacement_faults(None, wanted, THREE | sent) == []
    assert implicit_replacement_faults(before, parse_spec(THREE | built), THREE | built) == []


# Room for eleven machines.
SMALL = {"name": "worker", "subnet": "10.0.16.0/28"}


def rolled(count: int, before: int, **pool: Any) -> list[tuple[str, str]]:
    """Returns the paths and the allowed values of the faults if a pool gets another VM size."""
    had: dict[str, Any] = {**SMALL, "count": before}
    now: dict[str, Any] = {**SMALL, "count": count, "vmSize": "Standard_D8s_v5"} | pool
    built = parse_spec(THREE | {"workers": [had]})
    made = ClusterRecord(name="demo", uid="0a1b2c3d", generation=1)
    plan = make_plan(built, made, [])
    changes = {"slots": plan.slots, "built": built.document(), "subnets": plan.subnets}
    wanted = parse_spec(THREE | {"workers": [now]})
    return [(f.path, f.allowed) for f in surge_faults(made.model_copy(update=changes), wanted)]


@pytest.mark.parametrize(
    ("count", "before", "pool", "least"),
    [
        (11, 11, {}, 0),
        (9, 9, {"maxSurge": 3}, 2),
        (10, 11, {"maxSurge": 2}, 1),
        (11, 10, {"maxSurge": 1, "maxUnavailable": 1}, 0),
    ],
)
def test_a_pool_is_not_rolled_by_more_workers_than_it_has_room_for(
    count: int, before: int, pool: dict[str, Any], least: int
) -> None:
    """A pool that is made smaller at the same time has its new count before."""
    allowed = f"at most {least}; with 0, maxUnavailable of 1 or more"
    assert rolled(count, before, **pool) == [("workers[0].maxSurge", allowed)]


@pytest.mark.parametrize(
    ("count", "before", "pool"),
    [
        (11, 11, {"maxSurge": 0, "maxUnavailable": 1}),
        (10, 10, {}),
        (10, 11, {}),
        (1, 1, {"maxSurge": 100}),  # one worker is replaced by one
        (11, 11, {"vmSize": "Standard_D4s_v5"}),  # as it was built
        (11, 0, {}),  # all are new
    ],
)
def test_a_pool_with_room_or_without_a_surge_is_rolled(
    count: int, before: int, pool: dict[str, Any]
) -> None:
    assert rolled(count, before, **pool) == []


@pytest.mark.parametrize(("zones", "faults"), [((), 1), (("1", "2", "3"), 0)])
def test_an_availability_set_has_room_for_200_machines(zones: tuple[str, ...], faults: int) -> None:
    base = THREE | {"zones": list(zones)}
    built = parse_spec(base | {"workers": [{"name": "worker", "count": 200}]})
    made = ClusterRecord(name="demo", uid="0a1b2c3d", generation=1)
    plan = make_plan(built, made, [])
    changes = {"slots": plan.slots, "built": built.document(), "subnets": plan.subnets}
    pool = {"name": "worker", "count": 200, "osDiskGiB": 128}
    wanted = parse_spec(base | {"workers": [pool]})
    found = surge_faults(made.model_copy(update=changes), wanted)
    assert len(found) == faults
    assert all("its availability set has room for 200" in fault.message for fault in found)
