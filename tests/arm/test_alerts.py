"""What the alerts evaluate, and whom they notify."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.arm.installation import Installation
from tests.telemetry.queries import queries

RULES = "microsoft.insights/scheduledqueryrules"
METRICS = "microsoft.insights/metricalerts"


@pytest.fixture
def azure(tmp_path: Path) -> Installation:
    made = Installation(tmp_path)
    made.install()
    made.publish()
    return made


def test_events_that_were_not_delivered_are_alerts_once_there_is_a_topic(
    azure: Installation,
) -> None:
    assert azure.state.of_type(METRICS) == []
    topic = azure.subscribe()["topicResourceId"]
    azure.install(systemTopicResourceId=topic, alertEmail="operators@example.com")
    alerts = azure.state.of_type(METRICS)
    assert {metric(alert): alert["properties"]["scopes"] for alert in alerts} == {
        "DeadLetteredCount": [topic],
        "DroppedEventCount": [topic],
    }
    assert [len(alert["properties"]["actions"]) for alert in alerts] == [1, 1]


@pytest.mark.parametrize(("email", "told"), [("", 0), ("operators@example.com", 1)])
def test_mails_are_sent_where_an_address_is_given(
    azure: Installation, email: str, told: int
) -> None:
    azure.install(alertEmail=email)
    rules = azure.state.of_type(RULES)
    groups = [rule["properties"]["actions"]["actionGroups"] for rule in rules]
    assert [len(group) for group in groups] == [told, told, told]


def texts(value: Any) -> Iterator[str]:
    """Of the queries in a workbook's document."""
    match value:
        case {"query": str(text), **rest}:
            yield text
            yield from texts(list(rest.values()))
        case dict():
            yield from texts(list(value.values()))
        case list():
            for item in value:
                yield from texts(item)
        case _:
            return


def test_what_is_deployed_are_the_queries_that_the_tests_evaluate(azure: Installation) -> None:
    (workbook,) = azure.state.of_type("microsoft.insights/workbooks")
    shown = list(texts(json.loads(workbook["properties"]["serializedData"])))
    rules = [rule["properties"]["criteria"] for rule in azure.state.of_type(RULES)]
    asked = [criterion["query"] for rule in rules for criterion in rule["allOf"]]
    assert sorted(shown + asked) == sorted(queries().values())


def metric(alert: dict[str, Any]) -> str:
    (criterion,) = alert["properties"]["criteria"]["allOf"]
    return criterion["metricName"]


def test_costs_are_counted_with_the_memory_that_an_instance_has(azure: Installation) -> None:
    azure.install(instanceMemoryMB=512)
    (workbook,) = azure.state.of_type("microsoft.insights/workbooks")
    text = workbook["properties"]["serializedData"]
    assert "let megabytes = 512;" in text
    assert "let megabytes = 2048;" not in text
