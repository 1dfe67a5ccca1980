"""delete_machines: only what belongs to emptied nodes, and only what is the cluster's."""

from collections.abc import Iterator

import pytest

from clients.azure.arm import Resource
from clients.errors import Transient
from cluster.contracts import DELETE_MACHINES
from cluster.ownership import Owner
from lab.simulation.run import Scenario, simulation
from tests.activities.shrunk import GOING, shrunk
from tests.activities.world import World

DISK, SET = "Microsoft.Compute/disks", "Microsoft.Compute/availabilitySets"


@pytest.fixture
def leaving() -> Iterator[World]:
    with simulation(Scenario(8, cluster="shop", pool="worker")) as made:
        yield shrunk(made)


def machines(world: World) -> set[str]:
    return {name for name in world.services.cloud.machines if "worker" in name}


def ours(world: World) -> dict[str, str]:
    return Owner("shop", world.plan.uid, world.services.settings.installation).tags


def put(world: World, name: str, tags: dict[str, str], kind: str = DISK) -> None:
    """Puts a resource there, which a deletion removes."""
    others = world.services.cloud.others
    others.append(Resource(f"/others/{name}", kind, name, tags))
    original = world.services.resources.begin_delete

    def delete(resource_id: str, api_version: str | None = None) -> None:
        original(resource_id, api_version)
        others[:] = [one for one in others if one.id != resource_id]

    world.services.resources.begin_delete = delete


def emptied(world: World, *nodes: str) -> None:
    world.services.store.add_emptied_nodes(world.ref, nodes)


def finish(world: World) -> None:
    for _ in range(10):
        if world.call(DELETE_MACHINES).state == "done":
            return
    raise AssertionError("not done")


def test_the_machines_of_emptied_nodes_go_and_all_others_stay(leaving: World) -> None:
    emptied(leaving, min(GOING))
    finish(leaving)
    assert machines(leaving) == {"shop-worker-0", "shop-worker-1", max(GOING)}
    finish(leaving)
    assert machines(leaving) == {"shop-worker-0", "shop-worker-1", max(GOING)}


def test_nothing_is_deleted_before_a_node_is_empty(leaving: World) -> None:
    assert leaving.call(DELETE_MACHINES).state == "done"
    assert machines(leaving) >= GOING


def test_what_a_machine_leaves_behind_goes_too(leaving: World) -> None:
    put(leaving, f"{min(GOING)}-os", ours(leaving))
    put(leaving, "shop-worker-0-os", ours(leaving))
    emptied(leaving, min(GOING))
    finish(leaving)
    assert [one.name for one in leaving.services.cloud.others] == ["shop-worker-0-os"]


def test_a_disk_that_lost_its_tags_with_its_machine_is_known_by_its_id(leaving: World) -> None:
    name = f"{min(GOING)}-os"
    put(leaving, name, ours(leaving))
    emptied(leaving, min(GOING))
    assert leaving.call(DELETE_MACHINES).state == "wait"
    (seen,) = leaving.services.cloud.others
    leaving.services.cloud.others[:] = [Resource(seen.id, seen.type, seen.name, {})]
    finish(leaving)
    assert leaving.services.cloud.others == []


@pytest.mark.parametrize("tags", [{}, {"slipway-cluster": "shop"}, {"team": "a"}])
def test_a_resource_of_somebody_else_is_not_deleted_but_named(
    leaving: World, tags: dict[str, str]
) -> None:
    name = f"{min(GOING)}-nic"
    put(leaving, name, tags, "Microsoft.Network/networkInterfaces")
    emptied(leaving, min(GOING))
    result = leaving.call(DELETE_MACHINES)
    assert (result.cause.code, result.cause.place) == ("ResourceOwnedByAnother", name)
    assert machines(leaving) >= GOING


def test_a_deletion_that_goes_on_is_not_requested_again(leaving: World) -> None:
    asked: list[str] = []
    leaving.services.resources.begin_delete = lambda one, _=None: asked.append(one)
    emptied(leaving, *GOING)
    first, again = leaving.twice(DELETE_MACHINES)
    assert (first.state, again.state) == ("wait", "wait")
    assert sorted(asked) == [f"/machines/{name}" for name in sorted(GOING)]


def test_many_deletions_are_requested_over_several_executions(
    leaving: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.deletion_requests.REQUESTS_AT_ONCE", 1)
    asked: list[str] = []
    leaving.services.resources.begin_delete = lambda one, _=None: asked.append(one)
    emptied(leaving, *GOING)
    for _ in range(3):
        assert leaving.call(DELETE_MACHINES).state == "wait"
    assert sorted(asked) == [f"/machines/{name}" for name in sorted(GOING)]


def test_a_request_that_fails_does_not_repeat_those_before_it(leaving: World) -> None:
    asked: list[str] = []

    def delete(one: str, _: str | None = None) -> None:
        asked.append(one)
        if len(asked) == 2:
            raise Transient("ARM: too many requests", 5.0)

    leaving.services.resources.begin_delete = delete
    emptied(leaving, *GOING)
    leaving.twice(DELETE_MACHINES)
    assert (len(asked), len(set(asked))) == (3, 2)


def test_the_availability_set_goes_with_the_last_node_of_a_pool_that_is_left_out() -> None:
    with simulation(Scenario(8, cluster="shop", pool="worker")) as made:
        world = shrunk(made, workers=[])
        name = "shop-worker-avset"
        put(world, name, ours(world), SET)
        every = [slot.name for slot in world.plan.leaving]
        emptied(world, *every[1:])
        finish(world)
        assert [one.name for one in world.services.cloud.others] == [name]
        emptied(world, *every)
        finish(world)
        assert (world.services.cloud.others, machines(world)) == ([], set())
