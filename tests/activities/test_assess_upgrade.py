"""assess_upgrade: whether the cluster may be upgraded, and what refuses it."""

from collections.abc import Iterator

import pytest

from cluster.contracts import ASSESS_UPGRADE, BEGIN_UPGRADE
from cluster.record import Access
from lab.simulation.run import Scenario, simulation
from tests.activities.upgraded import PLANE, WORKERS, kubernetes, upgrading
from tests.activities.world import World


@pytest.fixture
def world() -> Iterator[World]:
    """A cluster of 1.36.2, and a claimed and planned upgrade to 1.36.3."""
    with simulation(Scenario(6, cluster="shop", pool="worker")) as made:
        yield upgrading(made)


@pytest.mark.parametrize("resumed", [False, True])
def test_nodes_need_not_be_ready_when_an_upgrade_goes_on(world: World, *, resumed: bool) -> None:
    if resumed:
        world.call(BEGIN_UPGRADE)
    kubernetes(world).silent = {WORKERS[1]}
    found = world.call(ASSESS_UPGRADE)
    assert found.state == ("done" if resumed else "refused")
    if not resumed:
        assert found.cause.code == "ClusterUnhealthy"
        assert f"node {WORKERS[1]} is not ready" in found.cause.message


def test_a_cluster_without_kubernetes_is_no_fault(world: World) -> None:
    kubernetes(world).installed = False
    first, again = world.twice(ASSESS_UPGRADE)
    assert (first.state, first.kubernetes, first) == ("done", False, again)


def test_a_cluster_that_lost_its_control_planes_is_repaired_before_an_upgrade(world: World) -> None:
    """Otherwise its new control plane would have the new version, and the workers never."""
    kubernetes(world).installed = False
    found, etag = world.services.store.need_record(world.cluster)
    had = found.model_copy(update={"access": Access(kubeconfig="shop-kubeconfig")})
    world.services.store.update_record(had, etag)
    refused = world.call(ASSESS_UPGRADE)
    assert (refused.state, refused.cause.code) == ("refused", "ClusterUnhealthy")


def test_an_upgrade_that_skips_a_minor_or_goes_back_is_refused(world: World) -> None:
    for served, reason in (("1.34.9", "skips a minor version"), ("1.37.0", "cannot go back")):
        kubernetes(world).versions = dict.fromkeys((PLANE, *WORKERS), served)
        refused = world.call(ASSESS_UPGRADE)
        assert (refused.state, refused.cause.code) == ("refused", "UpgradeRefused")
        assert f"the cluster runs v{served}" in refused.cause.message
        assert reason in refused.cause.message


@pytest.mark.parametrize("version", ["1.34.7", "1.37.0"])
def test_nodes_from_which_the_upgrade_cannot_begin_are_named(world: World, version: str) -> None:
    kubernetes(world).versions = {WORKERS[1]: version}
    refused = world.call(ASSESS_UPGRADE)
    assert (refused.state, refused.cause.code) == ("refused", "UpgradeRefused")
    assert f"{WORKERS[1]} has v{version}" in refused.cause.message
    world.call(BEGIN_UPGRADE)
    assert world.call(ASSESS_UPGRADE).state == "done"


def test_an_upgrade_that_a_lost_record_began_goes_on(world: World) -> None:
    """Without the mark: the record was made anew, and some nodes have the minor before."""
    kubernetes(world).versions = dict.fromkeys(WORKERS, "1.35.7")
    found = world.call(ASSESS_UPGRADE)
    assert (found.state, found.resumed) == ("done", False)


def test_an_api_that_clients_request_is_refused_if_the_wanted_version_lacks_it(
    world: World,
) -> None:
    kubernetes(world).requested = {"old.example/v1": "1.36", "later.example/v1": "1.37"}
    refused = world.call(ASSESS_UPGRADE)
    assert (refused.state, refused.cause.code) == ("refused", "RemovedApis")
    assert "old.example/v1 (removed in 1.36)" in refused.cause.message
    assert "later.example" not in refused.cause.message
