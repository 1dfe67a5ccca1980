"""A run that a newer operation replaced, without a cancel: it ends in order and changes nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from cluster.names import instance_id
from lab.simulation.run import Scenario, Simulation, simulation

SMALL = Scenario(6, ready=60.0, play=90.0, tasks=12, cluster="demo", pool="worker")
ALLOWED = {"record_events", "post_slack", "finish_run", "stop_play", "cancel_deployments"}
# What creates, changes or removes, by the client that does it.
CHANGES = (
    ("groups", "create"),
    ("groups", "begin_delete"),
    ("resources", "begin_delete"),
    ("deployments", "start"),
    ("compute", "start"),
    ("compute", "deallocate"),
    ("vault", "set_if_absent"),
    ("vault", "delete"),
)


def watched(made: Simulation) -> list[str]:
    """The changes that are made from here on."""
    seen: list[str] = []

    def watch(client: Any, name: str) -> None:
        original: Callable[..., Any] = getattr(client, name)

        def call(*given: Any, **named: Any) -> Any:
            seen.append(name)
            return original(*given, **named)

        setattr(client, name, call)

    for client, name in CHANGES:
        watch(getattr(made.services, client), name)
    return seen


def supersede(made: Simulation) -> None:
    record, etag = made.services.store.need_record("demo")
    assert record.operation
    generation = record.generation + 1
    claimed = {"generation": generation, "instance_id": instance_id("demo", generation)}
    operation = record.operation.model_copy(update=claimed)
    changes = {"generation": generation, "operation": operation}
    made.services.store.save_record(record.model_copy(update=changes), etag)


@pytest.mark.parametrize("moment", [1.0, 8.0, 20.0, 60.0, 130.0, 260.0, 330.0, 400.0])
def test_it_makes_no_change_after_another_operation_was_claimed(moment: float) -> None:
    with simulation(SMALL) as made:
        made.apply()
        before: dict[str, int] = {}
        seen: list[list[str]] = []

        def newer() -> None:
            supersede(made)
            before.update(made.engine.counts.activities)
            seen.append(watched(made))

        made.clock.at(moment, newer)
        made.engine.finish()
        after = made.engine.counts.activities
        executed = {name for name in after if after[name] > before.get(name, 0)}
        refused = executed - ALLOWED
        assert seen == [[]]
        assert all(after[name] - before.get(name, 0) <= 2 for name in refused), "asked on and on"
        result = made.result()
        assert result is not None
        assert (result.result, result.cause and result.cause.code) == ("cancelled", "Cancelled")
        assert result.cause is not None
        assert "a newer operation" in result.cause.message
