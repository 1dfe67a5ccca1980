"""plan_maintenance and examine_machines: what they find, and what a repeat does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from cluster.backups import Backup
from cluster.contracts import EXAMINE_MACHINES, PLAN_MAINTENANCE, START_CONTROLLER
from lab.simulation.run import Scenario, simulation
from tests.activities.backed_up import launched
from tests.activities.world import World

DUE = [{"path": "/etc/etcd/pki/peer.crt", "ends": "2026-12-24 08:00:00Z"}]


@pytest.fixture
def cluster() -> Iterator[World]:
    """A claimed and planned maintenance."""
    with simulation(Scenario(8, cluster="shop", pool="worker")) as made:
        world = launched(made)
        made.maintain()
        world.generation += 1
        yield world


def keep_backup(cluster: World, taken_at: str) -> None:
    fields = {"id": "000001", "cluster": "shop", "taken_at": taken_at, "bytes": 5}
    cluster.services.store.keep_backup(Backup(uid=cluster.plan.uid, **fields))


def planned(cluster: World) -> World:
    assert cluster.call(PLAN_MAINTENANCE).state == "done"
    cluster.call(START_CONTROLLER)
    keep_backup(cluster, datetime.now(UTC).isoformat())
    return cluster


def found(cluster: World, *suspects: str) -> list[tuple[str, str]]:
    result = cluster.call(EXAMINE_MACHINES, suspects=suspects)
    assert result.state == "done"
    return [(one.code, one.subject) for one in result.findings]


def test_the_plan_is_a_full_pass_over_the_machines_that_there_are(cluster: World) -> None:
    first, again = cluster.twice(PLAN_MAINTENANCE)
    assert first == again
    assert (first.nodes, first.findings, first.resting) == (8, (), False)
    plan = cluster.plan
    assert (plan.full, plan.missing, plan.generation, plan.network_generation) == (True, (), 2, 1)


def test_a_machine_that_somebody_deleted_is_missing_and_is_not_made_again(cluster: World) -> None:
    del cluster.services.cloud.machines["shop-worker-0"]
    result = cluster.call(PLAN_MAINTENANCE)
    assert [(f.code, f.subject) for f in result.findings] == [("MachineMissing", "shop-worker-0")]
    assert cluster.plan.missing == ()


@pytest.mark.parametrize("power", ["deallocated", "stopped", "deallocating"])
def test_an_etcd_member_that_is_off_is_found(cluster: World, power: str) -> None:
    cluster.services.cloud.power["shop-etcd-1"] = (power, 1e9)
    result = cluster.call(PLAN_MAINTENANCE)
    assert [(f.code, f.subject, f.detail) for f in result.findings] == [
        ("MachineOff", "shop-etcd-1", power)
    ]
    assert not result.resting


def test_certificates_that_are_due_are_found_and_nobody_is_asked_twice(cluster: World) -> None:
    planned(cluster)
    cluster.simulation.fleet.due["shop-etcd-1"] = DUE
    assert found(cluster) == [("CertificateDue", "shop-etcd-1")]
    cluster.simulation.fleet.due["shop-etcd-2"] = DUE
    assert found(cluster) == [("CertificateDue", "shop-etcd-1")], "the answers are stored"


def test_a_machine_that_does_not_answer_has_no_due_certificate(cluster: World) -> None:
    planned(cluster)
    cluster.simulation.fleet.unwell["shop-etcd-1"] = "broken"
    assert found(cluster, "shop-etcd-1") == []
    assert found(cluster) == [("CertificateDue", "shop-etcd-1")], "it answers, and not as asked"


def test_suspects_that_run_are_no_finding_and_others_are(cluster: World) -> None:
    planned(cluster)
    cluster.services.cloud.power["shop-worker-0"] = ("deallocated", 0.0)
    del cluster.services.cloud.machines["shop-worker-1"]
    suspects = ("shop-worker-0", "shop-worker-1", "shop-etcd-0", "no machine")
    assert found(cluster, *suspects) == [
        ("MachineOff", "shop-worker-0"),
        ("MachineMissing", "shop-worker-1"),
    ]


@pytest.mark.parametrize(
    ("age", "old"), [(timedelta(hours=2), False), (timedelta(days=2), True), (None, True)]
)
def test_a_run_without_a_backup_reports_one_that_is_too_old(
    cluster: World, age: timedelta | None, old: bool
) -> None:
    cluster.call(PLAN_MAINTENANCE)
    cluster.call(START_CONTROLLER)
    if age is not None:
        keep_backup(cluster, (datetime.now(UTC) - age).isoformat())
    assert (("BackupTooOld", "") in found(cluster)) == old


@pytest.mark.parametrize("taken_at", ["", "yesterday"])
def test_a_backup_of_unknown_age_is_too_old(cluster: World, taken_at: str) -> None:
    cluster.call(PLAN_MAINTENANCE)
    cluster.call(START_CONTROLLER)
    keep_backup(cluster, taken_at)
    assert found(cluster) == [("BackupTooOld", "")]
