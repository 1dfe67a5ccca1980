"""The help names what scripts rely on."""

import re

from cli.exits import Exit
from dev.parser import build_parser


def test_every_exit_code_is_explained() -> None:
    codes = build_parser().format_help().partition("exit codes:\n")[2]
    assert sorted(int(code) for code in re.findall(r"(?:^|  )(\d+)  ", codes, re.M)) == sorted(Exit)
