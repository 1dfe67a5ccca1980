"""A whole restore on a simulated cluster: its phases, its refusals, and its ends."""

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.contracts import CANCEL_EVENT, FinishInput, RunRef
from cluster.events import Event
from lab.simulation.run import Scenario, Simulation, simulation
from lab.simulation.storage import SIGNATURE
from orchestrators.restore_cluster import PHASES

MEMBERS = ("demo-etcd-0", "demo-etcd-1", "demo-etcd-2")
BACKUP, BEFORE, AFTER = "000002", b"written before the backup", b"written after it"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Simulation]:
    """A cluster with a backup, in which something was written since."""
    scenario = Scenario(6, ready=60.0, play=90.0, tasks=12, cluster="demo", pool="worker")
    with simulation(scenario) as simulated:
        simulated.apply()
        simulated.engine.finish()
        simulated.fleet.etcd.content = BEFORE
        simulated.back_up()
        simulated.engine.finish()
        yield simulated


@pytest.fixture
def made(cluster: Simulation) -> Simulation:
    """The cluster as if nothing had been restored."""
    etcd, kubernetes = cluster.fleet.etcd, cluster.fleet.kubernetes
    etcd.content = AFTER
    for faults in (etcd.data, etcd.prepared, etcd.unhealthy, kubernetes.changed):
        faults.clear()
    for names in (etcd.without_tool, etcd.stopped, kubernetes.away, kubernetes.unknown):
        names.clear()
    kubernetes.late.clear()
    etcd.downloads.clear()
    kubernetes.installed = True
    record, etag = cluster.services.store.need_record("demo")
    fresh = record.model_copy(update={"state": "ready", "cause": None})
    cluster.services.store.save_record(fresh, etag)
    return cluster


def restore(made: Simulation) -> FinishInput:
    generation = made.restore(BACKUP).operation.generation
    made.engine.finish()
    return result_of(made, generation)


def result_of(made: Simulation, generation: int) -> FinishInput:
    result = made.result(generation)
    assert result is not None
    return result


def state(made: Simulation) -> str:
    return made.services.store.need_record("demo")[0].state


def latest(made: Simulation) -> int:
    return made.services.store.need_record("demo")[0].generation


def events(made: Simulation) -> list[Event]:
    """The events of the latest operation."""
    return made.services.store.events(RunRef(cluster="demo", generation=latest(made)))


def controller(made: Simulation) -> str:
    return made.services.cloud.power["demo-controller"][0]


def held(made: Simulation) -> set[bytes]:
    """What the members hold."""
    etcd = made.fleet.etcd
    return {etcd.data.get(member, (0, etcd.content))[1] for member in MEMBERS}


def is_up(made: Simulation) -> bool:
    return not made.fleet.etcd.stopped and not made.fleet.kubernetes.away


def during(made: Simulation, phase: str, then: Any) -> None:
    """Does something when the restore's phase begins."""
    began = made.clock.seconds

    def look() -> None:
        if any(e.kind == "phase.started" and e.subject == phase for e in events(made)):
            then()
        elif made.clock.seconds < began + 3600.0:
            made.clock.at(made.clock.seconds + 1.0, look)

    made.clock.at(made.clock.seconds + 1.0, look)


def test_a_restore_goes_through_its_phases_and_every_member_has_the_snapshot(
    made: Simulation,
) -> None:
    result = restore(made)
    assert (result.result, result.percent) == ("succeeded", 100)
    assert [(phase.name, phase.state) for phase in result.phases] == [
        (name, "done") for name in PHASES
    ]
    assert held(made) == {BEFORE}
    assert is_up(made)
    (replaced,) = [event for event in events(made) if event.kind == "restore.replaced"]
    assert replaced.nodes == MEMBERS
    place = f"/var/lib/etcd/member-data.before-restore-{latest(made)} on demo-etcd-1"
    assert place in replaced.text
    assert (state(made), controller(made)) == ("ready", "deallocating")


