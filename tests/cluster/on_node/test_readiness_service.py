"""The program that runs on every node: one connection, one report."""

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cluster.on_node import readiness_service
from cluster.on_node.readiness_service import DETAIL_LIMIT, CloudInit, Readiness, judge, report

NODE = {"cluster": "demo", "name": "demo-etcd-0", "role": "etcd", "address": "127.0.0.1"}
DONE: dict[str, Any] = {"status": "done", "errors": [], "recoverable_errors": {}, "stage": None}


@pytest.fixture(autouse=True)
def _host_name(monkeypatch: pytest.MonkeyPatch) -> None:
    names = os.uname_result(("Linux", NODE["name"], "6.12", "#1", "x86_64"))
    monkeypatch.setattr(readiness_service.os, "uname", lambda: names)


def answers(monkeypatch: pytest.MonkeyPatch, *found: dict[str, Any]) -> None:
    """cloud-init gives these answers in turn."""
    rest = iter(found)
    monkeypatch.setattr(readiness_service, "ask_cloud_init", lambda: next(rest))


@dataclass
class Files:
    """cloud-init's own, and what it answered when it was asked."""

    begun: Path
    ended: Path
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Files:
    made = Files(tmp_path / "status.json", tmp_path / "result.json")

    def ask() -> dict[str, Any]:
        made.asked.append("done" if made.ended.exists() else "running")
        return DONE | {"status": made.asked[-1]}

    monkeypatch.setattr(readiness_service, "BEGUN", made.begun)
    monkeypatch.setattr(readiness_service, "ENDED", made.ended)
    monkeypatch.setattr(readiness_service, "CLOUD_INIT", CloudInit())
    monkeypatch.setattr(readiness_service, "ask_cloud_init", ask)
    return made


@contextmanager
def serving() -> Iterator[tuple[str, int]]:
    with Readiness(NODE, port=0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[0], server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def call(address: tuple[str, int]) -> dict[str, Any]:
    """The whole answer, up to the end of the connection."""
    with socket.create_connection(address, timeout=30) as connection:
        received = b""
        while chunk := connection.recv(4096):
            received += chunk
    assert received.count(b"\n") == 1
    assert received.endswith(b"\n")
    return json.loads(received)


@pytest.mark.parametrize(
    ("answer", "status", "detail"),
    [
        (DONE, "ok", ""),
        (
            DONE | {"status": "running", "stage": "modules-final"},
            "running",
            "cloud-init stage: modules-final",
        ),
        (DONE | {"status": "not started"}, "running", "cloud-init stage: not begun"),
        (
            DONE | {"status": "error", "errors": ["first", "second"]},
            "error",
            "cloud-init ended as 'error': first\nsecond",
        ),
        (DONE | {"errors": ["late"]}, "error", "cloud-init ended as 'done': late"),
        (
            DONE | {"status": "disabled", "detail": "by a marker file"},
            "error",
            "cloud-init ended as 'disabled': by a marker file",
        ),
        ({}, "error", "cloud-init ended as '': "),
        (
            DONE | {"recoverable_errors": {"WARNING": ["old key", "old key"], "ERROR": ["odd"]}},
            "ok",
            "old key\nodd",
        ),
    ],
    ids=["done", "running", "early", "error", "late", "disabled", "nothing", "warnings"],
)
def test_cloud_inits_own_result_is_the_nodes(
    answer: dict[str, Any], status: str, detail: str
) -> None:
    assert judge(answer, "demo-etcd-0", "demo-etcd-0") == (status, detail)


def test_a_node_with_another_name_than_planned_is_an_error() -> None:
    status, detail = judge(DONE, "demo-etcd-0", "debian")
    assert status == "error"
    assert "debian" in detail
    assert "demo-etcd-0" in detail


def test_a_name_that_is_not_set_yet_is_no_error_while_cloud_init_runs() -> None:
    assert judge(DONE | {"status": "running"}, "demo-etcd-0", "debian")[0] == "running"


def test_the_report_says_who_where_and_since_which_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, DONE)
    assert report(NODE) == {
        "name": "demo-etcd-0",
        "role": "etcd",
        "address": "127.0.0.1",
        "bootId": readiness_service.BOOT_ID.read_text().strip(),
        "status": "ok",
        "detail": "",
    }


def test_detail_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, DONE | {"status": "error", "errors": ["x" * 5000]})
    assert len(report(NODE)["detail"]) == DETAIL_LIMIT


def completed(output: bytes) -> Any:
    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        assert command == ["/usr/bin/cloud-init", "status", "--format", "json"]
        assert options["timeout"] == readiness_service.ASK_SECONDS
        return subprocess.CompletedProcess(command, 2, output, b"")

    return run


def test_cloud_inits_exit_code_does_not_hide_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness_service.subprocess, "run", completed(json.dumps(DONE).encode()))
    assert report(NODE)["status"] == "ok"


@pytest.mark.parametrize("output", [b"", b"Traceback", b"[]"])
def test_an_answer_that_is_none_is_an_error(monkeypatch: pytest.MonkeyPatch, output: bytes) -> None:
    monkeypatch.setattr(readiness_service.subprocess, "run", completed(output))
    found = report(NODE)
    assert found["status"] == "error"
    assert found["detail"].startswith("cloud-init does not answer")


@pytest.mark.parametrize(
    ("fault", "status"),
    [(FileNotFoundError("cloud-init"), "error"), (subprocess.TimeoutExpired("x", 30), "running")],
    ids=["absent", "slow"],
)
def test_a_cloud_init_that_is_absent_fails_and_one_that_is_slow_does_not(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, status: str
) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise fault

    monkeypatch.setattr(readiness_service.subprocess, "run", run)
    assert report(NODE)["status"] == status


def test_every_caller_gets_the_state_of_its_own_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, DONE | {"status": "running"}, DONE)
    with serving() as address:
        assert call(address)["status"] == "running"
        assert call(address)["status"] == "ok"


def test_two_callers_are_served_and_a_slow_answer_is_kept(files: Files) -> None:
    files.begun.touch()
    files.ended.touch()
    with serving() as address:
        # The first leaves before its answer, as on a machine that is busy.
        socket.create_connection(address, timeout=30).close()
        callers = [threading.Thread(target=call, args=(address,)) for _ in range(2)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert call(address)["status"] == "ok"
    assert files.asked == ["done"]


def test_a_caller_that_leaves_early_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness_service, "ask_cloud_init", lambda: DONE)
    with serving() as address:
        for _ in range(5):
            socket.create_connection(address, timeout=30).close()
        assert call(address)["status"] == "ok"


def test_while_it_runs_callers_do_not_make_cloud_init_work(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud_init = CloudInit()
    files.begun.touch()
    assert {cloud_init.account()["status"] for _ in range(5)} == {"running"}
    assert files.asked == ["running"]
    monkeypatch.setattr(readiness_service, "RUNNING_SECONDS", 0.0)
    cloud_init.account()
    assert files.asked == ["running"] * 2, "one that died without a result would not be noticed"
    monkeypatch.setattr(readiness_service, "RUNNING_SECONDS", 60.0)
    files.ended.touch()
    assert [cloud_init.account()["status"] for _ in range(3)] == ["done"] * 3
    assert files.asked == ["running", "running", "done"]
    os.utime(files.begun, (1, 1))
    cloud_init.account()
    assert len(files.asked) == 4, "what is written later counts"


def test_without_its_files_cloud_init_is_asked_each_time(files: Files) -> None:
    cloud_init = CloudInit()
    for _ in range(3):
        cloud_init.account()
    assert len(files.asked) == 3
