"""A whole maintenance on a simulated cluster: its phases, its findings, and its ends."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cluster.contracts import CANCEL_EVENT, FinishInput, RunRef
from cluster.names import applied_blob
from cluster.record import ClusterRecord
from cluster.spec import Maintenance
from lab.simulation.run import Scenario, Simulation, simulation
from orchestrators.maintain_cluster import PHASES
from runs.backup_claims import NotMaintainableError
from runs.maintenance import start_due

ETCD = ("demo-etcd-0", "demo-etcd-1", "demo-etcd-2")
CENTRAL = (*ETCD, "demo-control-plane-0")


@pytest.fixture
def made() -> Iterator[Simulation]:
    """A cluster whose launch has ended."""
    scenario = Scenario(6, ready=60.0, play=90.0, tasks=12, cluster="demo", pool="worker")
    with simulation(scenario) as simulated:
        simulated.apply()
        simulated.engine.finish()
        yield simulated


def maintain(made: Simulation) -> FinishInput:
    generation = made.maintain().operation.generation
    made.engine.finish()
    result = made.result(generation)
    assert result is not None
    return result


def record(made: Simulation) -> ClusterRecord:
    return made.services.store.need_record("demo")[0]


def found(made: Simulation) -> set[tuple[str, str]]:
    return {(one.code, one.subject) for one in record(made).findings}


def events(made: Simulation, generation: int) -> list[Any]:
    return made.services.store.events(RunRef(cluster="demo", generation=generation))


def power_off(made: Simulation, *names: str) -> None:
    made.services.cloud.power.update(dict.fromkeys(names, ("deallocated", 0.0)))


def test_a_well_cluster_gets_a_backup_and_a_full_pass_and_stays_ready(made: Simulation) -> None:
    result = maintain(made)
    assert (result.result, result.percent, result.findings) == ("succeeded", 100, ())
    assert [(p.name, p.state) for p in result.phases] == [(name, "done") for name in PHASES]
    state = record(made)
    assert (state.state, state.findings) == ("ready", ())
    assert state.operation
    assert state.maintained_at == state.operation.started_at
    assert [b.id for b in made.services.store.backups("demo", state.uid)] == ["000002"]
    assert made.services.cloud.power["demo-controller"][0] == "deallocating"
    plan = made.plan_of(2)
    assert (plan.full, plan.missing, plan.generation, plan.network_generation) == (True, (), 2, 1)
    hosts = set(made.fleet.play_of("demo-000002-1").calls) - {"controller"}
    assert {*CENTRAL} < {host for host in hosts if host != "demo-controller"}


def test_the_same_spec_plays_on_no_machine_after_a_maintenance_or_a_backup(
    made: Simulation,
) -> None:
    maintain(made)
    made.back_up()
    made.engine.finish()
    made.apply()
    made.engine.finish()
    texts = [event.text for event in events(made, 4)]
    assert "no play: no machine is concerned by any stage" in texts


def test_findings_make_the_cluster_degraded_until_a_maintenance_finds_it_well(
    made: Simulation,
) -> None:
    power_off(made, "demo-worker-0")
    made.fleet.due["demo-etcd-1"] = [{"path": "/etc/etcd/pki/peer.crt", "ends": "2026-02-01"}]
    made.fleet.unwell["demo-worker-0"] = "no route to host"
    result = maintain(made)
    assert result.result == "succeeded"
    assert record(made).state == "degraded"
    assert found(made) == {("MachineOff", "demo-worker-0"), ("CertificateDue", "demo-etcd-1")}
    told = [(e.subject, e.node) for e in events(made, 2) if e.kind == "health.finding"]
    assert set(told) == found(made)
    made.fleet.due.clear()
    made.fleet.unwell.clear()
    made.services.cloud.power["demo-worker-0"] = ("running", 0.0)
    maintain(made)
    assert (record(made).state, record(made).findings) == ("ready", ())


def test_a_machine_that_is_gone_is_made_again_by_the_timer_if_the_spec_asks_for_it(
    made: Simulation,
) -> None:
    made.apply(made.scenario.wanted.model_copy(update={"maintenance": Maintenance(repair=True)}))
    made.engine.finish()
    del made.services.cloud.machines["demo-worker-0"]
    made.fleet.unwell["demo-worker-0"] = "no route to host"
    maintain(made)
    assert (record(made).state, found(made)) == ("degraded", {("MachineMissing", "demo-worker-0")})
    done = start_due(made.context, datetime.now(UTC), days=7, at_once=20)
    assert (done.repaired, done.started) == (["demo"], [])
    made.fleet.begin(4)
    made.fleet.unwell.clear()
    made.engine.finish()
    assert "demo-worker-0" in made.services.cloud.machines
    assert (record(made).state, record(made).findings) == ("ready", ())
    assert start_due(made.context, datetime.now(UTC), days=7, at_once=20).repaired == []


def test_a_put_refutes_what_it_verifies_and_a_full_one_what_it_renews(made: Simulation) -> None:
    made.fleet.due["demo-etcd-1"] = [{"path": "/etc/etcd/pki/peer.crt", "ends": "2026-02-01"}]
    made.fleet.unwell["demo-worker-0"] = "containerd does not answer"
    maintain(made)
    assert found(made) == {("CertificateDue", "demo-etcd-1"), ("RuntimeUnhealthy", "demo-worker-0")}
    made.fleet.unwell.clear()
    made.apply()
    made.engine.finish()
    assert (record(made).state, found(made)) == ("degraded", {("CertificateDue", "demo-etcd-1")})
    made.apply(full=True)
    made.engine.finish()
    assert (record(made).state, found(made)) == ("ready", set())


def test_a_play_that_fails_is_a_finding_and_the_examination_goes_on(made: Simulation) -> None:
    made.fail_play(1)
    result = maintain(made)
    assert result.result == "succeeded"
    assert {code for code, _ in found(made)} == {"DriftNotCorrected"}
    assert any(e.kind == "health.checked" and e.count == 1 for e in events(made, 2))
    made.fail_play(0)
    made.apply()
    made.engine.finish()
    texts = [event.text for event in events(made, 3)]
    assert any(text.startswith("playbook started") for text in texts), "it was not put right"
    assert (record(made).state, found(made)) == ("ready", set())


def test_without_a_backup_the_pass_is_made_and_a_backup_on_request_refutes_it(
    made: Simulation,
) -> None:
    made.fleet.etcd.unhealthy = dict.fromkeys(ETCD, "no leader")
    maintain(made)
    assert found(made) == {("BackupTooOld", "")}
    kinds = [event.kind for event in events(made, 2)]
    assert "backup.failed" in kinds
    assert "play.finished" in kinds
    made.fleet.etcd.unhealthy = {}
    made.back_up()
    made.engine.finish()
    assert (record(made).state, record(made).findings) == ("ready", ())


def test_a_cluster_whose_machines_are_off_is_skipped_and_stays_as_it_was(made: Simulation) -> None:
    power_off(made, *CENTRAL)
    result = maintain(made)
    assert (result.result, result.skipped) == ("succeeded", "MachinesOff")
    assert record(made).state == "ready"
    told = [event.subject for event in events(made, 2) if event.kind == "maintenance.skipped"]
    assert told == ["MachinesOff"]
    assert "demo-000002-1" not in made.fleet.inventories
    assert made.services.cloud.power["demo-controller"][0] == "deallocating", "it was not started"


def test_one_member_that_is_off_is_a_finding_and_the_others_are_maintained(
    made: Simulation,
) -> None:
    power_off(made, ETCD[2])
    made.fleet.unwell[ETCD[2]] = "no route to host"
    maintain(made)
    assert found(made) == {("MachineOff", ETCD[2])}
    assert "demo-000002-1" in made.fleet.inventories


def test_a_maintenance_that_cannot_look_fails_and_says_so_in_the_state(made: Simulation) -> None:
    del made.services.cloud.machines["demo-controller"]
    result = maintain(made)
    assert result.cause
    assert (result.result, result.cause.code) == ("failed", "ControllerMissing")
    assert record(made).state == "degraded"
    assert found(made) == {("MaintenanceFailed", "")}
    assert record(made).cause


def test_a_cancelled_maintenance_stops_its_play_and_finds_nothing(made: Simulation) -> None:
    claim = made.maintain()
    instance = claim.operation.instance_id
    made.clock.at(
        made.clock.seconds + 120.0, lambda: made.engine.raise_event(instance, CANCEL_EVENT, "ada")
    )
    made.engine.finish()
    result = made.result(2)
    assert result
    assert result.cause
    assert (result.result, result.cause.phase) == ("cancelled", "playbook")
    assert result.cause.next_step == "request the maintenance again"
    assert "demo-000002-1" not in made.fleet.runs
    assert record(made).state == "ready"
    assert made.services.cloud.power["demo-controller"][0] == "deallocating"


def test_a_long_play_continues_with_a_new_history(made: Simulation) -> None:
    from dataclasses import replace  # noqa: PLC0415

    made.fleet.play = replace(made.fleet.play, seconds=timedelta(minutes=40).total_seconds())
    assert maintain(made).result == "succeeded"
    assert len(made.engine.kept["demo-000002"]) > 1
    assert record(made).state == "ready"


def test_a_cluster_whose_last_operation_failed_is_not_maintained(made: Simulation) -> None:
    made.fail_play(1)
    made.apply(full=True)
    made.engine.finish()
    assert record(made).state == "failed"
    with pytest.raises(NotMaintainableError):
        made.maintain()
    assert record(made).maintained_at == ""


def test_fingerprints_belong_to_the_maintenance(made: Simulation) -> None:
    before = made.services.store.blobs.read(applied_blob("demo"))
    maintain(made)
    after = made.services.store.applied("demo")
    assert before
    assert after.generation == 2
