"""plan_turn: each turn is planned once, from what exists when it begins."""

from collections.abc import Iterator

import pytest

from cluster.contracts import PLAN_TURN, RELEASE_MEMBERS
from cluster.turns import SURVEY
from lab.simulation.run import simulation
from tests.activities.replacing import BIG, leaving, record, replacing, resizing, survey, turn
from tests.activities.world import World

ETCD = [f"shop-etcd-{n}" for n in range(3)]
WORKERS = [f"shop-worker-{n}" for n in range(5)]


@pytest.fixture
def members() -> Iterator[World]:
    """All of etcd's members are to be replaced."""
    with simulation(BIG) as made:
        yield resizing(made, "etcd")


@pytest.fixture
def pool() -> Iterator[World]:
    """All workers are to be replaced."""
    with simulation(BIG) as made:
        yield resizing(made, "worker")


def test_the_survey_removes_nothing_and_leaves_the_records_nodes_as_they_are(
    members: World,
) -> None:
    slots, machines = record(members).slots, dict(members.services.cloud.machines)
    first, again = members.twice(PLAN_TURN, turn=SURVEY)
    assert first == again
    assert (first.state, first.turn, first.leaving, first.outdated) == ("done", SURVEY, 0, 3)
    assert (first.names, first.members) == ((), False)
    # What any turn needs is checked before anything is touched.
    assert {"network", "etcd-0"} <= {part.part for part in first.parts}
    assert record(members).slots == slots
    assert members.services.cloud.machines == machines


def test_a_turn_takes_one_member_and_a_repeat_returns_its_plan(members: World) -> None:
    survey(members)
    first, again = members.twice(PLAN_TURN, turn=1)
    assert first == again
    assert (first.turn, first.names, first.members) == (1, (ETCD[0],), True)
    assert (first.leaving, first.rebuilt, first.outdated) == (1, 1, 3)
    assert [part.part for part in first.parts] == ["etcd-0-t1"]
    # It is marked only when it leaves etcd: until then the run may be given up.
    assert not any(slot.leaving for slot in record(members).slots)


def test_a_repeat_keeps_the_plan_whatever_happened_since(members: World) -> None:
    survey(members)
    first = turn(members, 1)
    assert members.call(RELEASE_MEMBERS).state == "done"
    del members.services.cloud.machines[ETCD[0]]
    assert turn(members, 1) == first
    assert members.services.store.emptied_nodes(members.ref) == {ETCD[0]}


def test_the_next_turn_takes_the_next_member_and_forgets_what_the_last_one_emptied(
    members: World,
) -> None:
    store = members.services.store
    survey(members)
    turn(members, 1)
    store.add_emptied_nodes(members.ref, [ETCD[0]])
    store.add_node_states(members.ref, dict.fromkeys(ETCD, "ready"))
    second, again = members.twice(PLAN_TURN, turn=2)
    assert second == again
    assert (second.names, second.outdated) == ((ETCD[1],), 2)
    assert members.plan.settled == (ETCD[0],)
    assert store.emptied_nodes(members.ref) == set()
    assert set(store.node_states(members.ref)) == {ETCD[0], ETCD[2]}


def test_a_late_repeat_of_an_earlier_turn_changes_nothing(members: World) -> None:
    survey(members)
    for number in (1, 2):
        turn(members, number)
    kept = dict(members.services.store.blobs.content)
    late = turn(members, 1)
    assert (late.turn, late.names, late.parts) == (2, (), ())
    assert members.services.store.blobs.content == kept


def test_no_member_leaves_while_the_machine_of_another_is_missing(members: World) -> None:
    survey(members)
    del members.services.cloud.machines["shop-control-plane-1"]
    first = turn(members, 1)
    assert (first.leaving, members.plan.missing) == (0, ("shop-control-plane-1",))


def test_a_named_worker_leaves_also_if_an_earlier_turn_created_its_machine_again(
    members: World,
) -> None:
    """While members are replaced, no worker leaves, and one without a machine gets it back."""
    store = members.services.store
    found, etag = store.need_record(members.ref.cluster)
    assert found.operation is not None
    fewer = {"workers": [{**found.spec["workers"][0], "count": 4}]}
    removing = found.operation.model_copy(update={"removes": WORKERS[0]})
    store.update_record(
        found.model_copy(update={"spec": found.spec | fewer, "operation": removing}), etag
    )
    survey(members)
    machine = members.services.cloud.machines.pop(WORKERS[0])
    assert turn(members, 1).names == (ETCD[0],)
    assert WORKERS[0] in members.plan.missing
    members.services.cloud.machines[WORKERS[0]] = machine
    assert [turn(members, number).names for number in (2, 3)] == [(ETCD[1],), (ETCD[2],)]
    assert turn(members, 4).names == (WORKERS[0],)


def test_workers_leave_after_the_ones_that_come_in_their_turn(pool: World) -> None:
    assert survey(pool).outdated == 5
    first = turn(pool, 1)
    assert (first.rebuilt, first.members, first.names) == (0, False, (WORKERS[0],))
    assert pool.plan.missing == ("shop-worker-5",)
    assert {slot.name: slot.leaving for slot in record(pool).slots}[WORKERS[0]]


@pytest.mark.parametrize("node", [WORKERS[3], "shop-control-plane-2", ETCD[1]])
def test_a_named_node_comes_back_under_its_name_and_the_next_turn_replaces_nothing(
    node: str,
) -> None:
    with simulation(BIG) as made:
        world = replacing(made, node)
        survey(world)
        first = turn(world, 1)
        assert (first.names, first.rebuilt, first.outdated) == ((node,), 1, 1)
        assert world.plan.missing == (node,)
        second = turn(world, 2)
        assert (second.outdated, leaving(world), world.plan.missing) == (0, [], ())


def test_a_spec_that_ends_at_a_stage_of_a_newer_version_is_refused(members: World) -> None:
    found, etag = members.services.store.need_record("shop")
    spec = found.spec | {"playbook": {"through": "later-stage"}}
    members.services.store.save_record(found.model_copy(update={"spec": spec}), etag)
    refused = turn(members, SURVEY)
    assert (refused.state, refused.cause.code) == ("refused", "UnreadableDocument")
    assert members.services.store.plan(members.ref) is None
