"""plan_maintenance: which machines it finds missing or off, and the plan that it stores."""

from collections.abc import Iterator
from typing import Any

import pytest

from activities.start_play import play_inventory
from cluster.contracts import PLAN_MAINTENANCE
from lab.simulation.run import Scenario, simulation
from planning.play_scope import play_scope
from tests.activities.backed_up import launched
from tests.activities.world import World

PLANE, ETCD = "shop-control-plane-0", ("shop-etcd-0", "shop-etcd-1", "shop-etcd-2")
CENTRAL, WORKER = (*ETCD, PLANE), "shop-worker-1"


@pytest.fixture
def world() -> Iterator[World]:
    """A claimed maintenance of a cluster of eight nodes."""
    with simulation(Scenario(8, cluster="shop", pool="worker")) as made:
        ready = launched(made)
        made.maintain()
        ready.generation += 1
        yield ready


def power(world: World, state: str, *names: str) -> None:
    world.services.cloud.power.update(dict.fromkeys(names, (state, 0.0)))


def findings(result: Any) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in result.findings]


def test_the_plan_is_a_full_pass_over_what_there_is_and_a_repeat_returns_it(world: World) -> None:
    first, again = world.twice(PLAN_MAINTENANCE)
    assert first == again
    assert (first.state, first.nodes, first.resting, first.findings) == ("done", 8, False, ())
    assert first.stages == world.plan.spec.stages
    plan = world.plan
    assert (plan.full, plan.generation, plan.network_generation) == (True, 2, 1)
    assert (plan.missing, plan.deployments, plan.leaving) == ((), (), ())


def test_its_play_upgrades_no_packages_and_the_next_operation_finds_every_stage_applied(
    world: World,
) -> None:
    world.call(PLAN_MAINTENANCE)
    asked = world.plan.model_copy(update={"package_upgrades": True})
    own, others = (play_inventory(plan, "shop-000002-1") for plan in (world.plan, asked))
    upgrades = [one["all"]["vars"]["slipway_package_upgrades"] for one in (own, others)]
    assert upgrades == ["no", "safe"]
    assert play_scope(world.plan, own, whole=True) == play_scope(asked, others, whole=True)


def test_a_repeat_keeps_the_plan_and_sees_what_changed_since(world: World) -> None:
    world.call(PLAN_MAINTENANCE)
    stored = world.plan
    world.services.cloud.deployments.clear()
    power(world, "stopped", ETCD[1])
    again = world.call(PLAN_MAINTENANCE)
    assert (findings(again), world.plan) == ([("MachineOff", ETCD[1])], stored)


@pytest.mark.parametrize("state", ["deallocated", "stopped", ""])
def test_a_cluster_of_which_no_member_runs_is_resting(world: World, state: str) -> None:
    power(world, state, *CENTRAL)
    result = world.call(PLAN_MAINTENANCE)
    assert result.resting
    assert set(findings(result)) == {("MachineOff", name) for name in CENTRAL}
    assert {one.detail for one in result.findings} == {state or "without a power state"}


@pytest.mark.parametrize("running", CENTRAL)
def test_a_cluster_of_which_one_member_runs_is_not_resting(world: World, running: str) -> None:
    off = set(CENTRAL) - {running}
    power(world, "deallocated", *off)
    result = world.call(PLAN_MAINTENANCE)
    assert not result.resting
    assert set(findings(result)) == {("MachineOff", name) for name in off}


def test_a_cluster_whose_members_are_all_gone_is_not_resting(world: World) -> None:
    """There is nothing that somebody has turned off."""
    for name in CENTRAL:
        del world.services.cloud.machines[name]
    result = world.call(PLAN_MAINTENANCE)
    assert not result.resting
    assert set(findings(result)) == {("MachineMissing", name) for name in CENTRAL}


def test_missing_machines_are_told_before_those_that_are_off(world: World) -> None:
    del world.services.cloud.machines[WORKER]
    power(world, "deallocated", ETCD[0])
    result = world.call(PLAN_MAINTENANCE)
    assert findings(result) == [("MachineMissing", WORKER), ("MachineOff", ETCD[0])]
    assert world.plan.missing == (), "a maintenance creates nothing"


def test_a_worker_is_not_asked_for_its_power_state(world: World) -> None:
    power(world, "deallocated", WORKER)
    assert world.call(PLAN_MAINTENANCE).findings == ()


def test_a_member_that_is_deleted_while_azure_is_asked_is_left_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = world.services.compute
    ask = compute.vm
    power(world, "deallocated", *CENTRAL)
    monkeypatch.setattr(
        compute, "vm", lambda group, name: None if name == PLANE else ask(group, name)
    )
    result = world.call(PLAN_MAINTENANCE)
    assert result.resting
    assert set(findings(result)) == {("MachineOff", name) for name in ETCD}


def test_without_an_earlier_network_the_next_step_is_the_spec_and_the_maintenance_after_it(
    world: World,
) -> None:
    world.services.cloud.deployments.clear()
    first, again = world.twice(PLAN_MAINTENANCE)
    assert (first.state, again.state) == ("refused", "refused")
    assert first.cause.code == "DeploymentMissing"
    assert first.cause.next_step.startswith("send the same spec again; ")
    assert first.cause.next_step.endswith("; after that, request the maintenance again")
    assert world.services.store.plan(world.ref) is None
