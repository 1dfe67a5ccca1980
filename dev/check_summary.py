"""pytest plugin of the test command. It adds to pytest's summary the results of the checks that ran
before, and whether the tests with special requirements ran. So pytest's closing line remains the
last one."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from lab.host import ENGINES

OPTION = "--checks-before"
FULL_CLUSTER = "tests/kubernetes/"
# The property of a test's report that names the types which the test examined.
TYPES = "types"
# The property of a test that ran a command of Microsoft's command line. Its value says how.
AZURE_CLI = "azure-cli"
# The property of a test that ran specs of Kubernetes' own suite. Its value is their number.
CONFORMANCE = "conformance"
# The parameter with the engine that a test runs on (lab/testing/engines.py).
ENGINE = "engine_name"
# How many long tests were not requested, by engine; and how many tests were left out altogether.
LEFT = pytest.StashKey[Counter[str]]()
TOTAL = "all"
LEFT_OUT = "left-out"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, metavar="TEXT", default="", help="lines for the summary")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEFT] = Counter()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if engine := _engine(item):
            item.user_properties.append((ENGINE, engine))


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    for item in items:
        item.config.stash[LEFT][TOTAL] += 1
        if (engine := _engine(item)) and item.get_closest_marker("long"):
            item.config.stash[LEFT][engine] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    # In one of several processes: the first one writes the summary, and collects nothing itself.
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[LEFT_OUT] = dict(session.config.stash[LEFT])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    # Each process collects all tests: the numbers of one are those of all.
    left = getattr(node, "workeroutput", {}).get(LEFT_OUT)
    if left and not node.config.stash[LEFT]:
        node.config.stash[LEFT].update(left)
        terminal = node.config.pluginmanager.getplugin("terminalreporter")
        terminal.stats.setdefault("deselected", []).extend(
            SimpleNamespace() for _ in range(left[TOTAL])
        )


def _engine(item: pytest.Item) -> str | None:
    specification = getattr(item, "callspec", None)
    return specification.params.get(ENGINE) if specification else None


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    parts = config.getoption(OPTION)
    if parts:
        terminalreporter.section("checks")
        for line in parts.splitlines():
            terminalreporter.line(line, red="FAILED" in line)
        ended = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
        noted = [note for report in ended if report.passed for note in report.user_properties]
        terminalreporter.line(published_types([str(text) for key, text in noted if key == TYPES]))
        ways = Counter(str(text) for key, text in noted if key == AZURE_CLI)
        terminalreporter.line(azure_cli(ways))
        skipped = {
            engine: str(report.longrepr[2] if isinstance(report.longrepr, tuple) else "")
            for report in terminalreporter.getreports("skipped")
            for engine in _engines([report])
        }
        ran = Counter(_engines(ended))
        terminalreporter.line(engines(ran, skipped, config.stash[LEFT]))
        terminalreporter.line(full_cluster([report.nodeid for report in ended]))
        terminalreporter.line(conformance([str(text) for key, text in noted if key == CONFORMANCE]))


def published_types(notes: Sequence[str]) -> str:
    """Returns one line from the notes of the template tests."""
    if not notes:
        return "Azure's published types NOT RUN (tests/arm was left out, or failed)"
    return f"Azure's published types RAN ({'; '.join(notes)})"


def azure_cli(ways: Mapping[str, int]) -> str:
    """Returns one line. `ways`: how many commands ran against the lab, and for how many only the
    help was checked, because the lab does not support them."""
    if not ways.get("ran"):
        return "Microsoft's command line NOT RUN (it needs --all, and pip's azure-cli)"
    described = ways.get("described", 0)
    return (
        f"Microsoft's command line RAN ({ways['ran']} checks with commands against the lab, "
        f"{described} of commands by their help)"
    )


def engines(ran: Mapping[str, int], skipped: Mapping[str, str], left: Mapping[str, int]) -> str:
    """Returns one line. `ran` and `left`: the number of tests that ran, and of long tests that were
    not requested. `skipped`: why other tests could not run. All are by engine."""
    parts: list[str] = []
    for engine in ENGINES:
        more = f"; {left[engine]} long ones with --all" if left.get(engine) else ""
        if ran.get(engine):
            parts.append(f"{engine} RAN ({ran[engine]} tests{more})")
        else:
            why = skipped.get(engine, "its tests were left out").removeprefix("Skipped: ")
            parts.append(f"{engine} NOT RUN ({why})")
    return f"engines: {', '.join(parts)}"


def _engines(reports: Iterable[pytest.TestReport]) -> list[str]:
    return [
        str(text) for report in reports for key, text in report.user_properties if key == ENGINE
    ]


def full_cluster(ended: Sequence[str]) -> str:
    """Returns one line. `ended`: the ids of the tests that really ran; tests that were skipped, or
    found no cluster, are not among them."""
    count = sum(node.startswith(FULL_CLUSTER) for node in ended)
    if count:
        return f"full cluster RAN ({count} tests)"
    return "full cluster NOT RUN (it needs --all --artifacts DIR)"


def conformance(notes: Sequence[str]) -> str:
    """Returns one line. `notes`: the numbers of specs that passed."""
    if not notes:
        return "Kubernetes' own suite NOT RUN (it needs --all --artifacts DIR --conformance DIR)"
    return f"Kubernetes' own suite RAN ({sum(map(int, notes))} specs)"
