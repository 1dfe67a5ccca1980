"""Events of a turn that the engine repeated: recorded once, whatever time the second one has."""

import importlib
import json
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from activities import record_events
from cluster.contracts import RunRef
from cluster.events import Event, from_lines, to_line
from cluster.names import run_blob
from lab.simulation.clock import Clock
from lab.simulation.run import Scenario, simulation
from lab.simulation.storage import Blobs

# By its name: the package has a function of the same one.
MODULE = importlib.import_module("activities.record_events")
BLOB = run_blob("demo", 1, "events.jsonl")


@pytest.fixture
def blobs(monkeypatch: pytest.MonkeyPatch) -> Blobs:
    made = Blobs(Clock(), Counter())
    services = SimpleNamespace(store=SimpleNamespace(blobs=made))
    monkeypatch.setattr(MODULE, "services", lambda: services)
    return made


def record(position: int, *events: tuple[int, str, int]) -> int:
    """Each event: its number, its text, and the second of its time."""
    lines = [
        to_line(Event(seq=seq, time=f"2026-11-29T16:00:{second:02}.000Z", phase="keys", text=text))
        for seq, text, second in events
    ]
    payload: dict[str, Any] = {"cluster": "demo", "generation": 1}
    return record_events(payload | {"position": position, "lines": lines})["position"]


def texts(blobs: Blobs) -> list[str]:
    return [event.text for event in from_lines(blobs.content[BLOB][0].decode())]


def test_the_same_events_at_another_time_are_recorded_once(blobs: Blobs) -> None:
    start = record(0, (1, "a", 1))
    first = record(start, (2, "b", 2), (3, "c", 2))
    again = record(start, (2, "b", 40), (3, "c", 40))
    assert first == again
    assert texts(blobs) == ["a", "b", "c"]
    assert record(again, (4, "d", 41)) > again


@pytest.mark.parametrize("ended", ["done", "failed", "cancelled"])
def test_a_phase_that_took_longer_in_the_repeated_turn_ends_once(blobs: Blobs, ended: str) -> None:
    start = record(0, (1, "a", 1))
    first = record(start, (2, f"phase keys {ended} in 9 s", 2), (3, "b", 2))
    again = record(start, (2, f"phase keys {ended} in 127 s", 40), (3, "b", 40))
    assert first == again
    assert texts(blobs) == ["a", f"phase keys {ended} in 9 s", "b"]


def test_a_phase_that_ended_otherwise_in_the_repeated_turn_is_recorded(blobs: Blobs) -> None:
    start = record(0, (1, "a", 1))
    record(start, (2, "phase keys done in 9 s", 2))
    record(start, (2, "phase keys cancelled in 9 s", 40))
    assert texts(blobs) == ["a", "phase keys done in 9 s", "phase keys cancelled in 9 s"]


def test_the_texts_of_a_phases_end_have_no_other_duration() -> None:
    """What the orchestrator writes, with everything that a clock decides left out."""
    with simulation(Scenario(6, ready=60.0, play=90.0, tasks=12)) as made:
        made.apply()
        made.engine.finish()
        ref = RunRef(cluster=made.scenario.cluster, generation=1)
        ends = [e for e in made.services.store.events(ref) if e.kind == "phase.done"]
    assert len(ends) > 5
    assert {MODULE.DURATION.sub("", e.text) for e in ends} == {
        f"phase {e.subject} done" for e in ends
    }


def test_another_batch_follows_what_was_recorded_before(blobs: Blobs) -> None:
    start = record(0, (1, "a", 1))
    record(start, (2, "b", 2))
    end = record(start, (2, "b", 40), (3, "cancel requested", 40))
    record(end, (4, "d", 41))
    assert texts(blobs) == ["a", "b", "cancel requested", "d"]


def test_a_line_of_an_older_version_is_the_same_event_as_todays(blobs: Blobs) -> None:
    """The older version wrote no kind, no subject and no operation."""
    at, phase = "2026-11-29T16:00:01.000Z", "plan"
    old = {"seq": 1, "time": at, "phase": phase, "text": "launch of demo started", "level": "info"}
    blobs.append_at(BLOB, 0, (json.dumps(old) + "\n").encode())
    new = Event.model_validate(
        old
        | {"time": "2026-11-29T16:00:40.000Z", "kind": "run.started", "operation": "demo-000001"}
    )
    payload = {"cluster": "demo", "generation": 1, "position": 0, "lines": [to_line(new)]}
    record_events(payload)
    assert texts(blobs) == ["launch of demo started"]


def test_nodes_that_only_a_repeated_turn_saw_are_recorded(blobs: Blobs) -> None:
    for name in ("demo-etcd-0", "demo-etcd-1"):
        event = Event(
            seq=1, time="2026-11-29T16:00:01.000Z", phase="nodes", text="ready",
            kind="nodes.ready", nodes=(name,),
        )  # fmt: skip
        payload = {"cluster": "demo", "generation": 1, "position": 0, "lines": [to_line(event)]}
        record_events(payload)
    assert texts(blobs) == ["ready", "ready"]


def test_a_batch_that_comes_late_records_nothing_twice(blobs: Blobs) -> None:
    start = record(0, (1, "a", 1))
    end = record(start, (2, "b", 40))
    record(end, (3, "c", 41))
    record(start, (2, "b", 2))
    assert texts(blobs) == ["a", "b", "c"]


def test_a_hole_in_the_record_is_a_fault(blobs: Blobs) -> None:
    with pytest.raises(Exception, match=r"Conflict in .*record_events"):
        record(500, (9, "z", 1))
