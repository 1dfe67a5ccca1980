"""poll_play: the play's events since the last poll, and the end of the play."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from activities import play_log
from clients.errors import Transient
from cluster import names
from cluster.contracts import PLAN_CLUSTER, POLL_PLAY, START_PLAY, STOP_PLAY
from cluster.plan import Plan
from tests.activities.world import World


def started(world: World) -> None:
    world.deployed()
    world.later(60.0)
    assert world.call(START_PLAY).state == "done"


def test_a_repeat_reads_the_same_events_and_the_next_continues_from_there(world: World) -> None:
    started(world)
    world.later(100.0)
    first, second = world.twice(POLL_PLAY)
    assert first.events
    assert first.events[: len(second.events)] == second.events[: len(first.events)]
    assert first.play_state == "running"
    after = world.call(POLL_PLAY, events_offset=first.events_offset, log_offset=first.log_offset)
    assert after.events[:1] != first.events[:1]


def test_the_exit_code_comes_with_the_end(world: World) -> None:
    started(world)
    world.later(world.simulation.scenario.play + 1)
    answer, offsets = None, {}
    for _ in range(200):
        answer = world.call(POLL_PLAY, **offsets)
        offsets = {"events_offset": answer.events_offset, "log_offset": answer.log_offset}
        if answer.play_state == "finished" and answer.state == "done":
            break
    assert answer is not None
    assert (answer.play_state, answer.exit_code) == ("finished", 0)


def test_a_play_that_the_controller_does_not_know_is_lost(world: World) -> None:
    started(world)
    assert world.call(STOP_PLAY).state == "done"
    assert world.call(POLL_PLAY).play_state == "lost"


def applied(world: World, stage: str) -> dict[str, str]:
    found = world.services.store.applied(world.cluster)
    return found.fingerprint(stage, datetime.now(UTC).date(), None)


def test_a_stage_is_kept_when_it_has_ended_and_not_before(world: World) -> None:
    started(world)
    assert applied(world, "wait") == {}
    offsets, kept = {"events_offset": 0, "log_offset": 0}, list[set[str]]()
    while True:
        answer = world.call(POLL_PLAY, **offsets)
        offsets = {name: getattr(answer, name) for name in offsets}
        kept.append({stage for stage in ("wait", "base", "verify") if applied(world, stage)})
        running = {event.stage for event in answer.events if event.kind == "play"}
        if "base" in running:
            assert "wait" in kept[-1]
        if answer.play_state == "finished" and answer.state == "done":
            break
        world.later(answer.retry_after)
    assert kept[-1] == {"wait", "base", "verify"}
    assert {"wait"} in kept
    assert set(applied(world, "base")) == {slot.name for slot in world.plan.nodes}


def test_the_ends_of_stages_are_no_events_of_the_run(world: World) -> None:
    started(world)
    world.later(world.simulation.scenario.play + 1)
    answer = world.call(POLL_PLAY)
    assert "stage" not in {event.kind for event in answer.events}


def test_a_start_forgets_what_the_play_may_change(world: World) -> None:
    started(world)
    world.later(world.simulation.scenario.play + 1)
    world.call(POLL_PLAY)
    assert applied(world, "wait")
    world.call(START_PLAY, attempt=2)
    assert applied(world, "wait") == {}


def test_a_plan_forgets_machines_that_do_not_exist(world: World) -> None:
    started(world)
    world.later(world.simulation.scenario.play + 1)
    world.call(POLL_PLAY)
    assert applied(world, "wait")
    world.services.store.blobs.content.pop(f"clusters/{world.cluster}/runs/000001/plan.json")
    lost = next(name for name in world.services.cloud.machines if "worker" in name)
    del world.services.cloud.machines[lost]
    world.call(PLAN_CLUSTER)
    assert lost not in applied(world, "wait")
    assert len(applied(world, "wait")) == len(world.plan.nodes) - 1


@pytest.mark.parametrize("piece", [500_000, 7, 1])
def test_the_log_of_a_play_that_was_stopped_is_kept_to_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(play_log, "LOG_BYTES", piece)
    started(world)
    world.later(100.0)
    poll = world.call(POLL_PLAY)
    assert poll.log_offset > 0
    run = names.play_run_id(world.cluster, 1, 1)
    log = world.simulation.fleet.folder / run / "play.log"
    with log.open("ab") as file:
        file.write("TASK [etcd : Start] ***\nÄ\n".encode())
    first, second = world.twice(STOP_PLAY)
    assert (first.state, second.state) == ("done", "done")
    blob = names.run_blob(world.cluster, 1, "play-1.log")
    assert world.services.store.blobs.content[blob][0] == log.read_bytes()


# The package exports activities under the names of their modules.
STOP = sys.modules["activities.start_play"]


@contextmanager
def _silent(_: Plan) -> Generator[None]:
    raise Transient("198.18.0.10 does not answer on SSH")
    yield


@pytest.mark.parametrize("power", ["deallocating", "deallocated", "stopped", "gone"])
def test_a_play_on_a_controller_that_is_off_needs_no_stop(
    world: World, monkeypatch: pytest.MonkeyPatch, power: str
) -> None:
    """The turn that deallocated it was repeated with a cancel."""
    started(world)
    monkeypatch.setattr(STOP, "controller", _silent)
    controller, cloud = world.plan.controller.name, world.services.cloud
    cloud.power[controller] = (power, cloud.clock.seconds)
    if power == "gone":
        del cloud.machines[controller]
    assert world.call(STOP_PLAY).state == "done"


@pytest.mark.parametrize("power", ["running", "starting"])
def test_a_play_on_a_controller_that_does_not_answer_is_not_taken_for_stopped(
    world: World, monkeypatch: pytest.MonkeyPatch, power: str
) -> None:
    started(world)
    monkeypatch.setattr(STOP, "controller", _silent)
    cloud = world.services.cloud
    cloud.power[world.plan.controller.name] = (power, cloud.clock.seconds)
    assert world.call(STOP_PLAY).state == "wait"
