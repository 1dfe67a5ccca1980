"""Runs that were recorded are replayed on today's orchestrators, as the engine would after an
upgrade of the app. A change that a run in flight would not survive fails here."""

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from activities.bundle import playbook_bundle
from cluster.contracts import ENSURE_KEYS, ORCHESTRATION_VERSION
from lab.simulation.run import simulation
from orchestrators import delete_cluster as removal
from orchestrators import reconcile_cluster as module
from orchestrators.operation import Phases
from orchestrators.run import Run, Steps
from tests.replay import record
from tests.replay.replay import first_difference, load

CURRENT = int(ORCHESTRATION_VERSION)
FILES = sorted(record.HISTORIES.glob("*/*.json"))
SUCCESS = record.HISTORIES / ORCHESTRATION_VERSION / "success.json"
CANCELLED = record.HISTORIES / ORCHESTRATION_VERSION / "cancelled.json"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_recorded_run_replays(path: Path) -> None:
    for name, events in load(path):
        found = first_difference(events)
        assert found is None, f"{name}: {found}"


def test_every_kind_of_run_is_recorded_for_this_version() -> None:
    there = {path.stem for path in FILES if path.parent.name == ORCHESTRATION_VERSION}
    assert there == set(record.RUNS)


def test_no_history_was_recorded_again() -> None:
    """An app that wrote it may be in use. A change of it is a new version:
    docs/decisions/0009-orchestration-versions.md."""
    written: dict[str, str] = {}
    for sums in record.HISTORIES.glob("*/SHA256SUMS"):
        for line in sums.read_text(encoding="utf-8").splitlines():
            digest, name = line.split()
            written[f"{sums.parent.name}/{name}"] = digest
    assert written == {
        f"{path.parent.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in FILES
    }


def test_there_are_histories_of_every_version_with_a_table() -> None:
    folders = {int(path.parent.name) for path in FILES}
    assert folders == set(module.VERSIONS) == set(removal.VERSIONS)


def test_the_same_code_records_the_same_bytes() -> None:
    """So that two recordings differ by what was changed in the app, and by nothing else."""
    assert record.record("success") == record.record("success")


def moved() -> Phases:
    """Keys before the preflight."""
    order = ["plan", "keys", "preflight"]
    return {name: module.PHASES[name] for name in [*order, *list(module.PHASES)[3:]]}


def more(phase: str = "verify") -> Phases:
    """An activity more, before those of the phase."""

    def twice(run: Run) -> Steps[None]:
        yield from run.perform(ENSURE_KEYS, run.ref)
        yield from module.PHASES[phase](run)

    return module.PHASES | {phase: twice}


def fewer() -> Phases:
    """The last phase is gone."""
    return {name: step for name, step in module.PHASES.items() if name != "controller"}


@pytest.mark.parametrize(
    ("change", "activity", "instead"),
    [
        (moved, "ensure_group", "ensure_keys"),
        (more, "verify_cluster", "ensure_keys"),
        (fewer, "stop_controller", "record_events"),
    ],
)
def test_a_change_that_breaks_a_run_in_flight_is_named_with_its_event(
    monkeypatch: pytest.MonkeyPatch, change: object, activity: str, instead: str
) -> None:
    assert callable(change)
    monkeypatch.setitem(module.VERSIONS, CURRENT, change())
    found = [first_difference(events) for _, events in load(SUCCESS)]
    differing = next(text for text in found if text)
    lines = SUCCESS.read_text(encoding="utf-8").splitlines()
    assert f"recorded is activity {activity} as task " in differing
    assert f"the code asks for activity {instead} as task " in differing
    index = int(differing.partition("event ")[2].partition(":")[0])
    assert f'"name": "{activity}"' in lines[3 + index]


def test_a_change_after_the_place_where_a_run_ended_does_not_affect_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(module.VERSIONS, CURRENT, more())
    assert [first_difference(events) for _, events in load(CANCELLED)] == [None]


def test_a_play_in_flight_is_polled_with_the_playbooks_of_the_new_app(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The new app's programs are not on the controller yet when it asks for the first time."""
    newer = replace(playbook_bundle(), digest="f" * 64)

    def upgrade() -> None:
        polling = sys.modules["activities.poll_play"]  # the package's name is the function's
        monkeypatch.setattr(polling, "playbook_bundle", lambda: newer)

    with simulation(record.SMALL) as made:
        made.apply()
        made.clock.at(300.0, upgrade)
        made.engine.finish()
        result = made.result()
    assert result is not None
    assert result.result == "succeeded"
    assert {directory.rpartition("/")[2] for directory in made.fleet.bundles} == {
        playbook_bundle().digest,
        newer.digest,
    }


def run_through_an_upgrade(monkeypatch: pytest.MonkeyPatch, version: int) -> tuple[str, str]:
    """How a run ended whose table `version` was replaced while it was in its second minute, and
    how the run after it did."""
    with simulation(record.SMALL) as made:
        table, first = more("preflight"), made.apply()
        made.clock.at(100.0, lambda: monkeypatch.setitem(module.VERSIONS, version, table))
        made.engine.finish()
        monkeypatch.setattr("runs.engine.ORCHESTRATION_VERSION", str(version))
        second = made.apply()
        asked = made.engine.counts.activities["ensure_keys"]
        made.engine.finish()
        keys = made.engine.counts.activities["ensure_keys"] - asked
        before = SUCCESS.read_text(encoding="utf-8").count('"name": "ensure_keys"')
        instances = (first.operation.instance_id, second.operation.instance_id)
        assert keys == before + 1, "the new table was not used for the new run"
        return made.engine.ended(instances[0]), made.engine.ended(instances[1])


def test_a_run_in_flight_finishes_on_the_version_that_it_began_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run_through_an_upgrade(monkeypatch, CURRENT + 1) == ("COMPLETED", "COMPLETED")


@pytest.mark.long
def test_without_a_version_of_its_own_a_run_in_flight_would_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run_through_an_upgrade(monkeypatch, CURRENT) == ("FAILED", "COMPLETED")
