"""drain_nodes, return_nodes and forget_nodes: one pass on a control plane, and what it leaves."""

from collections.abc import Iterator
from typing import Any

import pytest

from activities.node_versions import keep_versions
from clients.errors import Transient
from clients.ssh.controller import Completed
from cluster.contracts import DRAIN_NODES, FORGET_NODES, RETURN_NODES
from cluster.names import record_blob
from cluster.on_node import program
from cluster.record import ClusterRecord
from lab.simulation import connections
from lab.simulation.run import Scenario, simulation
from tests.activities.shrunk import END_SECONDS, GOING, shrunk
from tests.activities.world import World


@pytest.fixture
def leaving() -> Iterator[World]:
    """A cluster of eight nodes whose two highest workers leave."""
    with simulation(Scenario(8, cluster="shop", pool="worker")) as made:
        yield shrunk(made)


def record_of(world: World) -> ClusterRecord:
    return world.services.store.need_record(world.cluster)[0]


def kubernetes(world: World) -> Any:
    return world.simulation.fleet.kubernetes


def emptied(world: World) -> set[str]:
    return world.services.store.emptied_nodes(world.ref)


def test_passes_go_on_until_every_node_is_empty_and_a_repeat_changes_nothing(
    leaving: World,
) -> None:
    first = leaving.call(DRAIN_NODES)
    assert (first.state, first.looked, first.emptied, first.pods) == ("wait", True, 0, 10)
    leaving.later(END_SECONDS)
    second, again = leaving.twice(DRAIN_NODES)
    assert (second.state, second.emptied, set(second.newly)) == ("done", 2, GOING)
    assert (again.state, again.emptied, again.newly) == ("done", 2, ())
    assert emptied(leaving) == kubernetes(leaving).cordoned == GOING


def test_a_pod_that_a_budget_holds_is_in_the_result(leaving: World) -> None:
    kubernetes(leaving).held = lambda node: "web" if node == max(GOING) else ""
    leaving.call(DRAIN_NODES)
    leaving.later(END_SECONDS)
    result = leaving.call(DRAIN_NODES)
    assert (result.state, result.emptied) == ("wait", 1)
    (blocked,) = result.blocked
    assert (blocked.node, blocked.budget) == (max(GOING), "web")


def test_the_last_step_leaves_behind_what_does_not_end(leaving: World) -> None:
    kubernetes(leaving).held = lambda _: "web"
    result = leaving.call(DRAIN_NODES, step="leave")
    assert (result.state, result.emptied, result.blocked) == ("done", 2, ())


def test_without_kubernetes_there_is_nothing_to_drain(leaving: World) -> None:
    kubernetes(leaving).installed = False
    result = leaving.call(DRAIN_NODES)
    assert (result.state, result.kubernetes, result.emptied) == ("done", False, 2)
    assert kubernetes(leaving).cordoned == set()
    assert leaving.call(FORGET_NODES).count == 2


def test_a_control_plane_that_does_not_answer_proves_nothing(
    leaving: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: Any, **__: Any) -> Any:
        raise Transient("10.0.1.4 does not answer on SSH")

    monkeypatch.setattr(connections.Node, "run", silent)
    result = leaving.call(DRAIN_NODES)
    assert (result.state, result.looked, emptied(leaving)) == ("wait", False, set())
    assert "10.0.1.4 does not answer" in result.notes[0]


def test_only_nodes_that_were_not_emptied_are_schedulable_again(leaving: World) -> None:
    kubernetes(leaving).held = lambda node: "web" if node == max(GOING) else ""
    leaving.call(DRAIN_NODES)
    leaving.later(END_SECONDS)
    leaving.call(DRAIN_NODES)
    assert [one.state for one in leaving.twice(RETURN_NODES)] == ["done", "done"]
    assert kubernetes(leaving).cordoned == {min(GOING)}


def test_node_objects_and_slots_of_emptied_nodes_go_and_the_others_stay(leaving: World) -> None:
    keep_versions(leaving.ref, dict.fromkeys(GOING, "1.36.2"))
    leaving.services.store.add_emptied_nodes(leaving.ref, [min(GOING)])
    first, again = leaving.twice(FORGET_NODES)
    assert (first.count, first.nodes) == (again.count, again.nodes) == (1, (min(GOING),))
    assert set(kubernetes(leaving).deleted) == {min(GOING)}
    slots = {slot.name: slot.leaving for slot in record_of(leaving).slots}
    assert min(GOING) not in slots
    assert record_of(leaving).kubelets == {max(GOING): "1.36.2"}
    assert slots[max(GOING)]


def test_a_pool_that_lost_its_last_node_is_forgotten(leaving: World) -> None:
    with simulation(Scenario(8, cluster="shop", pool="worker")) as made:
        world = shrunk(made, workers=[])
        names = [slot.name for slot in world.plan.leaving]
        world.services.store.add_emptied_nodes(world.ref, names[1:])
        world.call(FORGET_NODES)
        built = record_of(world).built
        assert built
        assert [pool["name"] for pool in built["workers"]] == ["worker"]
        world.services.store.add_emptied_nodes(world.ref, names)
        world.call(FORGET_NODES)
        record = record_of(world)
        assert [slot for slot in record.slots if slot.pool == "worker"] == []
        assert record.subnets.keys() == {"worker"}
        assert record.built
        assert record.built["workers"] == []


def test_slots_are_not_forgotten_before_their_node_objects_are_deleted(
    leaving: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving.services.store.add_emptied_nodes(leaving.ref, GOING)
    whole = kubernetes(leaving).answer
    fewer = lambda request: whole(request) | {"gone": request["gone"][:1]}  # noqa: E731
    monkeypatch.setattr(kubernetes(leaving), "answer", fewer)
    before = leaving.services.store.blobs.content[record_blob("shop")]
    assert leaving.call(FORGET_NODES).state == "wait"
    assert leaving.services.store.blobs.content[record_blob("shop")] == before


@pytest.mark.parametrize("cut", ["", '{"drained": ["shop-', "ok"])
def test_an_answer_that_was_cut_off_is_asked_for_again(
    leaving: World, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    run = connections.Node.run

    def cut_off(node: connections.Node, argv: list[str], *given: Any, **named: Any) -> Completed:
        done = run(node, argv, *given, **named)
        return Completed(0, cut.encode(), b"") if program("drain") in argv else done

    with monkeypatch.context() as patch:
        patch.setattr(connections.Node, "run", cut_off)
        assert leaving.call(DRAIN_NODES).state == "wait"
        assert emptied(leaving) == set()
    leaving.later(END_SECONDS)
    assert leaving.call(DRAIN_NODES).emptied == 2
