"""The workbook's and the alerts' queries, compared with what runs really reported.

The language service of Kusto's makers reads them with the tables' columns; what stands in
`Properties` must be a field that the records or spans of a query had in the story's runs.
"""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks import cost
from lab.testing.machines import npm
from telemetry.names import ACTIVITY_SPAN, Attribute, EventName
from tests.telemetry.queries import TEMPLATES, joined, load, queries
from tests.telemetry.story import Story

FOLDER = Path(__file__).with_name("kusto")
# Columns as Microsoft's reference of the tables has them; those that no query may need are left
# out.
COMMON = (
    "TimeGenerated: datetime, Name: string, Properties: dynamic, Measurements: dynamic, "
    "OperationId: string, ParentId: string, AppRoleName: string, AppRoleInstance: string"
)
SCHEMA = {
    "AppEvents": f"({COMMON}, ItemCount: int)",
    "AppDependencies": f"({COMMON}, Target: string, ResultCode: string, DurationMs: real, "
    "Success: bool, DependencyType: string, Data: string, ItemCount: int)",
}
STATES = {"succeeded", "failed"}
KINDS = {"delete", "maintain"}


@pytest.fixture(scope="session")
def analyzed() -> Any:
    """A function of queries: name to faults and words."""
    cache = Path(os.environ.get("SLIPWAY_CACHE", "/var/cache/slipway"))
    package = npm.ensure(FOLDER, "kusto", cache, lambda _: None) / "@kusto/language-service-next"

    def analyze(texts: dict[str, str]) -> dict[str, dict[str, list[str]]]:
        argv = [str(npm.node()), str(FOLDER / "analyze.js"), str(package)]
        asked = json.dumps({"schema": SCHEMA, "queries": texts})
        done = subprocess.run(argv, input=asked, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    return analyze


def unquoted(word: str) -> str | None:
    return word[1:-1] if re.fullmatch(r'"[^"]*"', word) else None


def fields_of(words: list[str]) -> set[str]:
    """What is read from Properties."""
    pairs = zip(words, words[1:], words[2:], strict=False)
    found = {
        unquoted(key) for name, bracket, key in pairs if (name, bracket) == ("Properties", "[")
    }
    return {field for field in found if field}


def told_by(story: Story, words: list[str]) -> set[str]:
    """Fields that the query's records had, or the spans where it asks for those."""
    texts = {text for word in words if (text := unquoted(word))}
    records = [record for record in EventName if record in texts]
    found: set[str] = set()
    for record in records:
        told = story.heard.records(record)
        assert told, f"nothing told {record}"
        found |= {field for fields in told for field in fields}
    if "AppDependencies" in words:
        found |= {str(field) for span in story.heard.spans for field in span.attributes or {}}
    return found


def test_the_language_service_finds_no_fault(analyzed: Any) -> None:
    found = {name: result["faults"] for name, result in analyzed(queries()).items()}
    assert found == {key: [] for key in queries()}


@pytest.mark.parametrize("name", list(queries()))
def test_every_field_of_a_query_was_reported(analyzed: Any, story: Story, name: str) -> None:
    words = analyzed({name: queries()[name]})[name]["words"]
    wanted = fields_of(words)
    assert wanted
    assert wanted - told_by(story, words) == set()


def test_names_and_values_that_queries_compare_with_are_reported(
    analyzed: Any, story: Story
) -> None:
    """No query uses a record, a state or a kind that nothing reports."""
    results = analyzed(queries()).values()
    literals = {text for result in results for word in result["words"] if (text := unquoted(word))}
    told = {
        str(value)
        for record in EventName
        for r in story.heard.records(record)
        for value in r.values()
    }
    fields = {str(field) for field in Attribute}
    shown = {"degraded", "deleting", "running", "deleted", "ready", "429", ":", f"{ACTIVITY_SPAN} "}
    assert literals - told - fields - shown == set()
    assert told >= STATES | KINDS
    assert any(span.name.startswith(f"{ACTIVITY_SPAN} ") for span in story.heard.spans)


def test_a_wrong_query_would_be_found(analyzed: Any) -> None:
    wrong = "AppEvents | summarize count() by Nobody"
    assert "Nobody" in analyzed({"x": wrong})["x"]["faults"][0]
    words = analyzed({"x": 'AppEvents | project Properties["slipway.nothing"]'})["x"]["words"]
    assert fields_of(words) == {"slipway.nothing"}


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_carry_the_queries_as_they_are(name: str) -> None:
    """Otherwise: .venv/bin/python -m tests.telemetry.queries"""
    template = load(name)
    assert template == joined(template)


def test_every_query_is_in_a_template() -> None:
    named = [query for name in TEMPLATES for query in load(name)["variables"]["queries"]]
    assert sorted(named) == sorted(queries())


def test_the_stuck_run_takes_its_deadline_from_a_parameter() -> None:
    (rule,) = [r for r in load("alerts.json")["resources"] if "run-stuck" in r.get("name", "")]
    replaced = re.search(r"'(let deadline = \d+m;)'", json.dumps(rule))
    assert replaced
    assert replaced[1] in queries()["run-stuck"]


def test_prices_are_those_of_the_benchmarks() -> None:
    text = queries()["cost"]
    price = cost.PRICES
    assert f"let megabytes = {int(cost.MEMORY_GB * 1024)};" in text
    assert f"let dollarsPerGigabyteSecond = {price['GB-s'].dollars:f};" in text
    executions = price["executions"]
    assert f"let dollarsPerExecution = {executions.dollars} / {executions.per};" in text
