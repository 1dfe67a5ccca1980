"""What the two exporters send, as a process that is configured by its settings alone sends it."""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lab.testing.serving import serving
from telemetry import exporters
from telemetry.names import Attribute
from tests.telemetry.ingestion import Ingestion

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import logging
from unittest.mock import patch
from slack_sdk.webhook import WebhookResponse
from telemetry import exporters, spans
from clients.slack import SlackWebhook
THROTTLED = WebhookResponse(url="", status_code=429, body="", headers={"retry-after": "1"})
from telemetry.names import Attribute, EventName
from opentelemetry import _logs, trace
exporters.start(lambda client_id: None)
with spans.operation("demo", 7), spans.activity("finish_run"):
    ended = {Attribute.STATE: "failed", Attribute.SECONDS: 12.5, Attribute.CODE: "X"}
    spans.record(EventName.RUN, ended)
    webhook = SlackWebhook("https://hooks.slack.com/services/T/B/X")
    with patch("slack_sdk.webhook.WebhookClient.send", lambda *_, **__: THROTTLED):
        webhook.post("hello")
    about = {"http.request.method": "GET", "url.full": "https://management.azure.com/a/b?c=d"}
    with spans.call("GET", "management.azure.com", about) as span:
        span.set_attribute("http.response.status_code", 429)
    logging.getLogger("slipway.x").warning("a line")
    try:
        raise KeyError("what it was given")
    except KeyError:
        logging.getLogger("slipway.x").exception("raised")
trace.get_tracer_provider().shutdown()
_logs.get_logger_provider().shutdown()
"""


def run(**settings: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **settings}
    argv = [sys.executable, "-P", "-c", PROGRAM]
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_application_insights_gets_custom_events_dependencies_and_traces() -> None:
    ingestion = Ingestion()
    with serving(ingestion) as url:
        text = f"InstrumentationKey={uuid.uuid4()};IngestionEndpoint={url}/"
        done = run(APPLICATIONINSIGHTS_CONNECTION_STRING=text)
    assert done.returncode == 0, done.stderr
    # The exporter describes the process by a metric without a value.
    items = [item for item in ingestion.items() if item["data"]["baseType"] != "MetricData"]
    told: dict[str, Any] = {item["data"]["baseType"]: item["data"]["baseData"] for item in items}
    assert {item["data"]["baseType"] for item in items} == {
        "EventData",
        "ExceptionData",
        "MessageData",
        "RemoteDependencyData",
    }
    event = told["EventData"]
    assert event["name"] == "slipway.run"
    assert event["properties"][Attribute.OPERATION] == "demo-000007"
    assert event["properties"][Attribute.SECONDS] == "12.5"
    spans = [i["data"]["baseData"] for i in items if i["data"]["baseType"] != "EventData"]
    assert all(span["properties"][Attribute.OPERATION] == "demo-000007" for span in spans)
    throttled = {span["target"] for span in spans if span.get("resultCode") == "429"}
    assert throttled == {"hooks.slack.com:443", "management.azure.com:443"}
    assert not any("/services/" in json.dumps(span) for span in spans)
    assert "what it was given" not in json.dumps(items)


def test_otlp_gets_the_same() -> None:
    ingestion = Ingestion()
    with serving(ingestion) as url:
        done = run(OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_SERVICE_NAME="slipway-test")
    assert done.returncode == 0, done.stderr
    spans = [ExportTraceServiceRequest.FromString(body) for body in ingestion.of("/v1/traces")]
    lines = [ExportLogsServiceRequest.FromString(body) for body in ingestion.of("/v1/logs")]
    told = [s for r in spans for g in r.resource_spans for x in g.scope_spans for s in x.spans]
    told += [s for r in lines for g in r.resource_logs for x in g.scope_logs for s in x.log_records]
    assert len(told) == 6
    for one in told:
        fields = {pair.key: pair.value.string_value for pair in one.attributes}
        assert fields[Attribute.OPERATION] == "demo-000007"


def test_without_settings_nothing_is_started() -> None:
    done = run()
    # The providers of the API alone cannot be shut down.
    assert "has no attribute 'shutdown'" in done.stderr


def test_a_wrong_setting_is_reported_without_its_value_and_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    exporters.start(Mock(), {exporters.CONNECTION: "hunter2"})
    assert "APPLICATIONINSIGHTS_CONNECTION_STRING" in caplog.text
    assert "hunter2" not in caplog.text
