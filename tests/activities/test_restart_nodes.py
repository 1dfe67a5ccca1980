"""vacate_node and restart_node, twice and late."""

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.contracts import RESTART_NODE, VACATE_NODE
from lab.simulation.kubernetes import FIRST_BOOT
from lab.simulation.updates import RESTART_SECONDS
from tests.activities.updating import ETCD, PLANES, WORKER, fleet, need, planned_maintenance
from tests.activities.world import World


@pytest.fixture
def world() -> Iterator[World]:
    with planned_maintenance() as planned:
        yield planned


def restarted(world: World, name: str) -> Any:
    """Restarts the machine and returns the result of the execution that found it well."""
    assert world.call(RESTART_NODE, node=name, boot=FIRST_BOOT).state == "wait"
    world.later(RESTART_SECONDS + 1.0)
    return world.call(RESTART_NODE, node=name, boot=FIRST_BOOT)


def test_a_machine_restarts_once_whatever_is_repeated(world: World) -> None:
    need(world, WORKER)
    fleet(world).updates.packages.clear()
    world.call(VACATE_NODE, node=WORKER, boot=FIRST_BOOT)
    assert fleet(world).kubernetes.cordoned == {WORKER}
    assert restarted(world, WORKER).state == "done"
    assert fleet(world).kubernetes.cordoned == set()
    late = world.call(VACATE_NODE, node=WORKER, boot=FIRST_BOOT)
    assert (late.state, fleet(world).kubernetes.cordoned) == ("done", set())
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
    assert world.call(RESTART_NODE, node=ETCD, boot=FIRST_BOOT).state == "wait"
    world.later(RESTART_SECONDS + 1.0)
    fleet(world).etcd.unseen = {ETCD: "catching up"}
    waiting = world.call(RESTART_NODE, node=ETCD, boot=FIRST_BOOT)
    assert waiting.notes == (f"etcd on {ETCD}: {ETCD}: catching up",)
    fleet(world).etcd.unseen = {}
    assert world.call(RESTART_NODE, node=ETCD, boot=FIRST_BOOT).state == "done"


def test_a_member_of_etcd_is_not_restarted_while_another_one_is_away_by_then(
    world: World,
) -> None:
    assert world.call(VACATE_NODE, node=ETCD, boot=FIRST_BOOT).state == "done"
    fleet(world).etcd.unseen = {"shop-etcd-2": "no leader"}
    held = world.call(RESTART_NODE, node=ETCD, boot=FIRST_BOOT)
    assert (held.state, held.held) == ("done", f"etcd on {ETCD}: shop-etcd-2: no leader")
    assert fleet(world).updates.restarted == []
    fleet(world).etcd.unseen = {}
    assert (restarted(world, ETCD).state, fleet(world).updates.restarted) == ("done", [ETCD])


def test_a_member_that_is_shutting_down_is_waited_for(world: World) -> None:
    """Its etcd has ended. That is not why the others could not do without it."""
    fleet(world).updates.stopping = {ETCD}
    fleet(world).etcd.unseen = {ETCD: "connection refused"}
    waiting = world.call(RESTART_NODE, node=ETCD, boot=FIRST_BOOT)
    assert (waiting.state, waiting.notes) == ("wait", (f"{ETCD} restarts",))


def test_a_control_plane_is_not_restarted_while_another_one_is_away_by_then(world: World) -> None:
    world.call(VACATE_NODE, node=PLANES[0], boot=FIRST_BOOT)
    fleet(world).unwell = {PLANES[2]: "connection refused"}
    held = world.call(RESTART_NODE, node=PLANES[0], boot=FIRST_BOOT)
    assert f"{PLANES[2]}: connection refused" in held.held
    assert fleet(world).updates.restarted == []
    assert fleet(world).kubernetes.cordoned == {PLANES[0]}
    fleet(world).unwell = {}
    assert restarted(world, PLANES[0]).state == "done"


def test_a_control_plane_that_has_been_restarted_does_not_wait_for_the_others(
    world: World,
) -> None:
    restarted(world, PLANES[0])
    fleet(world).unwell = {PLANES[2]: "connection refused"}
    late = world.call(RESTART_NODE, node=PLANES[0], boot=FIRST_BOOT)
    assert (late.state, late.held) == ("done", "")


def test_a_node_that_restarts_by_itself_is_not_emptied_any_more_and_is_returned(
    world: World,
) -> None:
    """For example because its kernel panicked, or because somebody restarted it."""
    assert world.call(VACATE_NODE, node=WORKER, boot=FIRST_BOOT).state == "wait"
    fleet(world).updates.boots[WORKER] = "boot-of-its-own"
    vacated = world.call(VACATE_NODE, node=WORKER, boot=FIRST_BOOT)
    assert (vacated.state, vacated.looked, vacated.blocked) == ("done", True, ())
    assert fleet(world).kubernetes.cordoned == {WORKER}
    assert world.call(RESTART_NODE, node=WORKER, boot=FIRST_BOOT).state == "done"
    assert (fleet(world).updates.restarted, fleet(world).kubernetes.cordoned) == ([], set())


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
