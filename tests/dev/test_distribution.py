"""How the tests are divided between two processes, and what Ctrl-C then does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dev import check
from dev.__main__ import main
from dev.distribution import MACHINES, SHARED, group_of
from dev.paths import ROOT

OURS = ("-c", str(ROOT / "pyproject.toml"))
# Longer than pytest-xdist waits for a process by itself.
TESTS = """
import os, time
from pathlib import Path
import pytest

HERE = Path(__file__)

@pytest.fixture
def made():
    HERE.with_suffix(".made").touch()
    yield
    time.sleep(6)
    HERE.with_suffix(".made").unlink()

def test_that_waits(made):
    time.sleep(250)
"""


@pytest.mark.parametrize("place", [*MACHINES, *SHARED])
def test_a_place_that_is_named_is_there(place: str) -> None:
    assert (ROOT / place).exists()


def test_all_machines_are_made_in_one_process_and_a_file_stays_together() -> None:
    ids = [
        "tests/lab/test_doctor.py::test_a",
        "tests/kubernetes/test_drift.py::test_b[a::b]",
        "tests/playbooks/test_kernel_state.py::test_c",
    ]
    assert {group_of(each) for each in ids} == {"machines"}
    assert group_of("tests/engine/test_a.py::t[memory]") == group_of("tests/engine/test_b.py::t")
    assert group_of("tests/http/test_a.py::T::t[x]") == "tests/http/test_a.py"
    assert group_of("tests/http/test_a.py::t") != group_of("tests/http/test_b.py::t")


def test_a_test_with_machines_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(
        "import pytest\n\n@pytest.mark.lab\ndef test_a(): ...\n", encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *OURS, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    assert "test_one.py::test_a is marked lab: add it to dev.distribution.MACHINES" in done.stderr


def test_two_processes_have_one_summary_with_what_was_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "_static_checks", lambda: [(True, "one passed in 1 s")])
    monkeypatch.setattr(check, "is_root", lambda: False)
    monkeypatch.setattr(check, "sudo", list)
    monkeypatch.setattr(check, "PROCESSES", 2)
    for name in ("test_one.py", "test_two.py"):
        (tmp_path / name).write_text(
            "import os\nimport pytest\n\n"
            "@pytest.fixture(params=['memory', 'azure-storage'])\n"
            "def engine_name(request):\n"
            "    if request.param != 'memory': pytest.skip('not at hand')\n\n"
            "def test_short(engine_name): assert os.environ['PYTEST_XDIST_WORKER_COUNT'] == '2'\n\n"
            "@pytest.mark.long\ndef test_long(engine_name): ...\n",
            encoding="utf-8",
        )
    assert main(["test", "-n", "2", *OURS, str(tmp_path)]) == 0
    lines = capfd.readouterr().out.strip().splitlines()
    assert lines[-1].startswith("2 passed, 2 skipped, 4 deselected")
    assert lines[-7] == "one passed in 1 s"
    assert lines[-4] == (
        "engines: memory RAN (2 tests; 2 long ones with --all), azure-storage NOT RUN (not at hand)"
    )


def test_only_the_whole_of_the_short_tests_is_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "is_root", lambda: False)
    monkeypatch.setattr(check, "sudo", list)
    assert "-n" in check._pytest(False, [], [])
    assert "-n" not in check._pytest(True, [], [])
    assert "-n" not in check._pytest(False, ["tests/cluster", "-k", "spec"], [])


def test_ctrl_c_lets_both_processes_remove_what_their_tests_made(tmp_path: Path) -> None:
    made = [tmp_path / "test_one.made", tmp_path / "test_two.made"]
    for file in made:
        file.with_suffix(".py").write_text(TESTS, encoding="utf-8")
    command = "import sys; from dev import check; check._run(sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", command, sys.executable, "-m", "pytest", "-n", "2", *OURS, tmp_path],
        cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        until = time.monotonic() + 240
        while not all(file.exists() for file in made) and time.monotonic() < until:
            time.sleep(0.05)
        assert all(file.exists() for file in made)
        # As a terminal: every program of the group.
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGINT
    assert "Interrupted" in output or "KeyboardInterrupt" in output
    assert not any(file.exists() for file in made)
