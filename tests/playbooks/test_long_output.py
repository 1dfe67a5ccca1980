"""A task that prints very much neither delays a run nor fills the controller's disk."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.simulation.play import controller_program

MEGABYTE = 1_000_000


@pytest.fixture
def long_output() -> Any:
    return controller_program("long_output")


def results(texts: list[str]) -> list[dict[str, Any]]:
    start = {"event": "playbook_on_task_start", "event_data": {"task": "print"}, "stdout": "TASK"}
    return [start, *({"event": "runner_on_ok", "stdout": text} for text in texts)]


def written(whole: Path | None, *tasks: list[str]) -> str:
    log = io.StringIO()
    writer = controller_program("events").Writer(io.StringIO(), log, {}, whole)
    for texts in tasks:
        for event in results(texts):
            writer(event)
    return log.getvalue()


def test_a_task_that_prints_50_megabytes_leaves_a_short_log_that_says_where_the_rest_is(
    tmp_path: Path,
) -> None:
    whole = tmp_path / "long-output.log"
    text = "begin" + "x" * (50 * MEGABYTE) + "end"
    log = written(whole, [text])
    assert len(log) < 20_000
    assert "begin" in log
    assert log.rstrip().endswith("end")
    assert f"characters left out; all of it is in {whole} on the controller" in log
    assert whole.stat().st_size == len(text) + 1


def test_a_thousand_hosts_with_long_results_are_bounded_together(tmp_path: Path) -> None:
    texts = [f"host-{number} " + "x" * 30_000 for number in range(1000)]
    log = written(tmp_path / "whole", texts)
    assert len(log) < MEGABYTE
    assert all(f"host-{number} " in log for number in range(1000))


def test_each_task_has_its_own_share_and_short_results_are_whole(tmp_path: Path) -> None:
    text = "y" * 15_000
    log = written(tmp_path / "whole", *[[text] * 10 for _ in range(30)])
    assert log.count(text) == 300
    assert not (tmp_path / "whole").exists()


def test_on_a_full_disk_the_text_is_cut_and_not_kept(
    long_output: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=long_output.FREE_BYTES)
    monkeypatch.setattr(long_output.shutil, "disk_usage", lambda _: usage)
    log = written(tmp_path / "whole", ["z" * 100_000])
    assert "not kept, because the controller's disk is almost full" in log
    assert not (tmp_path / "whole").exists()


def test_a_text_that_cannot_be_encoded_is_kept_as_far_as_it_can(tmp_path: Path) -> None:
    written(tmp_path / "whole", ["\udcff" * 20_000])
    assert (tmp_path / "whole").stat().st_size == 20_001


def test_what_earlier_runs_kept_is_removed(long_output: Any, tmp_path: Path) -> None:
    for run in ("a", "b"):
        (tmp_path / run).mkdir()
        (tmp_path / run / "long-output.log").touch()
        (tmp_path / run / "play.log").touch()
    long_output.remove_of_earlier_runs(tmp_path, "long-output.log")
    assert sorted(path.name for path in tmp_path.rglob("*.log")) == ["play.log", "play.log"]


def test_a_failure_keeps_its_event(tmp_path: Path) -> None:
    lines = io.StringIO()
    writer = controller_program("events").Writer(lines, io.StringIO(), {}, tmp_path / "whole")
    data = {"host": "a", "res": {"msg": "no" + "x" * 100_000}}
    writer({"event": "runner_on_failed", "event_data": data, "stdout": "fatal" * 100_000})
    assert json.loads(lines.getvalue())["message"].startswith("no")
