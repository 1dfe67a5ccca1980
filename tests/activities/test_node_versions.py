"""The versions of the nodes in the record: from a verification, and during an upgrade."""

from collections.abc import Iterator
from typing import Any

import pytest

from activities.node_versions import keep_versions, versions_of
from clients.errors import Transient
from cluster.contracts import (
    ASSESS_UPGRADE,
    NEXT_UPGRADE,
    RETURN_NODE,
    VERIFY_CLUSTER,
    Check,
)
from lab.simulation.run import Scenario, simulation
from tests.activities.upgraded import PLANE, WORKERS, kubernetes, record, upgrading
from tests.activities.world import World
from tests.playbooks.test_node_programs import Api, program

NODES = (PLANE, *WORKERS)


@pytest.fixture
def world() -> Iterator[World]:
    """A cluster of 1.36.2, and a claimed and planned upgrade to 1.36.3."""
    with simulation(Scenario(6, cluster="shop", pool="worker")) as made:
        yield upgrading(made)


def test_a_verification_keeps_what_it_has_seen_and_a_second_one_writes_nothing(
    world: World,
) -> None:
    assert record(world).kubelets == {}
    kubernetes(world).versions = {WORKERS[1]: "1.36.3"}
    world.call(VERIFY_CLUSTER)
    assert record(world).kubelets == dict.fromkeys(NODES, "1.36.2") | {WORKERS[1]: "1.36.3"}
    _, etag = world.services.store.need_record(world.cluster)
    world.call(VERIFY_CLUSTER)
    assert world.services.store.need_record(world.cluster)[1] == etag


def test_in_the_middle_of_an_upgrade_nodes_have_different_versions(world: World) -> None:
    world.call(ASSESS_UPGRADE)
    assert record(world).kubelets == dict.fromkeys(NODES, "1.36.2")
    kubernetes(world).versions = {PLANE: "1.36.3"}
    world.call(NEXT_UPGRADE, role="worker")
    assert record(world).kubelets[PLANE] == "1.36.3"
    kubernetes(world).versions |= {WORKERS[0]: "1.36.3"}
    kubernetes(world).silent = {WORKERS[0]}
    assert world.call(RETURN_NODE, node=WORKERS[0]).state == "wait"
    assert [record(world).kubelets[name] for name in WORKERS] == ["1.36.3", "1.36.2"]


def test_nodes_that_are_not_the_clusters_are_left_out(world: World) -> None:
    keep_versions(world.ref, {"by-hand": "1.36.2", PLANE: "1.36.2"})
    assert record(world).kubelets == {PLANE: "1.36.2"}
    keep_versions(world.ref, {})
    assert record(world).kubelets == {PLANE: "1.36.2"}


def test_a_record_that_changes_meanwhile_is_read_again_by_the_next_execution(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = world.services.store
    before, etag = store.need_record(world.cluster)
    store.save_record(before.model_copy(update={"updated_at": "now"}), etag)
    with monkeypatch.context() as patched:
        patched.setattr(store, "need_record", lambda _: (before, etag))
        with pytest.raises(Transient):
            keep_versions(world.ref, {PLANE: "1.36.2"})
    keep_versions(world.ref, {PLANE: "1.36.2"})
    assert (record(world).kubelets, record(world).updated_at) == ({PLANE: "1.36.2"}, "now")


@pytest.mark.parametrize(
    ("version", "ready", "message"),
    [
        ("v1.36.2", "True", ""),
        ("v1.36.2", "False", "runtime v2.1.4 has no network"),
        ("v1.37.0-rc.1", "True", ""),
    ],
)
def test_what_the_probe_says_of_a_node_is_understood(
    version: str, ready: str, message: str
) -> None:
    api: Any = Api(("a", version, ready))
    (item,) = (listed := api.get("nodes"))["items"]
    item["status"]["conditions"][0]["message"] = message
    item["status"]["conditions"].append({"type": "DiskPressure", "status": "True"})
    api.get = lambda *_: listed
    wanted = {"minor": "1.36", "nodes": {"a": "worker", "b": "worker"}}
    found = program("verify/files/probe.py")["node_checks"](api, wanted)
    checks = [Check.model_validate(one) for one in found]
    assert versions_of(checks) == {"a": version.removeprefix("v")}
