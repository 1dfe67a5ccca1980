"""The activities of an upgrade on a simulated cluster: what they refuse, and what a repeat does."""

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.contracts import (
    ASSESS_UPGRADE,
    BEGIN_UPGRADE,
    DRAIN_NODE,
    END_UPGRADE,
    NEXT_UPGRADE,
    RETURN_NODE,
    START_UPGRADE,
    PlayInput,
)
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from lab.simulation.run import Scenario, simulation
from tests.activities.backed_up import launched
from tests.activities.world import World

PLANE, WORKERS = "shop-control-plane-0", ("shop-worker-0", "shop-worker-1")


@pytest.fixture
def world() -> Iterator[World]:
    """A cluster of 1.36.2, and a claimed and planned upgrade to 1.36.3."""
    with simulation(Scenario(6, cluster="shop", pool="worker")) as made:
        ready = launched(made)
        document = made.scenario.wanted.document()
        document["kubernetes"]["version"] = "1.36.3"
        assert made.apply(parse_spec(document)).operation.kind == "upgrade"
        made.fleet.kubernetes.manifest = "1.36.3"
        ready.generation += 1
        ready.deployed()
        yield ready


def kubernetes(world: World) -> Any:
    return world.simulation.fleet.kubernetes


def record(world: World) -> ClusterRecord:
    return world.services.store.need_record(world.cluster)[0]


def following(world: World, role: str = "worker") -> Any:
    return world.call(NEXT_UPGRADE, role=role)


def test_deploying_the_network_leaves_the_version_that_was_built(world: World) -> None:
    built = record(world).built
    assert built is not None
    assert built["kubernetes"]["version"] == "1.36"


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


def test_a_node_whose_upgrade_has_not_begun_is_returned_at_once(world: World) -> None:
    world.call(DRAIN_NODE, node=WORKERS[0])
    assert world.call(RETURN_NODE, node=WORKERS[0], step="leave").state == "done"
    assert kubernetes(world).cordoned == set()


def test_a_play_of_one_node_runs_one_stage_there_and_a_repeat_finds_it(world: World) -> None:
    first, again = world.twice(START_UPGRADE, node=WORKERS[0], attempt=3)
    assert first == again
    assert (first.machines, first.stages) == (1, ("check", "artifacts", "upgrade"))
    groups = world.simulation.fleet.inventories["shop-000002-3"]["all"]["children"]
    assert groups["stage_upgrade"]["hosts"] == {WORKERS[0]: {}}
    assert groups["stage_nodes"]["hosts"] == {}
    scope = world.services.store.play_scope(PlayInput(**world.ref.model_dump(), attempt=3))
    assert scope.machines == {WORKERS[0]}


def test_the_first_play_fetches_on_every_node_and_changes_etcd_only_where_it_differs(
    world: World,
) -> None:
    world.call(START_UPGRADE, attempt=1)
    scope = world.services.store.play_scope(PlayInput(**world.ref.model_dump(), attempt=1))
    assert set(scope.nodes("upgrade-fetch")) == {PLANE, *WORKERS}
    assert set(scope.stages) <= {"upgrade-fetch", "etcd"}


def test_the_mark_is_set_before_the_first_node_and_removed_at_the_end(world: World) -> None:
    world.twice(BEGIN_UPGRADE)
    assert record(world).upgrading == "1.36.3"
    assert world.call(ASSESS_UPGRADE).resumed
    world.twice(END_UPGRADE)
    ended = record(world)
    assert ended.built is not None
    assert (ended.upgrading, ended.built["kubernetes"]["version"]) == ("", "1.36.3")


@pytest.mark.parametrize("resumed", [False, True])
def test_nodes_need_not_be_ready_when_an_upgrade_goes_on(world: World, *, resumed: bool) -> None:
    if resumed:
        world.call(BEGIN_UPGRADE)
    kubernetes(world).silent = {WORKERS[1]}
    found = world.call(ASSESS_UPGRADE)
    assert found.state == ("done" if resumed else "refused")
    if not resumed:
        assert found.cause.code == "ClusterUnhealthy"
        assert f"node {WORKERS[1]} is not ready" in found.cause.message


def test_a_cluster_without_kubernetes_is_no_fault(world: World) -> None:
    kubernetes(world).installed = False
    assert not world.call(ASSESS_UPGRADE).kubernetes
    assert following(world).node == ""
