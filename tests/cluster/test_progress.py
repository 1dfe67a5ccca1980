"""Percent never falls, whatever the play announces and however often it begins again.

The announcements are those of the real site.yml, by the controller's own writer, read by the
activity and recorded by the step of the orchestrator.
"""

import io
import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.poll_play import play_events
from cluster.contracts import POLL_PLAY, PlayEvent, PollPlayResult
from cluster.events import Event
from cluster.outcomes import Outcome
from cluster.progress import PHASES, percent
from cluster.stages import LAST_STAGES, STAGE_IDS, STAGES, stages_through
from lab.simulation.play import controller_program, site_plays
from orchestrators.backup_cluster import PHASES as BACKUP
from orchestrators.delete_cluster import PHASES as REMOVAL
from orchestrators.reconcile_cluster import PHASES as LAUNCH
from orchestrators.restore_cluster import PHASES as RESTORE
from orchestrators.rotate_credential import PHASES as ROTATION
from orchestrators.steps.run_playbook import ATTEMPTS, run_playbook
from tests.orchestrators.step import Stepping

PLAYS = tuple(site_plays())
LOW, HIGH = PHASES["playbook"]


def announced(plays: Iterable[str]) -> list[Any]:
    """The lines that the controller writes where Ansible announces these plays."""
    lines = io.StringIO()
    writer = controller_program("events").Writer(lines, io.StringIO(), site_plays())
    for play in plays:
        for kind in ("playbook_on_play_start", "playbook_on_task_start"):
            writer({"event": kind, "event_data": {"play": play, "task": f"of {play}"}})
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def run_of(
    stages: tuple[str, ...], attempts: Sequence[Sequence[str]]
) -> tuple[list[Event], list[int]]:
    """The events, and percent after each poll. Every attempt but the last is lost."""
    polls: list[PollPlayResult] = []
    for number, plays in enumerate(attempts, 1):
        for play in plays:
            events = play_events(announced([play]), stages)
            polls.append(PollPlayResult(state="wait", events=events, events_offset=1))
        last = number == len(attempts)
        ended = {"play_state": "finished", "exit_code": 0} if last else {"play_state": "lost"}
        polls.append(PollPlayResult.model_validate({"events_offset": 1} | ended))
    answers = iter(polls)

    def script(name: str, _: Any) -> Outcome:
        return next(answers) if name == POLL_PLAY.name else Outcome()

    stepping = Stepping(script)
    stepping.run(run_playbook, phase="playbook", stages=stages)
    return stepping.events, [percent(status) for status in stepping.backend.statuses]


def test_the_plays_of_the_site_in_their_order_go_from_the_phases_begin_towards_its_end() -> None:
    _, shown = run_of(STAGE_IDS, [PLAYS])
    assert shown == sorted(shown)
    assert (shown[0], shown[-1]) == (LOW, int(LOW + (HIGH - LOW) * 11 / 12))


@pytest.mark.parametrize("last", LAST_STAGES)
def test_nothing_names_a_stage_that_does_not_run(last: Any) -> None:
    wanted = stages_through(last)
    events, shown = run_of(wanted, [PLAYS])
    assert [event.stage for event in events if event.kind == "play.stage"] == list(wanted)
    assert {event.stage for event in events} <= {"", *wanted}
    skipped = [stage for stage in STAGES if stage.id not in wanted]
    for event in events:
        assert not any(stage.title in event.text or stage.id in event.text for stage in skipped)
    assert shown == sorted(shown)


@given(
    st.sampled_from(LAST_STAGES),
    st.lists(st.lists(st.sampled_from(PLAYS), max_size=20), min_size=1, max_size=ATTEMPTS),
)
def test_no_order_of_plays_and_no_lost_attempt_makes_it_fall(
    last: Any, attempts: list[list[str]]
) -> None:
    wanted = stages_through(last)
    events, shown = run_of(wanted, attempts)
    assert shown == sorted(shown)
    assert all(LOW <= one <= HIGH for one in shown)
    assert {event.stage for event in events} <= {"", *wanted}


@given(st.sets(st.sampled_from(STAGE_IDS), min_size=1), st.permutations(PLAYS))
def test_no_list_of_stages_makes_it_fall(stages: set[str], plays: list[str]) -> None:
    wanted = tuple(stage for stage in STAGE_IDS if stage in stages)
    events, shown = run_of(wanted, [PLAYS, plays])
    assert shown == sorted(shown)
    first = itertools.takewhile(lambda event: event.kind != "play.lost", events)
    assert [event.stage for event in first if event.kind == "play.stage"] == list(wanted)


def test_a_play_that_goes_from_host_to_host_begins_its_stage_once() -> None:
    plays = ["Control plane", *["Control plane, one by one"] * 3]
    events, _ = run_of(STAGE_IDS, [plays])
    assert [event.stage for event in events if event.kind == "play.stage"] == ["control-plane"]


def test_a_play_of_an_older_version_is_known_by_its_name() -> None:
    lines = [
        {"kind": "play", "play": "Control plane, one by one"},
        {"kind": "play", "play": "Wait"},
    ]
    assert play_events(lines, ("check", "control-plane")) == (
        PlayEvent(kind="play", play="Control plane, one by one", stage="control-plane"),
    )


@pytest.mark.parametrize("phases", [LAUNCH, REMOVAL, BACKUP, RESTORE, ROTATION])
def test_each_phase_begins_where_the_one_before_it_ends(phases: dict[str, Any]) -> None:
    bounds = [PHASES[name] for name in phases]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == 100
    assert all(before[1] == after[0] for before, after in itertools.pairwise(bounds))


@given(st.integers(0, 1000), st.integers(0, 1001), st.integers(0, 12))
def test_no_phase_goes_beyond_its_end(nodes: int, ready: int, done: int) -> None:
    counts = {"nodes": {"total": nodes, "ready": min(ready, nodes + 1)}}
    counts |= {"play": {"done": done, "total": 12}}
    for phase, (low, high) in PHASES.items():
        assert low <= percent(counts | {"phase": phase}) <= high


@pytest.mark.parametrize("number", range(len(LAST_STAGES)))
def test_a_status_of_an_older_version_counts_as_it_counted_there(number: int) -> None:
    """It has the lower-cased name of a play, and no counts."""
    titles = {stage.id: stage.title for stage in STAGES}
    play = {"stage": f"{titles[LAST_STAGES[number]]}, one by one".lower(), "task": "t", "host": ""}
    shown = percent({"phase": "playbook", "play": play})
    assert shown == int(LOW + (HIGH - LOW) * number / len(LAST_STAGES))


def test_an_unknown_play_of_an_older_version_is_at_the_phases_begin() -> None:
    assert percent({"phase": "playbook", "play": {"stage": "gossip"}}) == LOW


@pytest.mark.parametrize("status", [{}, {"phase": "unknown"}, {"phase": "playbook", "play": None}])
def test_a_status_that_says_little_is_read(status: dict[str, Any]) -> None:
    assert percent(status) == (LOW if status.get("phase") == "playbook" else 0)
