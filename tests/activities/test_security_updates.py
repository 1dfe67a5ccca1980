"""find_updates, install_updates, vacate_node and restart_node, twice and late."""

from collections.abc import Iterator
from typing import Any

import pytest

from activities import security_updates
from cluster.contracts import (
    FIND_UPDATES,
    INSTALL_UPDATES,
    PLAN_MAINTENANCE,
    RESTART_NODE,
    VACATE_NODE,
)
from lab.simulation.kubernetes import FIRST_BOOT
from lab.simulation.run import Scenario, simulation
from lab.simulation.updates import INSTALL_SECONDS, RESTART_SECONDS
from tests.activities.backed_up import launched
from tests.activities.world import World

PLANES = tuple(f"shop-control-plane-{index}" for index in range(3))
ETCD, WORKER = "shop-etcd-1", "shop-worker-0"
KERNEL = "it runs the kernel 6.12.1, and 6.12.2 is installed"


@pytest.fixture
def world() -> Iterator[World]:
    """A planned maintenance of a cluster of eight nodes."""
    spec = {"maintenance": {"securityUpdates": True}, "controlPlane": {"count": 3}}
    with simulation(Scenario(8, cluster="shop", pool="worker", spec=spec)) as made:
        ready = launched(made)
        made.maintain()
        ready.generation += 1
        ready.call(PLAN_MAINTENANCE)
        yield ready


def fleet(world: World) -> Any:
    return world.simulation.fleet


def need(world: World, *names: str) -> None:
    fleet(world).updates.packages |= {name: ["openssl"] for name in names}
    fleet(world).updates.kernels |= dict.fromkeys(names, KERNEL)


def restarted(world: World, name: str) -> Any:
    """Restarts the machine and returns the result of the execution that found it well."""
    assert world.call(RESTART_NODE, node=name, boot=FIRST_BOOT).state == "wait"
    world.later(RESTART_SECONDS + 1.0)
    return world.call(RESTART_NODE, node=name, boot=FIRST_BOOT)


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


def test_a_machine_restarts_once_whatever_is_repeated(world: World) -> None:
    need(world, WORKER)
    fleet(world).updates.packages.clear()
    world.call(VACATE_NODE, node=WORKER, boot=FIRST_BOOT)
    assert fleet(world).kubernetes.cordoned == {WORKER}
    assert restarted(world, WORKER).state == "done"
    assert fleet(world).kubernetes.cordoned == set()
    late = world.call(VACATE_NODE, node=WORKER, boot=FIRST_BOOT)
    assert (late.state, fleet(world).kubernetes.cordoned) == ("wait", set())
    assert world.call(RESTART_NODE, node=WORKER, boot=FIRST_BOOT).state == "done"
    assert fleet(world).updates.restarted == [WORKER]


def test_a_node_is_not_returned_before_its_kubelet_reports_the_new_boot(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Kubernetes has of it until then is what it was before the restart."""
    world.call(VACATE_NODE, node=WORKER, boot=FIRST_BOOT)
    kubernetes = fleet(world).kubernetes
    monkeypatch.setattr(kubernetes, "boot_of", lambda _: FIRST_BOOT)
    waiting = restarted(world, WORKER)
    assert (waiting.state, kubernetes.cordoned) == ("wait", {WORKER})
    assert "it is not ready since its restart" in waiting.notes[0]
    monkeypatch.setattr(kubernetes, "boot_of", fleet(world).updates.boot_of)
    kubernetes.silent = {WORKER}
    assert world.call(RESTART_NODE, node=WORKER, boot=FIRST_BOOT).state == "wait"
    kubernetes.silent = set()
    assert world.call(RESTART_NODE, node=WORKER, boot=FIRST_BOOT).state == "done"


def test_a_control_plane_waits_for_the_others_api_servers(world: World) -> None:
    fleet(world).unwell = {PLANES[2]: "connection refused"}
    waiting = world.call(VACATE_NODE, node=PLANES[0], boot=FIRST_BOOT)
    assert (waiting.state, fleet(world).kubernetes.cordoned) == ("wait", set())
    assert f"{PLANES[2]}: connection refused" in waiting.notes[0]
    fleet(world).unwell = {}
    world.call(VACATE_NODE, node=PLANES[0], boot=FIRST_BOOT)
    assert fleet(world).kubernetes.cordoned == {PLANES[0]}


def test_a_member_of_etcd_waits_for_the_others_before_and_after_its_restart(world: World) -> None:
    fleet(world).etcd.unseen = {"shop-etcd-2": "no leader"}
    waiting = world.call(VACATE_NODE, node=ETCD, boot=FIRST_BOOT)
    assert (waiting.state, waiting.notes) == ("wait", (f"etcd on {ETCD}: shop-etcd-2: no leader",))
    fleet(world).etcd.unseen = {}
    assert world.call(VACATE_NODE, node=ETCD, boot=FIRST_BOOT).state == "done"
    assert fleet(world).kubernetes.cordoned == set()
    fleet(world).etcd.unseen = {ETCD: "catching up"}
    assert restarted(world, ETCD).notes == (f"etcd on {ETCD}: {ETCD}: catching up",)
    fleet(world).etcd.unseen = {}
    assert world.call(RESTART_NODE, node=ETCD, boot=FIRST_BOOT).state == "done"


def test_leaving_a_node_restarts_nothing(world: World) -> None:
    world.call(VACATE_NODE, node=WORKER, boot=FIRST_BOOT)
    first, again = world.twice(RESTART_NODE, node=WORKER, boot=FIRST_BOOT, step="leave")
    assert (first.state, again.state) == ("done", "done")
    assert (fleet(world).updates.restarted, fleet(world).kubernetes.cordoned) == ([], set())


@pytest.mark.parametrize("asked", [False, True])
def test_only_the_specs_force_evicts_and_nothing_is_deleted_against_a_budget(
    world: World, monkeypatch: pytest.MonkeyPatch, asked: bool
) -> None:
    """An earlier request of somebody may have had a force of its own."""
    store, plan = world.services.store, world.plan
    drain = plan.spec.drain.model_copy(update={"force": asked})
    spec = plan.spec.model_copy(update={"drain": drain})
    changed = plan.model_copy(update={"force": not asked, "spec": spec})
    monkeypatch.setattr(store, "need_plan", lambda _: changed)
    kubernetes, requests = fleet(world).kubernetes, list[Any]()
    answer = kubernetes.answer

    def recorded(request: Any) -> Any:
        requests.append(request)
        return answer(request)

    monkeypatch.setattr(kubernetes, "answer", recorded)
    world.call(VACATE_NODE, node=WORKER, boot=FIRST_BOOT)
    assert [(one["force"], one["delete"]) for one in requests] == [(asked, False)]
