"""The timeline of a run, from the fields of its events."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from cluster.contracts import CANCEL_EVENT, RunRef
from cluster.events import Event
from cluster.names import run_blob
from cluster.stages import STAGE_IDS, STAGES, LastStage, stages_through
from cluster.timeline import Timeline, make_timeline
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
    assert [bar.id for bar in found.stages] == list(STAGE_IDS)
    heard = [name for report in found.reports for name in report.nodes]
    assert sorted(heard) == sorted(slot.name for slot in plan.slots)
    for bar in (*found.deployments, *found.stages):
        assert bar.state == "done"
        assert found.started_at
        assert bar.ended_at
        assert found.ended_at
        assert found.started_at <= bar.started_at <= bar.ended_at <= found.ended_at
    assert all(a.ended_at == b.started_at for a, b in pairwise(found.stages))


@pytest.mark.parametrize("last", ["wait", "etcd"])
def test_a_play_that_ends_early_names_no_later_stage_in_record_slack_and_timeline(
    last: LastStage,
) -> None:
    wanted = stages_through(last)
    with launched(replace(SMALL, spec={"playbook": {"through": last}})) as made:
        made.apply()
        made.engine.finish()
        found, store = of(made), made.services.store
        events = store.events(REF)
        posted = [
            line
            for name in store.blobs.list(run_blob(REF.cluster, 1, "slack/"))
            for line in json.loads((store.blobs.read(name) or (b"{}",))[0]).get("lines", ())
        ]
    assert tuple(bar.id for bar in found.stages) == wanted
    assert tuple(event.stage for event in events if event.kind == "play.stage") == wanted
    assert {event.stage for event in events} == {"", *wanted}
    started = [line for line in posted if line.startswith("stage ")]
    assert started == [f"stage {stage} started" for stage in wanted]
    later = [stage for stage in STAGES if stage.id not in wanted and stage.id != "nodes"]
    told = [line for line in posted if not line.startswith("phase ")]
    told += [event.text for event in events if event.phase == "playbook"]
    for text in told:
        assert not [stage for stage in later if stage.id in text or stage.title in text], text


def test_the_stage_in_which_a_host_failed_has_failed_and_no_other() -> None:
    with launched(failing=1) as made:
        made.apply()
        made.engine.finish()
        found = of(made)
        result = made.result()
    assert [bar.state for bar in found.stages] == [*["done"] * (len(STAGE_IDS) - 1), "failed"]
    assert result is not None
    assert 85 <= result.percent < 88, "the last of twelve stages, of a phase from 55 to 88"


def test_a_running_part_has_no_end_and_an_interrupted_one_is_called_stopped() -> None:
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


def event(seq: int, kind: str, **more: Any) -> Event:
    time = f"2026-01-05T08:00:{seq:02}.000Z"
    fields = {"phase": "playbook", "text": "a text"} | more
    return Event.model_validate({"seq": seq, "time": time, "kind": kind} | fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"phase": "machines", "text": "deployment worker-0 started", "subject": "worker-0"},
        {"phase": "playbook", "text": "play: Etcd", "task": "Etcd", "stage": "etcd"},
        {"phase": "playbook", "text": "stage etcd started", "stage": "etcd"},
        {"phase": "nodes", "text": "ready", "node": "demo-worker-0", "nodes": ("demo-worker-0",)},
    ],
)
def test_no_text_counts(fields: dict[str, Any]) -> None:
    found = make_timeline(
        REF, [event(1, "run.started", phase=""), event(2, "note", **fields)], None
    )
    assert (found.deployments, found.stages, found.reports) == ((), (), ())


def test_a_second_attempt_of_the_play_is_a_second_bar() -> None:
    kinds = ["play.stage", "play.task", "play.lost", "play.started", "play.stage"]
    told = [event(number, kind, stage="etcd") for number, kind in enumerate(kinds, 1)]
    found = make_timeline(REF, told, None)
    assert [(bar.id, bar.name, bar.state) for bar in found.stages] == [
        ("etcd", "Etcd", "done"),
        ("etcd", "Etcd", "running"),
    ]
    assert found.stages[0].ended_at == told[2].time


def test_a_stage_of_another_version_has_its_id_as_its_name() -> None:
    found = make_timeline(REF, [event(1, "play.stage", stage="storage")], None)
    assert [(bar.id, bar.name) for bar in found.stages] == [("storage", "storage")]


def test_a_run_without_events_or_without_a_recorded_end_is_reported_as_it_is() -> None:
    assert make_timeline(REF, [], "").ended_at is None
    only = event(1, "run.started", phase="")
    assert make_timeline(REF, [only], "").ended_at == only.time
