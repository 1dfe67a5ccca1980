"""A whole backup on a simulated cluster: its phases, and its ends."""

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.contracts import CANCEL_EVENT, RunRef
from lab.simulation.run import Scenario, Simulation, simulation
from lab.simulation.storage import SIGNATURE
from orchestrators.backup_cluster import PHASES

MEMBERS = ("demo-etcd-0", "demo-etcd-1", "demo-etcd-2")


@pytest.fixture
def made() -> Iterator[Simulation]:
    """A cluster whose launch has ended."""
    scenario = Scenario(6, ready=60.0, play=90.0, tasks=12, cluster="demo", pool="worker")
    with simulation(scenario) as simulated:
        simulated.apply()
        simulated.engine.finish()
        yield simulated


def back_up(made: Simulation) -> Any:
    """Runs a backup to its end; returns its result."""
    generation = made.back_up().operation.generation
    made.engine.finish()
    return made.result(generation)


def state(made: Simulation) -> str:
    return made.services.store.need_record("demo")[0].state


def blobs(made: Simulation) -> dict[str, bytes]:
    simulated: Any = made.services.store.blobs
    return {name: data for name, (data, _) in simulated.content.items()}


def controller(made: Simulation) -> str:
    return made.services.cloud.power["demo-controller"][0]


def test_a_backup_goes_through_its_phases_and_leaves_the_controller_deallocated(
    made: Simulation,
) -> None:
    result = back_up(made)
    assert (result.result, result.percent) == ("succeeded", 100)
    assert [(phase.name, phase.state) for phase in result.phases] == [
        (name, "done") for name in PHASES
    ]
    events = made.services.store.events(RunRef(cluster="demo", generation=2))
    (taken,) = [event for event in events if event.kind == "backup.taken"]
    assert (taken.subject, taken.node) == ("000002", MEMBERS[0])
    assert (state(made), controller(made)) == ("ready", "deallocating")


def test_without_a_healthy_member_it_fails_in_its_time_and_the_cluster_stays_ready(
    made: Simulation,
) -> None:
    made.fleet.etcd.unhealthy = dict.fromkeys(MEMBERS, "no leader")
    result = back_up(made)
    assert (result.result, result.cause.code, result.cause.phase) == (
        "failed",
        "Timeout",
        "snapshot",
    )
    assert "no leader" in result.cause.message
    assert "request the backup again" in result.cause.next_step
    assert (state(made), controller(made)) == ("ready", "deallocating")
    made.fleet.etcd.unhealthy = {}
    assert back_up(made).result == "succeeded"


def test_a_cancelled_backup_stops_the_controller_and_says_how_to_take_it_again(
    made: Simulation,
) -> None:
    made.fleet.etcd.unhealthy = dict.fromkeys(MEMBERS, "no leader")
    claim = made.back_up()
    instance = claim.operation.instance_id
    made.clock.at(
        made.clock.seconds + 120.0, lambda: made.engine.raise_event(instance, CANCEL_EVENT, "ada")
    )
    made.engine.finish()
    result = made.result(2)
    assert result is not None
    assert result.cause is not None
    assert (result.result, result.cause.next_step) == ("cancelled", "request the backup again")
    assert (state(made), controller(made)) == ("ready", "deallocating")


def test_a_cluster_that_keeps_its_controller_keeps_it(made: Simulation) -> None:
    document = made.scenario.wanted.document()
    document["controller"]["keep"] = True
    record, etag = made.services.store.need_record("demo")
    made.services.store.save_record(record.model_copy(update={"spec": document}), etag)
    assert back_up(made).result == "succeeded"
    assert controller(made) == "starting"


def test_the_address_for_the_upload_is_in_no_history_and_no_blob(made: Simulation) -> None:
    back_up(made)
    assert SIGNATURE in made.fleet.etcd.uploads[0]
    histories = [
        event.SerializeToString() for one in made.engine.kept.values() for e in one for event in e
    ]
    assert histories
    assert not any(SIGNATURE.encode() in data for data in histories)
    assert not any(SIGNATURE.encode() in data for data in blobs(made).values())


def test_a_removal_takes_over_and_takes_the_backups_with_it(made: Simulation) -> None:
    back_up(made)
    made.back_up()
    made.delete()
    made.engine.finish()
    assert state(made) == "deleted"
    assert not [name for name in blobs(made) if name.startswith("backups/")]


def test_the_same_spec_plays_on_no_machine_after_a_backup(made: Simulation) -> None:
    back_up(made)
    made.apply()
    made.engine.finish()
    texts = [e.text for e in made.services.store.events(RunRef(cluster="demo", generation=3))]
    assert "no play: no machine is concerned by any stage" in texts
