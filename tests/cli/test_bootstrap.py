"""The bootstrap on machines that lack something. It is copied, so that it finds no .venv."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "slipway"
TOOLS = (
    "bash", "cat", "cut", "dirname", "env", "flock", "getent", "mv", "readlink", "rm", "sha256sum",
    "sort",
)  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the script with a lock, and a PATH of shell tools without any Python."""
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
    return tmp_path


def start(house: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(house / "slipway"), "get"],
        cwd="/",
        env={"PATH": str(house / "bin"), "HOME": str(house)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


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


def test_finds_a_python_below_pyenv_and_says_when_it_cannot_make_an_environment(
    house: Path,
) -> None:
    python = house / "pyenv/versions/3.13.7/bin/python3.13"
    program(python, 'case "$2" in *ensurepip*) exit 1;; *print*) echo python3.13-venv;; esac')
    done = start(house, PYENV_ROOT=str(house / "pyenv"))
    assert done.returncode == 1
    assert f"{python} has no ensurepip" in done.stderr
    assert "apt-get install python3.13-venv" in done.stderr
    assert not (house / ".venv").exists()


def test_makes_the_environment_again_only_when_it_is_not_what_the_lock_says(house: Path) -> None:
    """A stand-in for Python notes how it is called; the environment is a copy of it."""
    notes = house / "notes"
    python = house / "opt/versions/3.13.7/bin/python3.13"
    program(
        python,
        f'echo "$*" >>{notes}\n'
        'case "$*" in *"%d.%d"*) echo 3.13;; -V) echo Python 3.13.7;; esac\n'
        'if [[ "$1 $2" == "-m venv" ]]; then mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; fi',
    )
    for tool in ("mkdir", "cp"):
        (house / "bin" / tool).symlink_to(str(shutil.which(tool)))

    def calls() -> list[str]:
        done = start(house)
        assert done.returncode == 0, done.stderr
        said = notes.read_text(encoding="utf-8").splitlines()
        notes.unlink()
        wanted = ("-m venv", "-m pip", "-P -m cli")
        return [want for line in said for want in wanted if line.startswith(want)]

    def killed_before_the_mark() -> None:
        (house / ".venv/.slipway-lock").unlink()

    def lock_changed() -> None:
        (house / "requirements/dev.txt").write_text("# new\n", encoding="utf-8")

    made = ["-m venv", "-m pip", "-P -m cli"]
    assert calls() == made
    assert calls() == ["-P -m cli"]
    killed_before_the_mark()
    assert calls() == made
    lock_changed()
    assert calls() == made
    assert calls() == ["-P -m cli"]


def test_ci_runs_the_test_command() -> None:
    run = SCRIPT.parent / ".ci/run"
    assert os.access(run, os.X_OK)
    assert "./slipway test" in run.read_text(encoding="utf-8")
