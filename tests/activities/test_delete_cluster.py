"""await_previous_run, delete_resources, delete_secrets: a removal ends the run before it."""

from cluster.contracts import AWAIT_PREVIOUS_RUN, DELETE_SECRETS, FINISH_RUN
from tests.activities.world import World


def test_the_run_before_is_waited_for_until_it_has_a_result(world: World) -> None:
    world.deployed()
    world.removal()
    assert world.call(AWAIT_PREVIOUS_RUN).state == "wait"
    world.call(FINISH_RUN, generation=1, result="cancelled", finished_at="2026-01-05T09:00:00Z")
    assert world.call(AWAIT_PREVIOUS_RUN).state == "done"


def test_our_own_group_goes_whole_and_a_repeat_finds_nothing(world: World) -> None:
    world.deployed()
    world.removal()
    assert world.gone()
    assert world.gone()


def test_the_clusters_secrets_go_and_those_of_others_stay(world: World) -> None:
    world.deployed()
    world.removal()
    first, second = world.twice(DELETE_SECRETS)
    assert (first.state, second.state) == ("done", "done")
    assert set(world.services.vault.secrets) == {"slack-webhook"}
    assert world.services.store.public_keys(world.cluster) == {}