def test_the_address_of_the_snapshot_is_in_no_history_and_no_blob(made: Simulation) -> None:
    restore(made)
    assert len(made.fleet.etcd.downloads) == len(MEMBERS)
    assert all(SIGNATURE in url for url in made.fleet.etcd.downloads)
    histories = [
        event.SerializeToString() for one in made.engine.kept.values() for e in one for event in e
    ]
    simulated: Any = made.services.store.blobs
    kept = [*histories, *(data for data, _ in simulated.content.values())]
    assert histories
    assert not any(SIGNATURE.encode() in data for data in kept)


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_without_a_tool_ends_the_restore_before_anything_is_stopped(
    made: Simulation, member: str
) -> None:
    made.fleet.etcd.without_tool = {member}
    result = restore(made)
    assert result.cause is not None
    assert (result.cause.code, result.cause.phase, result.cause.place) == (
        "RestoreToolMissing",
        "fetch",
        member,
    )
    assert "etcdutl" in result.cause.next_step
    assert held(made) == {AFTER}
    assert is_up(made)
    assert not made.fleet.kubernetes.changed
    assert not made.fleet.etcd.prepared
    assert (state(made), controller(made)) == ("ready", "deallocating")


def test_a_snapshot_that_was_changed_in_storage_is_refused_at_once(made: Simulation) -> None:
    record, _ = made.services.store.need_record("demo")
    blob = f"backups/demo/{record.uid}/{BACKUP}.db"
    made.services.store.blobs.write(blob, BEFORE[::-1])
    result = restore(made)
    made.services.store.blobs.write(blob, BEFORE)
    assert result.cause is not None
    assert (result.cause.code, result.cause.phase) == ("BackupDamaged", "backup")
    assert (held(made), state(made)) == ({AFTER}, "ready")


def test_a_cancel_before_the_data_are_replaced_undoes_the_restore(made: Simulation) -> None:
    claim = made.restore(BACKUP)
    instance = claim.operation.instance_id
    during(made, "stop", lambda: made.engine.raise_event(instance, CANCEL_EVENT, "ada"))
    made.engine.finish()
    result = result_of(made, latest(made))
    assert result.cause is not None
    assert (result.result, result.cause.next_step) == ("cancelled", "request the restore again")
    assert "restore.undone" in [event.kind for event in events(made)]
    assert held(made) == {AFTER}
    assert is_up(made)
    assert controller(made) == "deallocating"


def test_members_that_do_not_get_healthy_leave_the_api_stopped_and_another_request_goes_on(
    made: Simulation,
) -> None:
    made.fleet.etcd.unhealthy = {MEMBERS[1]: "no leader"}
    result = restore(made)
    assert result.cause is not None
    assert (result.result, result.cause.code, result.cause.phase) == (
        "failed",
        "Timeout",
        "quorum",
    )
    assert "no leader" in result.cause.message
    assert "request the restore again" in result.cause.next_step
    assert made.fleet.kubernetes.away == {"demo-control-plane-0"}
    assert (state(made), controller(made)) == ("failed", "deallocating")
    made.fleet.etcd.unhealthy = {}
    assert restore(made).result == "succeeded"
    assert held(made) == {BEFORE}
    assert {number for number, _ in made.fleet.etcd.data.values()} == {latest(made)}
    assert is_up(made)


def test_nodes_that_joined_after_the_backup_register_again(made: Simulation) -> None:
    made.fleet.kubernetes.unknown = {"demo-worker-1"}
    assert restore(made).result == "succeeded"
    assert not made.fleet.kubernetes.unknown
    assert any("3 of 3 nodes are ready" in event.text for event in events(made))


def test_a_node_that_is_away_is_told_and_does_not_fail_the_restore(made: Simulation) -> None:
    made.fleet.kubernetes.late = {"demo-worker-0"}
    assert restore(made).result == "succeeded"
    (told,) = [event for event in events(made) if "--full" in event.text]
    assert told.level == "warning"
    assert "demo-worker-0" in told.text


def test_a_cluster_without_kubernetes_is_restored(made: Simulation) -> None:
    made.fleet.kubernetes.installed = False
    assert restore(made).result == "succeeded"
    assert held(made) == {BEFORE}
