"""The help names what scripts rely on."""

import re

import pytest

from cli.__main__ import main
from cli.exits import Exit
from dev.parser import build_parser


def test_every_exit_code_is_explained() -> None:
    codes = build_parser().format_help().partition("exit codes:\n")[2]
    assert sorted(int(code) for code in re.findall(r"(?:^|  )(\d+)  ", codes, re.M)) == sorted(Exit)


def test_help_of_a_command_is_that_of_its_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "apply"]) == Exit.OK
    shown = capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["apply", "--help"])
    assert ended.value.code == Exit.OK
    assert capsys.readouterr().out == shown
    assert main(["help"]) == Exit.OK
    assert "exit codes:" in capsys.readouterr().out


def test_help_of_no_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["help", "frobnicate"])
    assert ended.value.code == Exit.REFUSED
    assert "there is no command 'frobnicate'" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["get", "--frob"], ["apply"], ["wait", "a", "--for", "x"]])
def test_wrong_arguments_print_the_usage_of_the_command(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == Exit.REFUSED
    assert capsys.readouterr().err.startswith(f"usage: slipway {argv[0]} ")
