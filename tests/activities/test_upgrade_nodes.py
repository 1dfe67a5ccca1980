"""next_upgrade, drain_node and return_node: the nodes of an upgrade, read from the nodes."""

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.contracts import DRAIN_NODE, NEXT_UPGRADE, RETURN_NODE
from lab.simulation.kubernetes import Kubernetes
from lab.simulation.run import Scenario, simulation
from tests.activities.upgraded import PLANE, WORKERS, kubernetes, upgrading
from tests.activities.world import World


@pytest.fixture
def world() -> Iterator[World]:
    """A cluster of 1.36.2, and a claimed and planned upgrade to 1.36.3."""
    with simulation(Scenario(6, cluster="shop", pool="worker")) as made:
        yield upgrading(made)


def following(world: World, role: str = "worker") -> Any:
    return world.call(NEXT_UPGRADE, role=role)


def test_the_next_node_is_read_from_the_nodes(world: World) -> None:
    first = following(world)
    assert (first.node, first.version, first.done, first.total) == (WORKERS[0], "1.36.3", 0, 2)
    kubernetes(world).versions = {WORKERS[0]: "1.36.3"}
    assert (following(world).node, following(world).done) == (WORKERS[1], 1)
    kubernetes(world).cordoned = {WORKERS[0]}
    again = following(world)
    assert (again.node, again.upgraded) == (WORKERS[0], True)
    kubernetes(world).cordoned = set()
    kubernetes(world).versions = dict.fromkeys(WORKERS, "1.36.3")
    assert (following(world).node, following(world).done) == ("", 2)
    assert following(world, "control-plane").node == PLANE


def test_a_later_version_than_the_manifests_is_refused(world: World) -> None:
    kubernetes(world).versions = {WORKERS[1]: "1.36.4"}
    refused = following(world)
    assert (refused.state, refused.cause.code) == ("refused", "UpgradeRefused")


def test_a_node_is_drained_alone_and_returned_when_it_is_ready_with_its_version(
    world: World,
) -> None:
    first, _ = world.twice(DRAIN_NODE, node=WORKERS[0])
    assert (first.state, first.pods) == ("wait", 5)
    assert kubernetes(world).cordoned == {WORKERS[0]}
    world.later(60.0)
    done, again = world.twice(DRAIN_NODE, node=WORKERS[0])
    assert (done.state, again.state) == ("done", "done")
    waiting = world.call(RETURN_NODE, node=WORKERS[0])
    assert waiting.state == "wait"
    assert "it has kubelet v1.36.2, not 1.36.3" in waiting.notes[0]
    kubernetes(world).versions = {WORKERS[0]: "1.36.3"}
    kubernetes(world).silent = {WORKERS[0]}
    assert "it is not ready" in world.call(RETURN_NODE, node=WORKERS[0]).notes[0]
    assert kubernetes(world).cordoned == {WORKERS[0]}
    kubernetes(world).silent = set()
    first, again = world.twice(RETURN_NODE, node=WORKERS[0])
    assert (first.state, again.state, kubernetes(world).cordoned) == ("done", "done", set())


@pytest.mark.parametrize("step", ["evict", "delete", "leave"])
def test_a_second_execution_of_the_drain_that_comes_after_the_return_changes_nothing(
    world: World, step: str
) -> None:
    world.call(DRAIN_NODE, node=WORKERS[0])
    kubernetes(world).versions = {WORKERS[0]: "1.36.3"}
    world.call(RETURN_NODE, node=WORKERS[0])
    assert world.call(DRAIN_NODE, node=WORKERS[0], step=step).state == "done"
    assert kubernetes(world).cordoned == set()
    world.call(DRAIN_NODE, node=WORKERS[1], step=step)
    assert kubernetes(world).cordoned == {WORKERS[1]}


def test_a_node_that_got_its_version_between_the_look_and_the_drain_is_not_cordoned(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Kubernetes.answer

    def upgraded(fleet: Kubernetes, request: Any) -> Any:
        fleet.versions[WORKERS[0]] = "1.36.3"
        return answer(fleet, request)

    monkeypatch.setattr(Kubernetes, "answer", upgraded)
    assert world.call(DRAIN_NODE, node=WORKERS[0]).state == "wait"
    assert kubernetes(world).cordoned == set()


def test_a_node_whose_upgrade_has_not_begun_is_returned_at_once(world: World) -> None:
    world.call(DRAIN_NODE, node=WORKERS[0])
    assert world.call(RETURN_NODE, node=WORKERS[0], step="leave").state == "done"
    assert kubernetes(world).cordoned == set()


def test_there_is_no_next_node_where_there_is_no_kubernetes(world: World) -> None:
    kubernetes(world).installed = False
    assert following(world).node == ""
