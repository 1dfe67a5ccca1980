"""pytest plugin of the test command: how the checks before the tests ended, as part of pytest's
summary, so that pytest's closing line stays the last."""

import pytest

OPTION = "--checks-before"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, metavar="TEXT", default="", help="lines for the summary")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    told = config.getoption(OPTION)
    if told:
        terminalreporter.section("checks")
        for line in told.splitlines():
            terminalreporter.line(line, red="FAILED" in line)
