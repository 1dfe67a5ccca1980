"""begin_upgrade, start_upgrade and end_upgrade: the plays of an upgrade, and its mark."""

from collections.abc import Iterator

import pytest

from cluster.contracts import ASSESS_UPGRADE, BEGIN_UPGRADE, END_UPGRADE, START_UPGRADE, PlayInput
from lab.simulation.run import Scenario, simulation
from tests.activities.upgraded import PLANE, WORKERS, record, upgrading
from tests.activities.world import World


@pytest.fixture
def world() -> Iterator[World]:
    """A cluster of 1.36.2, and a claimed and planned upgrade to 1.36.3."""
    with simulation(Scenario(6, cluster="shop", pool="worker")) as made:
        yield upgrading(made)


def test_deploying_the_network_leaves_the_version_that_was_built(world: World) -> None:
    built = record(world).built
    assert built is not None
    assert built["kubernetes"]["version"] == "1.36"


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
