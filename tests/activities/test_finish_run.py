"""finish_run: the result is kept, and the record closed by the newest operation only."""

from cluster.contracts import FINISH_RUN
from tests.activities.world import World


def test_a_repeat_changes_nothing(world: World) -> None:
    world.planned()
    fields = {"result": "succeeded", "finished_at": "2026-01-05T09:00:00Z"}
    first, second = world.twice(FINISH_RUN, **fields)
    assert (first.state, second.state) == ("done", "done")
    record, _ = world.services.store.need_record(world.cluster)
    assert (record.state, record.operation.finished) == ("ready", True)
    assert world.simulation.result().result == "succeeded"


def test_an_older_run_leaves_the_record_to_the_newer(world: World) -> None:
    world.planned()
    world.removal()
    world.generation = 1
    world.call(FINISH_RUN, result="cancelled", finished_at="2026-01-05T09:00:00Z")
    record, _ = world.services.store.need_record(world.cluster)
    assert record.operation.generation == 2
    assert not record.operation.finished
