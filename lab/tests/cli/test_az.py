"""`slipway lab az`: several at once, a sign-in with an end, and a user's command without one."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from dev.__main__ import main
from lab import azure_cli as module
from lab.azure_cli import AzureCli, SignInError, azure_cli
from lab.cli import az as lab_az

type Output = pytest.CaptureFixture[str]
type Program = Callable[[str, str], Path]
# Nobody listens there: the front itself answers.
AZURE = "http://127.0.0.1:9"
SIGNED_IN = "exit 0"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Microsoft's command line, played: a shell's words for its sign-in, and for all else."""

    def made(sign_in: str, command: str = "exit 0") -> Path:
        path = tmp_path / "az"
        text = f'#!/bin/sh\ncase "$1" in account|login) {sign_in};; esac\n{command}\n'
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        monkeypatch.setattr(lab_az, "PROGRAM", path)
        return path

    found: Any = type("Lab", (), {"info": {"azure": AZURE, "identityHeader": "x"}})
    monkeypatch.setattr(lab_az, "become_root", lambda _: None)
    monkeypatch.setattr(lab_az, "running_lab", lambda: found)
    monkeypatch.setattr(lab_az, "prepare", lambda *_: "")
    monkeypatch.setattr(lab_az.control, "STATE", tmp_path / "lab")
    return made


def reached(az: AzureCli) -> int:
    """The front's answer to a client that trusts what the command line does."""
    environment = az.environment
    with requests.Session() as session:
        session.trust_env = False
        return session.get(
            "https://management.azure.com/",
            proxies={"https": environment["HTTPS_PROXY"]},
            verify=environment["REQUESTS_CA_BUNDLE"],
            timeout=60,
        ).status_code


def test_each_of_two_at_once_trusts_its_own_front(program: Program, tmp_path: Path) -> None:
    config, az = tmp_path / "config", program(SIGNED_IN, "")
    with azure_cli(az, AZURE, "x", config) as first:
        with azure_cli(az, AZURE, "x", config) as second:
            assert [reached(first), reached(second)] == [502, 502]
            assert first.environment["AZURE_CONFIG_DIR"] == second.environment["AZURE_CONFIG_DIR"]
        assert reached(first) == 502


def test_a_fronts_files_are_its_users_alone_and_do_not_stay(
    program: Program, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    with azure_cli(program(SIGNED_IN, ""), AZURE, "x", config) as az:
        private = Path(az.environment["REQUESTS_CA_BUNDLE"]).parent
        assert private.stat().st_mode & 0o777 == 0o700
    assert not private.exists()
    assert list(config.glob("*.pem")) == []


def test_two_sign_in_one_after_the_other(program: Program, tmp_path: Path) -> None:
    """They write the same profile."""
    busy = '"$AZURE_CONFIG_DIR/busy"'
    az = program(f"mkdir {busy} || exit 1; sleep 0.3; rmdir {busy}; exit 0", "")
    failures: list[str] = []

    def sign_in() -> None:
        try:
            with azure_cli(az, AZURE, "x", tmp_path / "config"):
                pass
        except SignInError as error:
            failures.append(str(error))

    threads = [threading.Thread(target=sign_in) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_sign_in_that_does_not_end_is_reported(
    program: Program, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr(module, "SIGN_IN_SECONDS", 0.2)
    program("sleep 60", "exit 0")
    assert main(["lab", "az", "--", "group", "list"]) == 1
    told = capsys.readouterr().err
    assert "the sign-in to the lab's Azure failed: 'az account' did not end within 0.2 s" in told


def test_a_users_command_takes_as_long_as_it_likes(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with azure_cli(program(SIGNED_IN, "sleep 0.5; exit 7"), AZURE, "x", tmp_path / "config") as az:
        monkeypatch.setattr(module, "SIGN_IN_SECONDS", 0.01)
        assert az.run_at_terminal(["vm", "wait"]) == 7


def test_an_interrupt_is_the_commands_to_handle(program: Program, capsys: Output) -> None:
    """A terminal sends it to both."""
    program(SIGNED_IN, "sleep 1; kill -INT $PPID; sleep 1; exit 9")
    assert main(["lab", "az", "--", "interactive"]) == 9
    assert capsys.readouterr().err == ""


def test_a_command_that_an_interrupt_ends_has_a_shells_exit_code(program: Program) -> None:
    program(SIGNED_IN, "sleep 1; kill -INT $PPID; kill -INT $$")
    assert main(["lab", "az", "--", "vm", "wait"]) == 130


def test_an_interrupted_sign_in_ends_the_command_quietly(program: Program, capsys: Output) -> None:
    program("sleep 1; kill -INT $PPID; sleep 60", "exit 0")
    assert main(["lab", "az", "--", "group", "list"]) == 130
    assert capsys.readouterr().err == ""
