"""Whole runs that remove nodes, on simulated time: the app's own orchestrator and activities.

Whatever comes between, in the end the record, the machines and the cordoned nodes agree with the
spec that was applied last.
"""

from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest

from cluster.contracts import CANCEL_EVENT, FINISH_RUN, FinishInput, RunRef
from cluster.events import Event
from cluster.record import ClusterRecord
from cluster.spec import ClusterSpec
from cluster.spec_rules import parse_spec
from lab.simulation.run import Scenario, Simulation, simulation
from planning.dry_run import dry_run
from tests.activities.world import World

REMOVING = {"plan_cluster", "drain_nodes", "delete_machines", "forget_nodes"}
FOUR = Scenario(8, ready=30.0, play=5.0, tasks=12, cluster="demo", pool="worker")


@pytest.fixture
def made() -> Iterator[Simulation]:
    """A cluster of four workers that is as asked. Its launch is not simulated, to save time."""
    with simulation(FOUR) as found:
        with patch.object(found.engine, "begin", lambda *_: None):
            found.apply()
        world = World(found)
        world.deployed()
        world.call(FINISH_RUN, result="succeeded", finished_at="2026-01-05T09:00:00Z")
        yield found


def spec_of(made: Simulation, count: int | None = None, **drain: Any) -> ClusterSpec:
    document = made.scenario.wanted.document()
    pool = document["workers"][0]
    document["workers"] = [] if count is None else [pool | {"count": count}]
    document["drain"] |= drain
    return parse_spec(document)


def applied(made: Simulation, spec: ClusterSpec) -> FinishInput:
    claim = made.apply(spec)
    made.engine.finish()
    result = made.result(claim.operation.generation)
    assert result is not None
    return result


def record_of(made: Simulation) -> ClusterRecord:
    return made.services.store.need_record("demo")[0]


def events(made: Simulation) -> list[Event]:
    ref = RunRef(cluster="demo", generation=record_of(made).generation)
    return made.services.store.events(ref)


def workers(*numbers: int) -> set[str]:
    return {f"demo-worker-{number}" for number in numbers}


def machines(made: Simulation) -> set[str]:
    return {name for name in made.services.cloud.machines if "worker" in name}


def settled(made: Simulation, *numbers: int) -> None:
    """Record and machines have these workers, and none of them is cordoned or leaving."""
    slots = [slot for slot in record_of(made).slots if slot.role == "worker"]
    assert {slot.name for slot in slots} == machines(made) == workers(*numbers)
    assert not any(slot.leaving for slot in slots)
    assert made.fleet.kubernetes.cordoned == set()


def test_a_smaller_count_removes_the_highest_nodes(made: Simulation) -> None:
    assert applied(made, spec_of(made, 2)).result == "succeeded"
    settled(made, 0, 1)
    assert set(made.fleet.kubernetes.deleted) == workers(2, 3)
    (removed,) = [event for event in events(made) if event.kind == "nodes.removed"]
    assert (removed.count, set(removed.nodes)) == (2, workers(2, 3))


def test_the_plan_shows_the_nodes_that_would_go_and_changes_nothing(made: Simulation) -> None:
    before = record_of(made)
    shown = dry_run(spec_of(made, 2))
    actions = {node.name: node.action for node in shown.nodes}
    assert {name for name, action in actions.items() if action == "remove"} == workers(2, 3)
    assert {action for name, action in actions.items() if name in workers(0, 1)} == {"keep"}
    inventory = shown.inventory["all"]["children"]["cluster"]["children"]["workers"]["hosts"]
    assert set(inventory) == workers(0, 1)
    assert (record_of(made), machines(made)) == (before, workers(0, 1, 2, 3))


def test_a_pool_that_is_left_out_goes_and_its_subnet_waits_for_its_return(
    made: Simulation,
) -> None:
    before = record_of(made).subnets
    assert applied(made, spec_of(made)).result == "succeeded"
    settled(made)
    assert record_of(made).subnets == before


def test_machines_are_deleted_only_after_their_nodes_are_empty(made: Simulation) -> None:
    kubernetes, alive = made.fleet.kubernetes, made.services.resources.begin_delete
    seen: list[str] = []

    def delete(resource_id: str, api_version: str | None = None) -> None:
        name = resource_id.rpartition("/")[2]
        assert name in kubernetes.cordoned
        assert kubernetes.answer({"leaving": [name], "delete": False})["left"] == {}
        seen.append(name)
        alive(resource_id, api_version)

    made.services.resources.begin_delete = delete  # type: ignore[method-assign]
    applied(made, spec_of(made, 2))
    assert set(seen) == workers(2, 3)


