"""The queries of workbook and alerts, evaluated over what runs really recorded.

The engine is duckdb-kql; the rows are those that Microsoft's exporter makes of the story's runs.
The answers are compared with a computation of their own (tests/telemetry/answers.py), and every
query is changed in each place to see that the comparison notices.
"""

import json
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from telemetry.names import EventName
from tests.telemetry.answers import DEADLINE, EXPECTED, run_stuck
from tests.telemetry.mutants import mutants
from tests.telemetry.queries import queries
from tests.telemetry.story import Story
from tests.telemetry.tables import DEPENDENCIES, EVENTS, NOW, Row, ask, sent, varied, workspace

# Changes that give the same answer, and why.
SAME = {
    "clusters": {"stage: | where Name in (": "each record is looked for by its name below"},
    "degraded": {
        'stage: | where Name == "slipway.run"': "the last event of an operation is its end",
        "stage: | project TimeGenerated": "the order of the columns; answers are compared by name",
    },
    "failures": {
        "aggregate: count() -> dcount(operation)": "there is one row for each operation by then",
        "number: 10 -> 710": "a limit of what is shown; no code has so many runs here",
    },
}

type Rows = list[dict[str, Any]]


@pytest.fixture(scope="session")
def recorded(story: Story) -> list[Row]:
    with pytest.MonkeyPatch.context() as patch:
        return [row for row in sent(story.heard, patch) if row.operation]


@pytest.fixture(scope="session")
def rows(recorded: list[Row]) -> list[Row]:
    return varied(recorded)


@pytest.fixture(scope="session")
def logs(rows: list[Row]) -> duckdb.DuckDBPyConnection:
    return workspace(rows)


def plain(value: Any) -> Any:
    """As it is compared: sets have no order, an absent text is an empty one."""
    if isinstance(value, str) and value.startswith("["):
        return tuple(sorted(json.loads(value)))
    if isinstance(value, set):
        return tuple(sorted(value))
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    if isinstance(value, float):
        return round(value, 6)
    return "" if value is None else value


def lines(rows: Rows) -> list[tuple[tuple[str, Any], ...]]:
    return [tuple((key, plain(value)) for key, value in sorted(row.items())) for row in rows]


def same(found: Rows, wanted: Rows, order: tuple[str, ...]) -> bool:
    """The same rows, with the same columns, in the same order as far as the query says one."""
    columns = [[plain(row[name]) for name in order if name in row] for row in found]
    ordered = columns == [[plain(row[name]) for name in order] for row in wanted]
    return ordered and sorted(lines(found), key=repr) == sorted(lines(wanted), key=repr)


def test_the_rows_are_those_of_runs(recorded: list[Row]) -> None:
    assert {row.name for row in recorded if row.table == EVENTS} == set(EventName)
    assert any(row.code == "429" for row in recorded if row.table == DEPENDENCIES)


@pytest.mark.parametrize("name", list(queries()))
def test_a_query_answers_what_the_runs_were(
    logs: duckdb.DuckDBPyConnection, rows: list[Row], name: str
) -> None:
    expected = EXPECTED[name]
    wanted = expected.compute(rows)
    found = ask(logs, queries()[name])
    assert wanted
    assert sorted(lines(found), key=repr) == sorted(lines(wanted), key=repr)
    assert same(found, wanted, expected.order)


def test_every_query_has_an_answer_to_compare_with() -> None:
    assert set(EXPECTED) == set(queries())


def test_a_run_is_stuck_from_its_deadline_on(recorded: list[Row]) -> None:
    """And no earlier, and not once its end was recorded."""
    claim = next(row for row in recorded if row.name == EventName.CLAIM)
    for late, stuck in ((timedelta(seconds=1), 1), (-timedelta(seconds=1), 0)):
        claimed = Row(EVENTS, NOW - DEADLINE - late, claim.name, claim.fields)
        ended = Row(EVENTS, NOW, EventName.RUN, claim.fields)
        for rows, count in (([claimed], stuck), ([claimed, ended], 0)):
            assert len(ask(workspace(rows), queries()["run-stuck"])) == count
            assert len(run_stuck(rows)) == count


def bare(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("//"))


def noticed(logs: duckdb.DuckDBPyConnection, text: str, wanted: Rows, order: Any) -> bool:
    try:
        return not same(ask(logs, text), wanted, order)
    except Exception:
        return True


@pytest.mark.parametrize("name", list(queries()))
def test_a_query_that_is_nearly_right_is_noticed(
    logs: duckdb.DuckDBPyConnection, rows: list[Row], name: str
) -> None:
    text, expected = bare(queries()[name]), EXPECTED[name]
    wanted = expected.compute(rows)
    assert not noticed(logs, text, wanted, expected.order)
    changed = list(mutants(text))
    assert len(changed) > 10
    left = [one for one in changed if not noticed(logs, one.text, wanted, expected.order)]
    known = SAME.get(name, {})
    assert [one for one in left if not any(map(one.title.startswith, known))] == []
    assert [why for why in known if not any(one.title.startswith(why) for one in left)] == []
