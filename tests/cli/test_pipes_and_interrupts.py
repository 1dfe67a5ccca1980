"""A reader that closes the pipe, and Ctrl-C while modules are loaded."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.__main__ import main
from tests.cli.conversation import (
    CLUSTER,
    EVENTS,
    KEY,
    OPERATION,
    Conversation,
    Said,
    cluster,
    event,
)

ROOT = Path(__file__).parents[2]
NODE = {"role": "worker", "pool": "w", "address": "10.0.0.1", "state": "ready"}


def into_closed_pipe(
    talk: Conversation, *argv: str, errors: bool = False
) -> "subprocess.CompletedProcess[str]":
    """Runs a command whose standard output nobody reads; with `errors`, its standard error too."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return subprocess.run(
            [sys.executable, "-m", "cli", *argv],
            cwd=ROOT,
            env=os.environ | {"SLIPWAY_URL": talk.url, "SLIPWAY_KEY": KEY},
            stdout=writing,
            stderr=writing if errors else subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)


@pytest.mark.parametrize(
    "argv",
    [["get", "shop"], ["get", "shop", "--json"], ["get", "shop", "-o", "yaml"], ["schema"],
     ["events", "shop"], ["--help"], ["completion", "bash"]],
)  # fmt: skip
def test_a_reader_that_closes_the_pipe_is_no_failure(talk: Conversation, argv: list[str]) -> None:
    nodes = [NODE | {"name": f"shop-w-{number}"} for number in range(2000)]
    talk.says("GET", CLUSTER, cluster("ready", nodes=nodes))
    told = [event(number, "x" * 100) for number in range(1, 2000)]
    talk.says("GET", EVENTS, Said(200, {"generation": 1, "events": told, "next": 2000}))
    done = into_closed_pipe(talk, *argv)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("errors", [False, True], ids=["told", "nowhere"])
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_a_failure_keeps_its_exit_code_where_nobody_reads(
    talk: Conversation, form: list[str], errors: bool
) -> None:
    talk.says("GET", CLUSTER, Said(404, {"title": "no cluster", "detail": "a line\n" * 9}))
    done = into_closed_pipe(talk, "get", "shop", *form, errors=errors)
    assert done.returncode == 2
    if not errors:
        assert done.stderr.startswith("slipway: no cluster")
        assert "Traceback" not in done.stderr


def shell(talk: Conversation, command: str) -> "subprocess.CompletedProcess[str]":
    """Runs `slipway` with redirections of the shell."""
    return subprocess.run(
        ["bash", "-c", f"exec {sys.executable} -m cli {command}"],
        cwd=ROOT,
        env=os.environ | {"SLIPWAY_URL": talk.url, "SLIPWAY_KEY": KEY},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("argv", ["get shop", "get shop --json", "schema"])
def test_a_full_disk_is_reported_in_one_line(talk: Conversation, argv: str) -> None:
    talk.says("GET", CLUSTER, cluster("ready"))
    done = shell(talk, f"{argv} > /dev/full")
    assert done.returncode == 1
    assert done.stderr == "slipway: cannot write: No space left on device\n"


@pytest.mark.parametrize("argv", ["get shop", "get shop --json", "schema"])
def test_closed_standard_output_is_no_failure(talk: Conversation, argv: str) -> None:
    talk.says("GET", CLUSTER, cluster("ready"))
    done = shell(talk, f"{argv} >&-")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-", "2> /dev/full", "> /dev/full"])
def test_a_failure_keeps_its_exit_code_without_its_streams(
    talk: Conversation, streams: str
) -> None:
    talk.says("GET", CLUSTER, Said(404, {"title": "no cluster"}))
    done = shell(talk, f"get shop --json {streams}")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("status", "code"), [(200, 0), (424, 1)])
def test_apply_into_a_closed_pipe_has_the_exit_code_of_the_run(
    talk: Conversation, spec: str, status: int, code: int
) -> None:
    told = [event(number, "x" * 100) for number in range(1, 2000)]
    talk.says("GET", EVENTS, Said(200, {"generation": 1, "events": told, "next": 2000}))
    talk.says("GET", OPERATION, Said(status, {"title": "the operation ended"}))
    talk.says("GET", CLUSTER, cluster("ready"))
    done = into_closed_pipe(talk, "apply", "-f", spec)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("module", ["cli", "dev"])
def test_ctrl_c_while_modules_are_loaded_prints_no_traceback(module: str, tmp_path: Path) -> None:
    """A module that the program loads says that it is loaded, and takes its time."""
    ready = tmp_path / "ready"
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Slow:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'cli.arguments':\n"
        f"            open({str(ready)!r}, 'w').close()\n"
        "            import time; time.sleep(60)\n"
        "sys.meta_path.insert(0, Slow())\n",
        encoding="utf-8",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", module, "--help"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not ready.exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        shown = process.communicate(timeout=60)
    finally:
        process.kill()
    assert shown == ("", "")
    assert process.returncode == -signal.SIGINT


def test_a_command_inside_of_another_program_leaves_its_handler(talk: Conversation) -> None:
    before = signal.getsignal(signal.SIGINT)
    talk.says("GET", CLUSTER, cluster("ready"))
    assert main(["get", "shop"]) == 0
    assert signal.getsignal(signal.SIGINT) is before
