"""The timeline is read from a run's events: held against whole runs, whose words it must know."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

import pytest

from cluster.contracts import CANCEL_EVENT, RunRef
from cluster.events import Event
from cluster.timeline import Timeline, make_timeline
from lab.simulation.play import STAGES
from lab.simulation.run import Scenario, Simulation, simulation

SMALL = Scenario(6, ready=60.0, play=90.0, tasks=12, cluster="demo", pool="worker")
REF = RunRef(cluster="demo", generation=1)


@contextmanager
def launched(scenario: Scenario = SMALL, failing: int = 0) -> Generator[Simulation]:
    with simulation(scenario) as made:
        made.fleet.play = replace(made.fleet.play, failing=failing)
        yield made


def of(made: Simulation) -> Timeline:
    ref = REF.model_copy(update={"cluster": made.scenario.cluster})
    result = made.services.store.result(ref)
    events = made.services.store.events(ref)
    return make_timeline(ref, events, result.finished_at if result else None)


def test_a_whole_run_has_each_deployment_stage_and_node_within_its_time() -> None:
    with launched() as made:
        made.apply()
        made.engine.finish()
        found = of(made)
        plan = made.services.store.need_plan(REF)
    assert [bar.name for bar in found.deployments] == [d.part for d in plan.deployments]
    assert [bar.name for bar in found.stages] == list(STAGES)
    heard = [name for report in found.reports for name in report.nodes]
    assert sorted(heard) == sorted(slot.name for slot in plan.slots)
    for bar in (*found.deployments, *found.stages):
        assert bar.state == "done"
        assert found.started_at
        assert bar.ended_at
        assert found.ended_at
        assert found.started_at <= bar.started_at <= bar.ended_at <= found.ended_at
    assert all(a.ended_at == b.started_at for a, b in pairwise(found.stages))


def test_the_stage_in_which_a_host_failed_has_failed_and_no_other() -> None:
    with launched(failing=1) as made:
        made.apply()
        made.engine.finish()
        found = of(made)
    assert [bar.state for bar in found.stages] == [*["done"] * (len(STAGES) - 1), "failed"]


def test_what_goes_on_has_no_end_and_what_was_cut_off_is_called_stopped() -> None:
    with launched() as made:
        claim = made.apply()
        running: list[Timeline] = []

        def cancel() -> None:
            running.append(of(made))
            made.engine.raise_event(claim.operation.instance_id, CANCEL_EVENT, "ada")

        made.clock.at(100.0, cancel)
        made.engine.finish()
        found = of(made)
    states = {bar.name: bar.state for bar in running[0].deployments}
    assert states == dict.fromkeys(states, "running") | {"network": "done"}
    assert running[0].ended_at is None
    assert {bar.ended_at for bar in running[0].deployments if bar.name != "network"} == {None}
    cut = {bar.name: (bar.state, bar.ended_at) for bar in found.deployments}
    assert cut.pop("network")[0] == "done"
    assert set(cut.values()) == {("stopped", found.ended_at)}


def test_every_node_of_a_thousand_is_counted_though_not_every_name_travels() -> None:
    sudden = Scenario(1000, ready=0.0, play=60.0, tasks=11)
    with launched(sudden) as made:
        made.apply()
        made.engine.finish()
        found = of(made)
    heard = [name for report in found.reports for name in report.nodes]
    further = sum(report.further for report in found.reports)
    assert len(set(heard)) == len(heard)
    assert further > 0
    assert len(heard) + further == 1001


def event(seq: int, text: str, **more: str) -> Event:
    return Event(seq=seq, time=f"2026-01-05T08:00:{seq:02}.000Z", text=text, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "told",
    [
        event(
            2, "deployment worker-0 started", phase="playbook", task="deployment worker-0 started"
        ),
        event(2, "play: etcd", phase="playbook", task="another"),
        event(2, "play: etcd", phase="nodes", task="etcd"),
        event(2, "ready", phase="playbook", node="demo-worker-0"),
        event(2, "deployment\nworker-0 started", phase="machines"),
    ],
)
def test_the_words_count_only_where_the_run_itself_says_them(told: Event) -> None:
    found = make_timeline(REF, [event(1, "launch of demo started", phase=""), told], None)
    assert (found.deployments, found.stages, found.reports) == ((), (), ())


def test_plays_of_one_name_in_a_row_are_one_stage_and_a_second_attempt_is_another() -> None:
    texts = [
        "play: etcd",
        "play: etcd",
        "the controller lost the play",
        "playbook started",
        "play: etcd",
    ]
    told = [
        event(i, t, phase="playbook", task=t[6:] if t.startswith("play:") else "")
        for i, t in enumerate(texts, 1)
    ]
    found = make_timeline(REF, told, None)
    assert [(bar.name, bar.state) for bar in found.stages] == [
        ("etcd", "done"),
        ("etcd", "running"),
    ]
    assert found.stages[0].ended_at == told[3].time


def test_a_run_without_events_or_without_an_end_of_its_own_is_told_as_it_is() -> None:
    assert make_timeline(REF, [], "").ended_at is None
    only = event(1, "launch of demo started", phase="")
    assert make_timeline(REF, [only], "").ended_at == only.time
