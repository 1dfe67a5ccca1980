"""The bootstrap on machines that lack something. It is copied, so that it finds no .venv."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "slipway"
TOOLS = (
    "bash", "cat", "chown", "cp", "cut", "dirname", "env", "flock", "mkdir", "mv", "readlink", "rm",
    "sha256sum", "sort",
)  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the script with a lock, and a PATH of shell tools without any Python. The passwd
    database says that everybody lives in `house/home`."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/dev.txt").write_text("", encoding="utf-8")
    text = SCRIPT.read_text(encoding="utf-8")
    fixed = "/opt/pyenv"
    assert text.count(fixed) == 1
    copy = tmp_path / "slipway"
    # The places that are the same on every machine must not be this machine's.
    copy.write_text(text.replace(fixed, str(tmp_path / "opt")), encoding="utf-8")
    copy.chmod(0o755)
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (tools / tool).symlink_to(found)
    program(tools / "getent", f"echo somebody:x:4711:4711::{tmp_path}/home:/bin/sh")
    return tmp_path


def open_bootstrap(house: Path, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [str(house / "slipway"), "get"],
        cwd="/",
        env={"PATH": str(house / "bin"), "HOME": str(house)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start(house: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    process = open_bootstrap(house, **environment)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{shutil.which('bash')}\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def test_without_a_python_it_says_what_to_install_and_makes_nothing(house: Path) -> None:
    done = start(house)
    assert done.returncode == 1
    assert "apt-get install python3 python3-venv" in done.stderr
    assert "pyenv install 3.13" in done.stderr
    assert not (house / ".venv").exists()


def test_a_shim_that_does_not_run_is_no_python(house: Path) -> None:
    program(house / "bin/python3.13", "echo 'command not found' >&2; exit 127")
    done = start(house)
    assert done.returncode == 1
    assert "no Python 3.13 or newer" in done.stderr


@pytest.mark.parametrize(
    ("root", "environment"),
    [
        ("told", {"PYENV_ROOT": "{house}/told"}),
        ("by-shims", {"PATH": "{house}/bin:{house}/by-shims/shims"}),
        (".pyenv", {}),
        ("home/.pyenv", {"HOME": "/nowhere"}),
        ("home/.pyenv", {"SUDO_UID": "4711"}),
        ("opt", {}),
    ],
)
def test_finds_a_python_below_pyenv_and_says_when_it_cannot_make_an_environment(
    house: Path, root: str, environment: dict[str, str]
) -> None:
    python = house / root / "versions/3.13.7/bin/python3.13"
    program(python, 'case "$2" in *ensurepip*) exit 1;; *print*) echo python3.13-venv;; esac')
    done = start(house, **{key: text.format(house=house) for key, text in environment.items()})
    assert done.returncode == 1
    assert f"{python} has no ensurepip" in done.stderr
    assert "apt-get install python3.13-venv" in done.stderr
    assert not (house / ".venv").exists()


@dataclass
class Stand:
    """A stand-in for Python that notes how it is called; an environment is a copy of it. `pip` is
    a script that its `-m pip` runs."""

    house: Path
    notes: Path
    pip: Path

    def calls(self) -> list[str]:
        """What was called since the last time, in order."""
        said = self.notes.read_text(encoding="utf-8").splitlines()
        self.notes.unlink()
        wanted = ("-m venv", "-m pip", "-P -m dev")
        return [want for line in said for want in wanted if line.startswith(want)]

    def wait_for(self, text: str, times: int) -> None:
        for _ in range(3000):
            if self.notes.exists() and self.notes.read_text("utf-8").count(text) >= times:
                return
            time.sleep(0.01)
        raise AssertionError(f"{text} was not noted")


@pytest.fixture
def stand(house: Path) -> Stand:
    found = Stand(house, house / "notes", house / "pip")
    program(found.pip, ":")
    program(
        house / "opt/versions/3.13.7/bin/python3.13",
        f'echo "$*" >>{found.notes}\n'
        'case "$*" in *"%d.%d"*) echo 3.13;; -V) echo Python 3.13.7;; esac\n'
        'if [[ "$1 $2" == "-m venv" ]]; then mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; fi\n'
        f'if [[ "$1 $2" == "-m pip" ]]; then . {found.pip}; fi',
    )
    return found


MADE = ["-m venv", "-m pip", "-P -m dev"]


def test_makes_the_environment_again_only_when_it_is_not_what_the_lock_says(
    house: Path, stand: Stand
) -> None:
    def calls() -> list[str]:
        done = start(house)
        assert done.returncode == 0, done.stderr
        return stand.calls()

    assert calls() == MADE
    assert calls() == ["-P -m dev"]
    (house / ".venv/.slipway-lock").unlink()  # as one leaves it that was killed
    assert calls() == MADE
    (house / "requirements/dev.txt").write_text("# new\n", encoding="utf-8")
    assert calls() == MADE
    assert calls() == ["-P -m dev"]


def test_a_copy_of_a_checkout_makes_an_environment_of_its_own(house: Path, stand: Stand) -> None:
    assert start(house).returncode == 0
    copy = house / "copy"
    copy.mkdir()
    for name in ("slipway", "requirements", ".venv", "bin"):
        subprocess.run(["cp", "-a", str(house / name), str(copy)], check=True)
    stand.notes.unlink()
    assert start(copy).returncode == 0
    assert stand.calls() == MADE
    assert start(house).returncode == 0
    assert stand.calls() == ["-P -m dev"]


def test_what_pip_says_is_shown_and_the_next_start_tries_again(house: Path, stand: Stand) -> None:
    program(stand.pip, "echo THESE HASHES DO NOT MATCH >&2; exit 1")
    done = start(house)
    assert done.returncode == 1
    assert "THESE HASHES DO NOT MATCH" in done.stderr
    assert "requirements/dev.txt" in done.stderr
    assert stand.calls() == MADE[:2]
    program(stand.pip, ":")
    assert start(house).returncode == 0
    assert stand.calls() == MADE


def test_an_environment_that_cannot_be_replaced_is_named(house: Path, stand: Stand) -> None:
    (house / "bin/rm").unlink()
    program(house / "bin/rm", "echo rm: cannot remove: Permission denied >&2; exit 1")
    done = start(house)
    assert done.returncode == 1
    assert f"sudo rm -r {house}/.venv" in done.stderr


def test_a_checkout_that_cannot_be_written_is_told_with_what_to_do(
    house: Path, stand: Stand
) -> None:
    (house / "bin/mkdir").unlink()
    program(house / "bin/mkdir", "echo mkdir: cannot create: Read-only file system >&2; exit 1")
    done = start(house)
    assert done.returncode == 1
    assert "Read-only file system" in done.stderr
    assert f"pipx install {house}" in done.stderr
    assert not (house / ".venv").exists()


@pytest.fixture
def gate(house: Path, stand: Stand) -> Iterator[Callable[[], None]]:
    """pip waits until the gate is opened; whoever asks for the lock is noted first."""
    fifo = house / "gate"
    os.mkfifo(fifo)
    program(stand.pip, f"echo pip waits >>{stand.notes}; read -r <{fifo}")
    real = (house / "bin/flock").readlink()
    (house / "bin/flock").unlink()
    program(house / "bin/flock", f'echo flock >>{stand.notes}; exec {real} "$@"')
    opened = False

    def open_gate() -> None:
        nonlocal opened
        opened = True
        program(stand.pip, ":")
        fifo.write_text("go\n", encoding="utf-8")

    yield open_gate
    if not opened:
        open_gate()


def test_of_two_at_once_one_makes_the_environment(
    house: Path, stand: Stand, gate: Callable[[], None]
) -> None:
    first = open_bootstrap(house)
    stand.wait_for("pip waits", 1)
    second = open_bootstrap(house)
    stand.wait_for("flock", 2)
    gate()
    for process in (first, second):
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert stand.calls() == [*MADE, "-P -m dev"]


def test_a_pip_that_outlives_its_bootstrap_is_waited_for(
    house: Path, stand: Stand, gate: Callable[[], None]
) -> None:
    first = open_bootstrap(house)
    stand.wait_for("pip waits", 1)
    first.kill()
    first.wait()
    second = open_bootstrap(house)
    stand.wait_for("flock", 2)
    assert stand.notes.read_text("utf-8").count("-m venv") == 1
    gate()
    second.communicate(timeout=60)
    first.communicate(timeout=60)
    assert second.returncode == 0
    assert stand.calls() == ["-m venv", "-m pip", *MADE]


def test_ci_runs_the_test_command() -> None:
    run = SCRIPT.parent / ".ci/run"
    assert os.access(run, os.X_OK)
    assert "./slipway test" in run.read_text(encoding="utf-8")


def test_without_flock_as_on_macos_it_says_how_to_install_the_commands(
    house: Path, stand: Stand
) -> None:
    (house / "bin/flock").unlink()
    done = start(house)
    assert done.returncode == 1
    assert "pipx install ." in done.stderr
    assert not stand.notes.exists(), "nothing was made"
