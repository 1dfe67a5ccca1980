"""A whole upgrade of Kubernetes on a simulated cluster: its order, its ends, and its resume."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cluster.contracts import CANCEL_EVENT, RunRef
from cluster.faults import SpecRefusedError
from cluster.record import ClusterRecord
from cluster.spec import ClusterSpec
from cluster.spec_rules import parse_spec
from lab.simulation.run import Scenario, Simulation, simulation
from orchestrators.upgrade_cluster import PHASES
from planning.dry_run import dry_run

PLANES = ("demo-control-plane-0", "demo-control-plane-1", "demo-control-plane-2")
WORKERS = ("demo-worker-0", "demo-worker-1")
OLD, NEW = "1.35.3", "1.36.2"
PLANE, WORKER = PLANES[0], WORKERS[0]


def wanted(made: Simulation, version: str = "1.36", **changes: Any) -> ClusterSpec:
    document = made.scenario.wanted.document() | changes
    document["kubernetes"]["version"] = version
    return parse_spec(document)


def cluster(planes: int, workers: int) -> Scenario:
    kubernetes = {"version": "1.35", "podCidr": "10.128.0.0/13"}
    spec: dict[str, Any] = {"controlPlane": {"count": planes}, "kubernetes": kubernetes}
    spec |= {"etcd": {"count": 1}, "workers": [{"name": "worker", "count": workers}]}
    nodes = planes + workers + 1
    return Scenario(nodes, ready=5.0, play=5.0, tasks=14, cluster="demo", pool="worker", spec=spec)


@contextmanager
def launched(scenario: Scenario) -> Generator[Simulation]:
    """A cluster of 1.35 whose launch has ended. The manifest has 1.36 by now."""
    with simulation(scenario) as simulated:
        names = [name for name in scenario.hosts() if "etcd" not in name]
        kubernetes_of(simulated).versions = dict.fromkeys(names, OLD)
        simulated.apply()
        simulated.engine.finish()
        kubernetes_of(simulated).manifest = NEW
        yield simulated


@pytest.fixture
def made() -> Iterator[Simulation]:
    with launched(cluster(1, 1)) as simulated:
        yield simulated


def kubernetes_of(made: Simulation) -> Any:
    return made.fleet.kubernetes


def upgrade(made: Simulation, version: str = "1.36") -> Any:
    """Runs an upgrade to its end; returns its result."""
    generation = made.apply(wanted(made, version)).operation.generation
    made.engine.finish()
    return made.result(generation)


def record(made: Simulation) -> ClusterRecord:
    return made.services.store.need_record("demo")[0]


def events(made: Simulation, kind: str = "", generation: int = 2) -> list[Any]:
    found = made.services.store.events(RunRef(cluster="demo", generation=generation))
    return [event for event in found if kind in ("", event.kind)]


def test_control_planes_come_first_then_workers_and_each_is_emptied_alone() -> None:
    with launched(cluster(3, 2)) as made:
        result = upgrade(made)
        assert (result.result, result.percent) == ("succeeded", 100), result.cause
        assert [(phase.name, phase.state) for phase in result.phases] == [
            (name, "done") for name in PHASES
        ]
        order = [
            (event.kind, event.node) for event in events(made) if event.kind.startswith("node.")
        ]
        assert order == [
            (kind, node)
            for node in (*PLANES, *WORKERS)
            for kind in ("node.upgrading", "node.upgraded")
        ]
        assert kubernetes_of(made).versions == dict.fromkeys((*PLANES, *WORKERS), NEW)
        assert kubernetes_of(made).cordoned == set()


def test_the_snapshot_comes_first_and_the_same_spec_afterwards_upgrades_nothing(
    made: Simulation,
) -> None:
    assert upgrade(made).result == "succeeded"
    (taken,), known = events(made, "backup.taken"), record(made)
    assert taken.seq < events(made, "play.started")[0].seq
    (backup,) = made.services.store.backups("demo", known.uid)
    assert backup.kubernetes == "1.35"
    assert (known.state, known.upgrading) == ("ready", "")
    assert known.built is not None
    assert known.built["kubernetes"]["version"] == "1.36"
    assert made.apply(wanted(made)).operation.kind == "reconcile"


def test_a_failure_names_the_node_and_the_same_spec_goes_on_with_it(made: Simulation) -> None:
    kubernetes_of(made).fails = {WORKER}
    result = upgrade(made)
    assert (result.result, result.cause.place) == ("failed", WORKER)
    assert f"{WORKER} stays cordoned" in result.cause.message
    assert record(made).upgrading == "1.36"
    with pytest.raises(SpecRefusedError) as refused:
        made.apply(wanted(made, "1.35"))
    assert "has begun" in refused.value.faults[0].message
    kubernetes_of(made).fails = set()
    assert upgrade(made).result == "succeeded"
    assert [event.node for event in events(made, "node.upgraded", 3)] == [WORKER]


def test_a_blocked_budget_names_the_pod_and_leaves_the_node_schedulable(made: Simulation) -> None:
    kubernetes_of(made).held = lambda node: "shop/web" if node == WORKER else ""
    result = upgrade(made)
    assert (result.cause.code, result.cause.phase) == ("DrainBlocked", "workers")
    assert "shop/web" in result.cause.message
    assert "it is schedulable again" in result.cause.message
    assert kubernetes_of(made).cordoned == set()
    assert kubernetes_of(made).versions[WORKER] == OLD


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda k: k.silent.add(WORKER), "ClusterUnhealthy"),
        (lambda k: k.requested.update({"flowcontrol/v1beta3 flowschemas": "1.36"}), "RemovedApis"),
        (lambda k: k.versions.update({WORKER: "1.34.3"}), "UpgradeRefused"),
        (lambda k: k.versions.update(dict.fromkeys((PLANE, WORKER), "1.37.0")), "UpgradeRefused"),
    ],
)
def test_an_unfit_cluster_is_refused_before_any_node_is_touched(
    made: Simulation, spoil: Any, code: str
) -> None:
    spoil(kubernetes_of(made))
    result = upgrade(made)
    assert (result.cause.code, result.cause.phase) == (code, "health")
    assert not events(made, "play.started")
    assert not events(made, "backup.taken")
    assert record(made).upgrading == ""


def test_a_patch_release_upgrades_although_a_later_minor_removes_an_api(made: Simulation) -> None:
    kubernetes_of(made).manifest = "1.35.6"
    kubernetes_of(made).requested = {"apps/v1beta9 deployments": "1.36"}
    assert upgrade(made, "1.35.6").result == "succeeded"
    assert set(kubernetes_of(made).versions.values()) == {"1.35.6"}


def test_a_cancel_during_a_drain_makes_the_node_schedulable_again(made: Simulation) -> None:
    kubernetes_of(made).held = lambda _: "shop/web"
    claim = made.apply(wanted(made))
    instance = claim.operation.instance_id

    def cancel() -> None:
        assert kubernetes_of(made).cordoned == {PLANE}
        made.engine.raise_event(instance, CANCEL_EVENT, "ada")

    made.clock.at(made.clock.seconds + 400.0, cancel)
    made.engine.finish()
    result = made.result(2)
    assert result is not None
    assert result.result == "cancelled"
    assert kubernetes_of(made).cordoned == set()


def test_a_dry_run_names_the_nodes_in_their_order_and_changes_nothing(made: Simulation) -> None:
    plan = dry_run(wanted(made))
    assert plan.upgrade is not None
    assert (plan.upgrade.before, plan.upgrade.after) == ("1.35", "1.36")
    assert plan.upgrade.nodes == (PLANE, WORKER)
    upgraded = [node.name for node in plan.nodes if node.action == "upgrade"]
    assert upgraded == [PLANE, WORKER]
    assert dry_run(made.scenario.wanted).upgrade is None
    assert record(made).generation == 1


def test_other_changes_of_machines_are_refused_beside_an_upgrade(made: Simulation) -> None:
    with pytest.raises(SpecRefusedError) as refused:
        made.apply(wanted(made, workers=[{"name": "worker", "count": 3}]))
    assert [fault.path for fault in refused.value.faults] == ["workers"]


@pytest.mark.parametrize("moment", ["node.upgrading", "nodes.emptied", "play.started"])
def test_a_run_that_the_engine_ends_is_taken_up_at_its_node(made: Simulation, moment: str) -> None:
    """The worker's upgrade is at that moment. The control plane is not touched again."""
    claim = made.apply(wanted(made))
    instance = claim.operation.instance_id

    def end_or_look_again() -> None:
        found = [e for e in events(made) if e.kind == moment and e.phase == "workers"]
        if found:
            made.client.terminate_orchestration(instance)
        else:
            made.clock.at(made.clock.seconds + 5.0, end_or_look_again)

    made.clock.at(made.clock.seconds + 5.0, end_or_look_again)
    made.engine.finish()
    assert made.result(2) is None
    assert upgrade(made).result == "succeeded"
    assert [event.node for event in events(made, "node.upgrading", 3)] in ([WORKER], [])
    assert kubernetes_of(made).versions == {PLANE: NEW, WORKER: NEW}
    assert kubernetes_of(made).cordoned == set()
