"""What is known of machines when a run begins: nothing of those that are gone or were leaving."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cluster.concern import PlayScope
from cluster.plan import Plan
from lab.simulation.run import Scenario, Simulation, simulation
from planning.play_scope import begin_play, begin_run, end_stages

SMALL = Scenario(6, ready=60.0, play=90.0, tasks=12, cluster="demo", pool="worker")
WORKERS = ("demo-worker-0", "demo-worker-1")


@pytest.fixture
def made() -> Iterator[Simulation]:
    """A cluster that was launched."""
    with simulation(SMALL) as found:
        found.apply()
        found.engine.finish()
        yield found


def known(made: Simulation, stage: str = "base") -> set[str]:
    applied = made.services.store.applied("demo")
    return set(applied.fingerprint(stage, datetime.now(UTC).date(), None))


def changed(made: Simulation, **changes: Any) -> Plan:
    """The plan of a second run, for which all machines exist."""
    return made.plan_of(1).model_copy(update={"generation": 2, "missing": ()} | changes)


def test_a_launch_is_known_in_full(made: Simulation) -> None:
    assert known(made) == {slot.name for slot in made.plan_of(1).nodes}


@pytest.mark.parametrize("how", ["missing", "returning", "leaving"])
def test_a_machine_that_is_gone_or_was_leaving_is_not_known(made: Simulation, how: str) -> None:
    plan = made.plan_of(1)
    value = (plan.slot(WORKERS[0]),) if how == "leaving" else (WORKERS[0],)
    before = known(made)
    begin_run(changed(made, **{how: value}))
    assert before - known(made) == {WORKERS[0]}


def test_another_cluster_of_the_name_knows_nothing(made: Simulation) -> None:
    begin_run(changed(made, uid="another"))
    assert known(made) == set()


def test_an_earlier_run_changes_nothing_of_what_a_later_one_knows(made: Simulation) -> None:
    begin_run(changed(made))
    begin_run(changed(made, generation=3))
    before = made.services.store.applied("demo")
    scope = PlayScope(stages={"base": {"other": WORKERS}})
    begin_run(changed(made))
    begin_play(changed(made), scope)
    end_stages(changed(made), {"base": ()}, scope.stages)
    assert made.services.store.applied("demo") == before
    assert len(known(made)) == 6


def test_a_document_that_cannot_be_read_counts_as_none(
    made: Simulation, caplog: pytest.LogCaptureFixture
) -> None:
    made.services.store.blobs.write("clusters/demo/applied.json", b'{"entries": 1}')
    begin_run(changed(made))
    assert known(made) == set()
    assert "applied.json" in caplog.text
