"""plan_backup: how the cluster is reached, taken from the last run that deployed its network."""

from collections.abc import Iterator

import pytest

from cluster.contracts import PLAN_BACKUP, PLAN_CLUSTER
from lab.simulation.run import Scenario, simulation
from tests.activities.backed_up import begin, end, launched
from tests.activities.world import World


@pytest.fixture
def cluster() -> Iterator[World]:
    with simulation(Scenario(8, cluster="shop", pool="worker")) as made:
        yield launched(made)


def test_the_plan_creates_and_removes_nothing_and_a_repeat_changes_nothing(cluster: World) -> None:
    before = cluster.plan
    begin(cluster)
    plan = cluster.plan
    assert (plan.slots, plan.generation, plan.network_generation) == (before.slots, 2, 1)
    assert (plan.missing, plan.deployments, plan.leaving) == ((), (), ())
    first, again = cluster.twice(PLAN_BACKUP)
    assert first == again
    assert cluster.plan == plan


def test_the_states_of_the_nodes_are_kept_however_many_backups_follow(cluster: World) -> None:
    for _ in range(12):
        begin(cluster)
        end(cluster)
    states = cluster.services.store.node_states(cluster.ref)
    assert set(states) == {slot.name for slot in cluster.plan.nodes}
    assert set(states.values()) == {"ready"}


def test_a_run_that_never_deployed_is_passed_over(cluster: World) -> None:
    cluster.simulation.apply()
    cluster.generation += 1
    cluster.call(PLAN_CLUSTER)
    end(cluster)
    begin(cluster)
    assert (cluster.plan.network_generation, cluster.ref.generation) == (1, 3)


def test_a_cluster_whose_network_is_gone_is_refused(cluster: World) -> None:
    cluster.services.cloud.deployments.clear()
    cluster.simulation.back_up()
    cluster.generation += 1
    result = cluster.call(PLAN_BACKUP)
    assert (result.state, result.cause.code) == ("refused", "DeploymentMissing")
