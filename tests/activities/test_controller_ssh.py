"""Pinned host keys: a node without a stored one is refused by name, before anything is sent."""

from typing import Any, cast

import pytest

from activities.controller_ssh import Controller, controller
from activities.registration import NEXT
from clients.errors import Refused
from cluster.contracts import POLL_DEPLOYMENTS, START_DEPLOYMENT, START_PLAY
from tests.activities.world import World


def forget_key(world: World, node: str) -> None:
    store = world.services.store
    keys = store.public_keys(world.cluster)
    del keys[node]
    store.save_public_keys(world.cluster, keys)


def test_known_hosts_names_every_node_with_its_key(world: World) -> None:
    plan = world.planned()
    keys = world.services.store.public_keys(world.cluster)
    lines = Controller(cast(Any, None), plan, keys).known_hosts.splitlines()
    assert lines == [f"{slot.name},{slot.address} {keys[slot.name]}" for slot in plan.nodes]


def test_known_hosts_and_commands_refuse_a_node_without_a_stored_key(world: World) -> None:
    plan = world.planned()
    lost = plan.nodes[-1]
    forget_key(world, lost.name)
    keys = world.services.store.public_keys(world.cluster)
    connection = Controller(cast(Any, None), plan, keys)
    for use in (lambda: connection.known_hosts, lambda: connection.run_on(lost, ["true"])):
        with pytest.raises(Refused, match=lost.name) as refused:
            use()
        assert (refused.value.code, refused.value.place) == ("BadHostKey", lost.name)


def test_a_controller_without_a_stored_key_is_not_connected_to(world: World) -> None:
    plan = world.deployed()
    forget_key(world, plan.controller.name)
    with pytest.raises(Refused, match="BadHostKey"), controller(plan):
        pytest.fail("connected")


def test_a_play_without_a_nodes_key_is_refused_with_the_next_step(world: World) -> None:
    plan = world.deployed()
    world.later(1000.0)
    lost = plan.nodes[-1].name
    forget_key(world, lost)
    answer = world.call(START_PLAY, attempt=1)
    assert answer.state == "refused"
    assert (answer.cause.code, answer.cause.place) == ("BadHostKey", lost)
    assert answer.cause.next_step == NEXT["BadHostKey"]


def test_no_machine_is_deployed_without_its_host_key(world: World) -> None:
    plan = world.planned()
    deployment = next(one for one in plan.deployments if one.nodes)
    forget_key(world, deployment.nodes[0])
    answer = world.call(START_DEPLOYMENT, part=deployment.part)
    assert (answer.state, answer.cause.code) == ("refused", "BadHostKey")
    assert not world.call(POLL_DEPLOYMENTS, parts=[deployment.part]).finished