def test_a_budget_that_never_allows_it_ends_the_run_and_the_same_spec_goes_on(
    made: Simulation,
) -> None:
    made.fleet.kubernetes.held = lambda name: "web" if name == "demo-worker-2" else ""
    result = applied(made, spec_of(made, 2, deadlineSeconds=120))
    assert result.cause is not None
    assert (result.result, result.cause.code) == ("failed", "DrainBlocked")
    assert "disruption budget web" in result.cause.message
    assert machines(made) == workers(0, 1, 2)
    assert made.fleet.kubernetes.cordoned == set()
    made.fleet.kubernetes.held = lambda _: ""
    assert applied(made, spec_of(made, 2, deadlineSeconds=120)).result == "succeeded"
    settled(made, 0, 1)


def test_nodes_that_were_not_emptied_stay_cordoned_if_the_spec_says_so(made: Simulation) -> None:
    made.fleet.kubernetes.held = lambda name: "web" if name == "demo-worker-2" else ""
    applied(made, spec_of(made, 2, deadlineSeconds=120, uncordon=False))
    assert made.fleet.kubernetes.cordoned == workers(2)
    assert applied(made, spec_of(made, 3, uncordon=False)).result == "succeeded"
    settled(made, 0, 1, 2)


def test_force_deletes_what_a_budget_holds_after_the_deadline(made: Simulation) -> None:
    made.fleet.kubernetes.held = lambda _: "web"
    result = applied(made, spec_of(made, 2, deadlineSeconds=120, force=True))
    assert result.result == "succeeded"
    settled(made, 0, 1)


def test_a_cluster_without_kubernetes_loses_its_machines_at_once(made: Simulation) -> None:
    made.fleet.kubernetes.installed = False
    document = spec_of(made, 2).document() | {"playbook": {"through": "etcd"}}
    assert applied(made, parse_spec(document)).result == "succeeded"
    assert any("nothing to drain" in event.text for event in events(made))
    settled(made, 0, 1)
    assert made.fleet.kubernetes.deleted == []


def test_every_activity_twice_removes_the_same(made: Simulation) -> None:
    of_activities(made, lambda ask: (ask(), ask())[1])
    assert applied(made, spec_of(made, 2)).result == "succeeded"
    settled(made, 0, 1)
    assert sum(event.kind == "nodes.removed" for event in events(made)) == 1


def test_each_first_result_lost_removes_the_same(made: Simulation) -> None:
    seen: set[str] = set()

    def lost(ask: Callable[[], Any], name: str = "") -> Any:
        answer = ask()
        if name in seen or name not in REMOVING:
            return answer
        seen.add(name)
        raise RuntimeError("the result of the first execution is lost")

    of_activities(made, lost, named=True)
    assert applied(made, spec_of(made, 2)).result == "succeeded"
    settled(made, 0, 1)
    assert seen == REMOVING


def of_activities(made: Simulation, around: Callable[..., Any], *, named: bool = False) -> None:
    """Replaces each activity's execution."""
    call = made.engine._call

    def wrapped(kind: str, name: str, payload: str, converter: Any) -> Any:
        def ask() -> Any:
            return call(kind, name, payload, converter)

        if kind != "ActivityTrigger":
            return ask()
        return around(ask, name) if named else around(ask)

    made.engine._call = wrapped  # type: ignore[method-assign]


# From the first second of the phase to the last: while pods end, machines go, objects go.
@pytest.mark.parametrize(
    ("second", "then"), [(0, 4), (12, 2), (34, 4), (40, 2), (46, 4), (52, 2), (60, 4), (70, 2)]
)
def test_a_cancel_at_any_moment_leaves_what_the_next_spec_can_finish_or_take_back(
    made: Simulation, second: int, then: int
) -> None:
    claim = made.apply(spec_of(made, 2))
    asked: list[float] = []
    watch = made.engine._call

    def call(kind: str, name: str, payload: str, converter: Any) -> Any:
        if name == "drain_nodes" and not asked:
            asked.append(made.clock.seconds)
            cancel = lambda: made.engine.raise_event(  # noqa: E731
                claim.operation.instance_id, CANCEL_EVENT, "ada"
            )
            made.clock.at(made.clock.seconds + second, cancel)
        return watch(kind, name, payload, converter)

    made.engine._call = call  # type: ignore[method-assign]
    made.engine.finish()
    assert asked
    result = made.result(claim.operation.generation)
    assert result is not None
    left = {slot.name for slot in record_of(made).slots if slot.role == "worker"}
    assert machines(made) <= left
    assert applied(made, spec_of(made, then)).result == "succeeded"
    settled(made, *range(then))
