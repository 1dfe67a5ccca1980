"""A run: parallel specs before serial ones, results on disk at each step, nothing left behind."""

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lab.conformance.results import JUNIT, SUMMARY, State, read_results
from lab.conformance.run import Request, Run
from lab.conformance.suite import Suite
from lab.conformance.target import Target, TargetError
from lab.tests.conformance.conftest import Specs, spec

type Made = Callable[..., Run]
PASSES = "[sig-apps] Things should pass [Conformance]"
FAILS = "[sig-net] Things should (fail) [Conformance]"
WAITS = "[sig-apps] Things should wait [Serial] [Conformance]"
SPECS = [
    spec("should pass"),
    spec("should (fail)", "failed", sig="net"),
    spec("should wait", serial=True),
]


@pytest.fixture
def made(suite_of: Callable[[Specs], Suite], target: Target, tmp_path: Path) -> Made:
    def made(
        specs: Specs, focus: str = "", earlier: str = "", said: list[str] | None = None
    ) -> Run:
        suite = suite_of(specs)
        known = read_results(tmp_path / earlier)[1] if earlier else []
        request = Request(re.compile(focus), 4, tmp_path / "report", known)
        report = (said if said is not None else []).append
        return Run(suite, suite.specs(), target, request, report)

    return made


def states(run: Run) -> dict[str, State]:
    return {name: result.state for name, result in run.summary.results.items()}


def calls(directory: Path) -> list[list[str]]:
    path = directory / "calls"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_parallel_specs_run_before_serial_ones(made: Made, directory: Path) -> None:
    said: list[str] = []
    run = made(SPECS, said=said)
    run.conduct()
    assert states(run) == {PASSES: State.PASSED, FAILS: State.FAILED, WAITS: State.PASSED}
    assert [word for call in calls(directory) for word in call if "procs" in word] == [
        "--procs=4",
        "--procs=1",
    ]
    shown = [text for text in said if "/3 " in text]
    assert len(shown) == 3
    assert "3/3 passed" in shown[2]
    assert WAITS in shown[2]
    assert any("FAILED" in text and FAILS in text for text in shown)


def test_the_results_name_failures_with_the_end_of_their_output(made: Made, tmp_path: Path) -> None:
    run = made(SPECS)
    run.conduct()
    document = json.loads((tmp_path / "report" / SUMMARY).read_text())
    assert document["counts"] == {"passed": 2, "failed": 1, "skipped": 0, "not run": 0}
    tail = run.summary.results[FAILS].tail
    assert tail == "timed out waiting\nat x.go:7\nfirst line\nlast line"
    top = ElementTree.parse(tmp_path / "report" / JUNIT).getroot()  # noqa: S314 -- its own file
    assert (top.get("tests"), top.get("failures")) == ("3", "1")
    assert [case.get("name") for case in top if case.find("failure") is not None] == [FAILS]


def test_what_passed_earlier_counts_and_does_not_run_again(
    made: Made, directory: Path, tmp_path: Path
) -> None:
    made(SPECS).conduct()
    (directory / "calls").unlink()
    mended = [
        spec("should pass"),
        spec("should (fail)", sig="net"),
        spec("should wait", serial=True),
    ]
    run = made(mended, earlier="report")
    run.conduct()
    assert set(states(run).values()) == {State.PASSED}
    (call,) = calls(directory)
    (focus,) = (word for word in call if word.startswith("--focus"))
    assert "should\\ pass" not in focus
    assert read_results(tmp_path / "report")[1] == list(run.summary.results.values())
    assert [one.name for one in run.summary.results.values() if one.earlier] == [PASSES, WAITS]


def test_results_of_specs_that_are_not_asked_for_again_stay(made: Made, tmp_path: Path) -> None:
    made(SPECS).conduct()
    run = made(SPECS, focus="wait", earlier="report")
    run.conduct()
    kept = {one.name: one.state for one in read_results(tmp_path / "report")[1]}
    assert kept == {PASSES: State.PASSED, FAILS: State.FAILED, WAITS: State.PASSED}


def test_a_focus_chooses_by_name(made: Made) -> None:
    run = made(SPECS, focus=r"\bwait\b")
    run.conduct()
    assert states(run) == {WAITS: State.PASSED}


def test_a_spec_that_cannot_run_on_the_cluster_is_no_pass(made: Made) -> None:
    run = made([spec("should pass", "skipped")])
    run.conduct()
    assert states(run) == {PASSES: State.SKIPPED}
    assert "needs two nodes" in run.summary.results[PASSES].tail


def test_namespaces_that_specs_left_are_deleted_and_others_stay(
    made: Made, directory: Path
) -> None:
    (directory / "namespaces").write_text("namespace/of-another-run\n")
    made(SPECS).conduct()
    assert (directory / "namespaces").read_text().split() == ["namespace/of-another-run"]


@pytest.mark.parametrize("server", ["v1.35.9", "v1.37.0"])
def test_a_cluster_of_another_minor_version_is_refused(
    made: Made, directory: Path, tmp_path: Path, server: str
) -> None:
    (directory / "server").write_text(server)
    with pytest.raises(TargetError, match=rf"demo runs Kubernetes {server}, and the suite is v1"):
        made(SPECS).conduct()
    assert not (tmp_path / "report").exists()


def test_a_suite_that_ends_at_once_leaves_specs_not_run(made: Made, directory: Path) -> None:
    said: list[str] = []
    run = made(SPECS, said=said)
    (directory / "ginkgo").write_text("#!/bin/sh\necho no cluster\nexit 1\n")
    run.conduct()
    assert set(states(run).values()) == {State.NOT_RUN}
    assert any(re.search(r"parallel: 2 specs did not run; .*parallel\.log", text) for text in said)


def interrupt_at(path: Path, times: int) -> threading.Thread:
    """Sends Ctrl-C once the spec that hangs has begun."""

    def send() -> None:
        until = time.monotonic() + 60
        while not (path.exists() and path.read_text()) and time.monotonic() < until:
            time.sleep(0.02)
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize(("state", "times"), [("hangs", 1), ("killed", 2)])
def test_an_interrupt_leaves_results_and_nothing_else(
    made: Made, directory: Path, tmp_path: Path, state: str, times: int
) -> None:
    run = made([spec("should pass"), spec("should hang", state), spec("should wait", serial=True)])
    thread = interrupt_at(directory / "child", times)
    with pytest.raises(KeyboardInterrupt):
        run.conduct()
    thread.join()
    assert not is_alive(int((directory / "child").read_text()))
    assert (directory / "namespaces").read_text() == ""
    known = {one.name: one.state for one in read_results(tmp_path / "report")[1]}
    hung = "[sig-apps] Things should hang [Conformance]"
    assert known == {PASSES: State.PASSED, hung: State.NOT_RUN, WAITS: State.NOT_RUN}
    assert len(calls(directory)) == 1
