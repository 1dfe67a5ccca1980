"""poll_play: the play's events since the last poll, and the end of the play."""

import pytest

from activities import play_log
from cluster import names
from cluster.contracts import POLL_PLAY, START_PLAY, STOP_PLAY
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
