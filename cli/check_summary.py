"""pytest plugin of the test command: how the checks before the tests ended, and whether what needs
something that not every machine has ran, as part of pytest's summary, so that pytest's closing line
stays the last."""

from collections.abc import Sequence

import pytest

OPTION = "--checks-before"
FULL_CLUSTER = "tests/kubernetes/"
# The property of a test's report that says what it looked at.
TYPES = "types"


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
        ended = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
        noted = [note for report in ended if report.passed for note in report.user_properties]
        terminalreporter.line(published_types([str(text) for key, text in noted if key == TYPES]))
        terminalreporter.line(full_cluster([report.nodeid for report in ended]))


def published_types(notes: Sequence[str]) -> str:
    """One line from what the tests of the templates noted."""
    if not notes:
        return "Azure's published types NOT RUN (tests/arm was left out, or failed)"
    return f"Azure's published types RAN ({'; '.join(notes)})"


def full_cluster(ended: Sequence[str]) -> str:
    """One line from the tests that really ran, by their ids: a test that was left out, or that
    found no cluster to look at, is not among them."""
    count = sum(node.startswith(FULL_CLUSTER) for node in ended)
    if count:
        return f"full cluster RAN ({count} tests)"
    return "full cluster NOT RUN (it needs --all --artifacts DIR)"
