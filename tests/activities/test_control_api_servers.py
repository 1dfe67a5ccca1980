"""stop_api_servers, start_api_servers and await_kubelets, whatever was done before."""

from collections.abc import Iterator
from typing import Any

import pytest

from clients.errors import Transient
from clients.ssh.controller import Completed
from cluster.contracts import (
    AWAIT_KUBELETS,
    PLAN_RESTORE,
    PREPARE_RESTORE,
    START_API_SERVERS,
    STOP_API_SERVERS,
    UNDO_RESTORE,
)
from lab.simulation.connections import Node
from lab.simulation.kubernetes import READY_SECONDS, STOP_SECONDS
from lab.simulation.run import Scenario, simulation
from tests.activities.restored import BACKUP, restoring, until_done
from tests.activities.world import World

PLANES = {"shop-control-plane-0", "shop-control-plane-1", "shop-control-plane-2"}
WORKER = "shop-worker-1"


@pytest.fixture
def world() -> Iterator[World]:
    """A planned restore of a cluster with three control planes and five workers."""
    with simulation(Scenario(11, cluster="shop", pool="worker")) as made:
        ready = restoring(made)
        ready.call(PLAN_RESTORE)
        yield ready


def kubernetes(world: World) -> Any:
    return world.simulation.fleet.kubernetes


def test_a_stop_waits_until_no_api_server_runs_and_a_repeat_stops_none_again(
    world: World,
) -> None:
    waiting = world.call(STOP_API_SERVERS)
    assert waiting.state == "wait"
    assert all(name in waiting.notes[0] for name in PLANES)
    asked = dict(kubernetes(world).changed)
    world.later(STOP_SECONDS)
    first, again = world.twice(STOP_API_SERVERS)
    assert (first.state, again.state, kubernetes(world).away) == ("done", "done", PLANES)
    assert kubernetes(world).changed == asked


def test_a_start_waits_until_every_api_server_is_ready_and_a_repeat_starts_none_again(
    world: World,
) -> None:
    until_done(world, STOP_API_SERVERS)
    waiting = world.call(START_API_SERVERS)
    assert waiting.state == "wait"
    assert "readyz: 500" in waiting.notes[0]
    asked = dict(kubernetes(world).changed)
    world.later(READY_SECONDS)
    first, again = world.twice(START_API_SERVERS)
    assert (first.state, again.state, kubernetes(world).away) == ("done", "done", set())
    assert kubernetes(world).changed == asked


@pytest.mark.parametrize("starting", [START_API_SERVERS, UNDO_RESTORE], ids=lambda a: a.name)
def test_a_second_execution_of_the_stop_that_comes_after_the_start_stops_nothing(
    world: World, starting: Any
) -> None:
    until_done(world, STOP_API_SERVERS)
    until_done(world, starting)
    asked = dict(kubernetes(world).changed)
    assert world.call(STOP_API_SERVERS).state == "done"
    assert (kubernetes(world).away, kubernetes(world).changed) == (set(), asked)


def test_a_start_of_api_servers_that_run_changes_nothing(world: World) -> None:
    assert world.call(START_API_SERVERS).state == "done"
    assert kubernetes(world).changed == {}


@pytest.mark.parametrize("activity", [STOP_API_SERVERS, START_API_SERVERS], ids=lambda a: a.name)
def test_a_control_plane_that_does_not_answer_is_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch, activity: Any
) -> None:
    """Its API server may run: the others alone prove nothing."""
    dead = min(PLANES)
    until_done(world, STOP_API_SERVERS)
    run = Node.run

    def away(node: Node, *args: Any, **more: Any) -> Completed:
        if node.name == dead:
            raise Transient("10.0.1.4 does not answer")
        return run(node, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Node, "run", away)
        world.call(activity)
        world.later(READY_SECONDS)
        result = world.call(activity)
        assert result.state == "wait"
        assert f"{dead}: 10.0.1.4 does not answer" in result.notes[0]
    assert until_done(world, activity).state == "done"


def test_a_dead_control_plane_is_noticed_before_anything_is_stopped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = max(PLANES)
    run = Node.run

    def away(node: Node, *args: Any, **more: Any) -> Completed:
        if node.name == dead:
            raise Transient("10.0.1.6 does not answer")
        return run(node, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Node, "run", away)
        result = world.call(PREPARE_RESTORE, backup=BACKUP)
        assert (result.state, kubernetes(world).changed) == ("wait", {})
        assert f"{dead}: 10.0.1.6 does not answer" in result.notes[0]
    assert world.call(PREPARE_RESTORE, backup=BACKUP).state == "done"
    assert kubernetes(world).changed == {}


@pytest.mark.parametrize("activity", [STOP_API_SERVERS, START_API_SERVERS], ids=lambda a: a.name)
def test_without_kubernetes_there_is_no_api_server_to_wait_for(world: World, activity: Any) -> None:
    kubernetes(world).installed = False
    assert world.call(activity).state == "done"
    assert world.call(AWAIT_KUBELETS).total == 0


def test_nodes_that_are_not_ready_are_named_and_waited_for(world: World) -> None:
    kubernetes(world).late = {WORKER}
    waiting = world.call(AWAIT_KUBELETS)
    assert waiting.state == "wait"
    assert f"7 of 8 nodes are ready; not: {WORKER}" in waiting.notes[0]
    kubernetes(world).late = set()
    first, again = world.twice(AWAIT_KUBELETS)
    assert first == again
    assert (first.state, first.ready, first.total) == ("done", 8, 8)


def test_a_node_that_joined_after_the_backup_registers_again(world: World) -> None:
    kubernetes(world).unknown = {WORKER}
    waiting = world.call(AWAIT_KUBELETS)
    assert (waiting.state, kubernetes(world).unknown) == ("wait", set())
    assert WORKER in waiting.notes[0]
    assert world.call(AWAIT_KUBELETS).ready == 8
