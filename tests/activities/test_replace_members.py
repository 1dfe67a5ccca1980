"""check_members and release_members: what the members that stay say, and what a repeat does."""

from collections.abc import Iterator
from typing import Any

import pytest

from clients.errors import Transient
from clients.ssh.controller import Completed
from cluster.contracts import CHECK_MEMBERS, RELEASE_MEMBERS
from cluster.on_node import program
from lab.simulation.connections import Node
from lab.simulation.run import simulation
from tests.activities.replacing import BIG, SMALL, record, replacing, survey, turn
from tests.activities.world import World

FIRST, SECOND, THIRD = (f"shop-etcd-{n}" for n in range(3))
PLANES = [f"shop-control-plane-{n}" for n in range(3)]
NOT_READY = "connection refused"


def planned(made: Any, node: str) -> World:
    """The turn that replaces the node is planned."""
    world = replacing(made, node)
    survey(world)
    assert turn(world, 1).names == (node,)
    return world


@pytest.fixture
def member() -> Iterator[World]:
    """etcd's first member is replaced."""
    with simulation(BIG) as made:
        yield planned(made, FIRST)


@pytest.fixture
def plane() -> Iterator[World]:
    """The first control plane is replaced."""
    with simulation(BIG) as made:
        yield planned(made, PLANES[0])


def etcd(world: World) -> Any:
    return world.simulation.fleet.etcd


def unwell(world: World) -> dict[str, str]:
    return world.simulation.fleet.unwell


def marked(world: World) -> list[str]:
    return [slot.name for slot in record(world).slots if slot.leaving]


def emptied(world: World) -> set[str]:
    return world.services.store.emptied_nodes(world.ref)


def test_looking_changes_nothing(member: World) -> None:
    before = dict(member.services.store.blobs.content)
    first, again = member.twice(CHECK_MEMBERS)
    assert (first.state, again.state, etcd(member).removed) == ("done", "done", [])
    assert member.services.store.blobs.content == before


def test_a_member_leaves_etcd_once_and_a_repeat_does_not_touch_the_new_one(member: World) -> None:
    assert member.call(RELEASE_MEMBERS).state == "done"
    (peer,) = etcd(member).removed
    assert (marked(member), emptied(member)) == ([FIRST], {FIRST})
    etcd(member).removed.clear()  # a member of that name and address has joined
    assert member.call(RELEASE_MEMBERS).state == "done"
    assert peer == member.simulation.fleet.peers[FIRST]
    assert etcd(member).removed == []


def test_a_removal_whose_answer_was_lost_is_found_done(
    member: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Node.run

    def lost(node: Node, argv: list[str], *given: Any, **named: Any) -> Completed:
        done = run(node, argv, *given, **named)
        return Completed(0, done.stdout[:9], b"") if program("members") in argv else done

    with monkeypatch.context() as patched:
        patched.setattr(Node, "run", lost)
        waiting = member.call(RELEASE_MEMBERS)
        assert waiting.state == "wait"
        assert f"the answer of {SECOND} was cut off" in waiting.notes[0]
    # Whatever happens now, a later run has to replace it.
    assert (marked(member), emptied(member)) == ([FIRST], set())
    assert member.call(RELEASE_MEMBERS).state == "done"
    assert (len(etcd(member).removed), emptied(member)) == (1, {FIRST})


@pytest.mark.parametrize("activity", [CHECK_MEMBERS, RELEASE_MEMBERS], ids=lambda a: a.name)
def test_without_a_majority_of_the_others_the_member_stays(member: World, activity: Any) -> None:
    etcd(member).unhealthy = {THIRD: "no leader"}
    first, again = member.twice(activity)
    assert (first.state, again.state) == ("refused", "refused")
    assert (first.cause.code, first.cause.place) == ("QuorumAtRisk", FIRST)
    assert "1 of the 2 other members are healthy, 2 have to be" in first.cause.message
    assert f"{THIRD}: no leader" in first.cause.message
    assert (etcd(member).removed, emptied(member)) == ([], set())


@pytest.mark.parametrize("activity", [CHECK_MEMBERS, RELEASE_MEMBERS], ids=lambda a: a.name)
def test_a_dead_member_may_leave_while_the_others_have_a_majority(
    member: World, activity: Any
) -> None:
    etcd(member).unhealthy = {FIRST: "data lost"}
    del member.services.cloud.machines[FIRST]
    assert member.call(activity).state == "done"


@pytest.mark.parametrize("activity", [CHECK_MEMBERS, RELEASE_MEMBERS], ids=lambda a: a.name)
def test_one_of_the_others_that_answers_is_enough_and_none_is_waited_for(
    member: World, monkeypatch: pytest.MonkeyPatch, activity: Any
) -> None:
    silent, run = {SECOND, THIRD}, Node.run

    def away(node: Node, *given: Any, **named: Any) -> Completed:
        if node.name in silent:
            raise Transient("no route to host")
        return run(node, *given, **named)

    monkeypatch.setattr(Node, "run", away)
    waiting = member.call(activity)
    assert (waiting.state, etcd(member).removed) == ("wait", [])
    assert all(f"{name}: no route to host" in waiting.notes[0] for name in silent)
    silent.discard(THIRD)
    assert member.call(activity).state == "done"


def test_a_control_plane_does_not_leave_etcd(plane: World) -> None:
    first, again = plane.twice(CHECK_MEMBERS)
    assert (first.state, again.state) == ("done", "done")
    assert plane.call(RELEASE_MEMBERS).state == "done"
    assert (etcd(plane).removed, emptied(plane), marked(plane)) == ([], set(), [PLANES[0]])


def test_a_control_plane_stays_if_no_other_serves_the_api(plane: World) -> None:
    unwell(plane).update(dict.fromkeys(PLANES[1:], NOT_READY))
    refused = plane.call(CHECK_MEMBERS)
    assert (refused.state, refused.cause.code) == ("refused", "QuorumAtRisk")
    assert "no other control plane's API server is ready" in refused.cause.message
    assert f"{PLANES[1]}: {NOT_READY}" in refused.cause.message
    assert PLANES[2] in refused.cause.message


def test_of_two_control_planes_the_one_that_is_not_ready_goes_first(plane: World) -> None:
    unwell(plane)[PLANES[1]] = NOT_READY
    refused = plane.call(CHECK_MEMBERS)
    assert (refused.cause.code, refused.cause.place) == ("QuorumAtRisk", PLANES[0])
    assert "replace that one first" in refused.cause.message
    unwell(plane)[PLANES[0]] = NOT_READY
    assert plane.call(CHECK_MEMBERS).state == "done"


def test_the_only_control_plane_cannot_be_replaced() -> None:
    with simulation(SMALL) as made:
        refused = planned(made, PLANES[0]).call(CHECK_MEMBERS)
        assert (refused.cause.code, refused.cause.place) == ("QuorumAtRisk", PLANES[0])
        assert "the only member of its tier" in refused.cause.message


def test_control_planes_without_kubernetes_may_go(plane: World) -> None:
    plane.simulation.fleet.kubernetes.installed = False
    assert plane.call(CHECK_MEMBERS).state == "done"
