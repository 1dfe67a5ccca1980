"""Launches that add etcd members and control planes, on simulated time: the app's own orchestrator
and activities."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest

from clients.azure.compute import Usage
from cluster.contracts import FINISH_RUN, FinishInput
from cluster.faults import SpecRefusedError
from cluster.record import ClusterRecord
from cluster.roles import CONTROL_PLANE, ETCD
from cluster.spec import ClusterSpec
from cluster.spec_rules import parse_spec
from lab.simulation.run import Scenario, Simulation, simulation
from planning.dry_run import dry_run
from tests.activities.world import World
from tests.orchestrators.test_smaller_clusters import of_activities

# One control plane, three etcd members, four workers.
SMALL = Scenario(8, ready=30.0, play=5.0, tasks=12, cluster="demo", pool="worker")
NEW = {"demo-etcd-3", "demo-etcd-4", "demo-control-plane-1", "demo-control-plane-2"}


@pytest.fixture
def made() -> Iterator[Simulation]:
    """A cluster that is as asked. Its launch is not simulated, to save time."""
    with simulation(SMALL) as found:
        with patch.object(found.engine, "begin", lambda *_: None):
            found.apply()
        world = World(found)
        world.deployed()
        world.call(FINISH_RUN, result="succeeded", finished_at="2026-01-05T09:00:00Z")
        yield found


def spec_of(made: Simulation, etcd: int, control_planes: int) -> ClusterSpec:
    document = made.scenario.wanted.document()
    document["etcd"] |= {"count": etcd}
    document["controlPlane"] |= {"count": control_planes}
    return parse_spec(document)


def applied(made: Simulation, spec: ClusterSpec) -> FinishInput:
    claim = made.apply(spec)
    made.engine.finish()
    result = made.result(claim.operation.generation)
    assert result is not None
    return result


def record_of(made: Simulation) -> ClusterRecord:
    return made.services.store.need_record("demo")[0]


def machines(made: Simulation) -> dict[str, float]:
    return dict(made.services.cloud.machines)


def test_new_members_are_made_and_the_old_machines_stay(made: Simulation) -> None:
    before = machines(made)
    assert applied(made, spec_of(made, 5, 3)).result == "succeeded"
    after = machines(made)
    assert set(after) == set(before) | NEW
    assert {name: after[name] for name in before} == before
    record = record_of(made)
    assert {slot.name for slot in record.slots} == set(after)
    assert record.built is not None
    assert (record.built["etcd"]["count"], record.built["controlPlane"]["count"]) == (5, 3)


def test_the_play_of_the_new_members_concerns_all_members_and_no_worker(made: Simulation) -> None:
    assert applied(made, spec_of(made, 3, 1)).result == "succeeded"  # its fingerprints are kept
    shown = dry_run(spec_of(made, 5, 3))
    stages = {one.stage: set(one.nodes) for one in shown.play}
    members = {node.name for node in shown.nodes if node.role == ETCD}
    control_planes = {node.name for node in shown.nodes if node.role == CONTROL_PLANE}
    assert stages["etcd"] == members
    assert stages["control-plane"] == control_planes
    assert stages["base"] == NEW
    assert not any("worker" in name for nodes in stages.values() for name in nodes)


def test_a_play_that_failed_is_gone_on_with_and_the_count_cannot_go_back(made: Simulation) -> None:
    made.fail_play(1)
    assert applied(made, spec_of(made, 5, 1)).result == "failed"
    with pytest.raises(SpecRefusedError, match="cannot become fewer"):
        made.apply(spec_of(made, 3, 1))
    before = machines(made)
    made.fail_play(0)
    assert applied(made, spec_of(made, 5, 1)).result == "succeeded"
    assert machines(made) == before


def test_a_growth_that_does_not_fit_leaves_the_count_as_it_was(made: Simulation) -> None:
    before = machines(made)
    full = {"virtualmachines": Usage(8, 8)}
    with patch.object(made.services.compute, "usages", lambda _: full):
        result = applied(made, spec_of(made, 5, 1))
    assert (result.result, result.cause and result.cause.code) == ("failed", "PreflightFailed")
    assert applied(made, spec_of(made, 3, 1)).result == "succeeded"
    assert machines(made) == before
    assert {slot.name for slot in record_of(made).slots} == set(before)


def test_no_member_is_added_while_nodes_are_replaced(made: Simulation) -> None:
    record, etag = made.services.store.need_record("demo")
    made.services.store.update_record(record.model_copy(update={"replacing": True}), etag)
    for ask in (made.apply, dry_run):
        with pytest.raises(SpecRefusedError, match="while nodes are replaced"):
            ask(spec_of(made, 5, 1))


def test_every_activity_twice_adds_the_same(made: Simulation) -> None:
    of_activities(made, lambda ask: (ask(), ask())[1])
    before = machines(made)
    assert applied(made, spec_of(made, 5, 3)).result == "succeeded"
    assert set(machines(made)) == set(before) | NEW
