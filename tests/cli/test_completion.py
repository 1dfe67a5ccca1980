"""The completion scripts, in the shells that are on this machine."""

import shutil
import subprocess
from pathlib import Path

import pytest

from cli.arguments import SHELLS
from cli.parser import build_parser
from dev import parser as checkout

# Prints what bash would offer for the words of the command line.
BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
name=$(complete -p slipway | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"$name"; printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = "source $argv[1]; set line (string join -- ' ' $argv[2..]); complete \"-C$line\""


def script(shell: str, directory: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    args = build_parser().parse_args(["completion", shell])
    assert args.run(args) == 0
    path = directory / f"slipway.{shell}"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    return path


def offered(*argv: str) -> list[str]:
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return [line.partition("\t")[0] for line in done.stdout.splitlines()]


def test_bash_completes_commands_options_and_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(script("bash", tmp_path, capsys))
    (tmp_path / "cluster.yaml").touch()
    monkeypatch.chdir(tmp_path)

    def complete(*words: str) -> list[str]:
        return offered("bash", "-c", BASH, "bash", path, "slipway", *words)

    assert complete("kube") == ["kubeconfig"]
    assert "--no-wait" in complete("apply", "--")
    assert complete("completion", "") == list(SHELLS)
    assert "cluster.yaml" in complete("apply", "-f", "clu")


def test_fish_completes_commands_and_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fish = shutil.which("fish")
    if not fish:
        pytest.skip("fish is not on this machine")
    path = str(script("fish", tmp_path, capsys))
    assert "kubeconfig" in offered(fish, "--no-config", "-c", FISH, path, "slipway", "kube")
    assert "--no-wait" in offered(fish, "--no-config", "-c", FISH, path, "slipway", "apply", "--no")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_sound_and_names_every_command(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = script(shell, tmp_path, capsys)
    text = path.read_text(encoding="utf-8")
    for command in ("plan", "apply", "get", "events", "doctor", "mirror"):
        assert command in text
    if program := shutil.which(shell):
        subprocess.run([program, "-n", str(path)], check=True)


def test_a_checkouts_script_has_its_own_commands(capsys: pytest.CaptureFixture[str]) -> None:
    args = checkout.build_parser().parse_args(["completion", "bash"])
    args.run(args)
    assert "_shtab_slipway_lab_up" in capsys.readouterr().out
