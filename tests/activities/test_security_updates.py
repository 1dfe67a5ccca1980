"""find_updates and install_updates, twice and late."""

from collections.abc import Iterator

import pytest

from activities import security_updates
from cluster.contracts import FIND_UPDATES, INSTALL_UPDATES
from lab.simulation.kubernetes import FIRST_BOOT
from lab.simulation.updates import INSTALL_SECONDS
from tests.activities.updating import ETCD, KERNEL, PLANES, WORKER, fleet, need, planned_maintenance
from tests.activities.world import World


@pytest.fixture
def world() -> Iterator[World]:
    with planned_maintenance() as planned:
        yield planned


def test_machines_are_asked_in_parts_etcd_and_control_planes_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security_updates, "ASKED", 5)
    need(world, WORKER, PLANES[1], ETCD)
    first, again = world.twice(FIND_UPDATES)
    assert first == again
    assert (first.nodes, first.next, first.silent) == ((ETCD, PLANES[1]), 5, 0)
    rest = world.call(FIND_UPDATES, start=5)
    assert (rest.nodes, rest.next) == ((WORKER,), 0)


def test_a_node_that_was_left_unschedulable_is_found(world: World) -> None:
    fleet(world).kubernetes.cordoned = {WORKER}
    assert world.call(FIND_UPDATES).nodes == (WORKER,)


def test_a_machine_that_cannot_say_is_counted(world: World) -> None:
    fleet(world).unwell = {WORKER: "E: lists are missing"}
    found = world.call(FIND_UPDATES)
    assert (found.nodes, found.silent) == ((), 1)


def test_an_installation_is_waited_for_and_says_whether_a_restart_is_due(world: World) -> None:
    need(world, WORKER)
    first, again = world.twice(INSTALL_UPDATES, node=WORKER)
    assert (first.state, again.state) == ("wait", "wait")
    world.later(INSTALL_SECONDS + 1.0)
    done, again = world.twice(INSTALL_UPDATES, node=WORKER)
    assert done == again
    assert (done.state, done.failed) == ("done", "")
    assert (done.restart, done.boot) == (KERNEL, FIRST_BOOT)
