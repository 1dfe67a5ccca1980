"""The app in the worker of the lab's host: whose trace its spans are in, and what it logs."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from lab.testing.hosts import trace_parent
from lab.testing.serving import serving
from lab.testing.standins import SUBSCRIPTION
from telemetry.names import ACTIVITY_SPAN
from tests.http.conftest import KEYS, App, running_app
from tests.telemetry.ingestion import Ingestion

SUBJECT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/nothing"
ACTIVITIES = {"plan_cluster", "check_preflight", "ensure_keys", "start_deployment"}


@dataclass
class Heard:
    """`calls`: the kind and the function of each call, by the id of the trace that it was given."""

    app: App
    ingestion: Ingestion
    log: Path
    calls: dict[bytes, tuple[str, str]] = field(default_factory=dict)
    parents: set[bytes] = field(default_factory=set)

    def spans(self) -> list[Span]:
        bodies = [ExportTraceServiceRequest.FromString(b) for b in self.ingestion.of("/v1/traces")]
        return [s for b in bodies for r in b.resource_spans for c in r.scope_spans for s in c.spans]

    def ask(self, *arguments: Any) -> Any:
        """As the host calls the worker, with a trace that is remembered."""
        trace = trace_parent()
        _, number, parent, _ = trace.split("-")
        self.calls[bytes.fromhex(number)] = arguments[:2]
        self.parents.add(bytes.fromhex(parent))
        return type(self.app.host.pool).ask(self.app.host.pool, *arguments, trace=trace)

    def run(self) -> None:
        """An examination, an event, and a run that is cancelled while it waits for machines."""
        spec = json.dumps({"name": "demo", "etcd": {"count": 1}}).encode()
        accepted = self.app.send("PUT", "/api/clusters/demo", spec, content_type="application/json")
        assert accepted.status_code == 202, accepted.text
        assert self.app.send("GET", "/api/doctor").status_code == 200
        hook = "/runtime/webhooks/eventgrid?functionName=on_group_event"
        about = {"operationName": "Microsoft.Resources/subscriptions/resourceGroups/write"}
        event = {
            "specversion": "1.0", "id": "1", "source": "/subscriptions/x", "subject": SUBJECT,
            "type": "Microsoft.Resources.ResourceWriteSuccess", "data": about,
        }  # fmt: skip
        sent = self.app.send(
            "POST", hook, json.dumps(event).encode(), content_type="application/json",
            aeg_event_type="Notification", x_functions_key=KEYS["eventGrid"],
        )  # fmt: skip
        assert sent.status_code == 202
        self._await(ACTIVITIES)
        assert self.app.send("POST", "/api/clusters/demo/cancel").status_code == 202
        self._await({"finish_run"})

    def _await(self, activities: set[str]) -> None:
        wanted = {f"{ACTIVITY_SPAN} {name}" for name in activities}
        for _ in range(600):
            found = {span.name for span in self.spans()}
            if wanted <= found:
                return
            time.sleep(0.1)
        raise AssertionError(f"no span of {sorted(wanted - found)}")


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory, azurite: str) -> Iterator[Heard]:
    folder, ingestion = tmp_path_factory.mktemp("host"), Ingestion()
    with (
        serving(ingestion) as url,
        running_app(
            folder,
            azurite,
            PYTHON_ENABLE_OPENTELEMETRY="true",
            OTEL_EXPORTER_OTLP_ENDPOINT=url,
            OTEL_BSP_SCHEDULE_DELAY="50",
        ) as app,
        pytest.MonkeyPatch.context() as patch,
    ):
        found = Heard(app, ingestion, folder / "worker.log")
        patch.setattr(app.host.pool, "ask", found.ask)
        found.run()
        yield found


def test_every_span_is_in_the_trace_of_the_call_that_it_was_made_in(heard: Heard) -> None:
    spans = heard.spans()
    known = {span.span_id for span in spans} | heard.parents
    assert [span.name for span in spans if span.trace_id not in heard.calls] == []
    assert [span.name for span in spans if span.parent_span_id not in known] == []


def test_spans_of_activities_requests_and_events_were_among_them(heard: Heard) -> None:
    found = {heard.calls[span.trace_id] for span in heard.spans()}
    assert {kind for kind, _ in found} == {"activity", "http", "event"}
    assert {function for kind, function in found if kind == "activity"} >= ACTIVITIES


def test_an_activitys_span_is_a_child_of_the_hosts(heard: Heard) -> None:
    for span in heard.spans():
        if span.name.startswith(f"{ACTIVITY_SPAN} "):
            assert span.parent_span_id in heard.parents
            _, function = heard.calls[span.trace_id]
            assert span.name == f"{ACTIVITY_SPAN} {function}"


def test_the_worker_logs_no_requests_and_no_addresses(heard: Heard) -> None:
    """The SDKs would write some dozens of lines for each activity."""
    text = heard.log.read_text()
    assert text.count("INFO azure.functions Function name: ") > 10  # the log is there
    found = re.findall(
        r"Request URL|Request headers|Response status|HTTP/1\.1|x-ms-|Bearer"
        r"|blob\.core|vault\.azure|management\.azure|127\.0\.0\.1:|/subscriptions/",
        text,
    )
    assert found == []


def test_below_a_warning_only_the_workers_own_library_and_the_audit_write(heard: Heard) -> None:
    """What a library writes inside of a function has the function's category."""
    lines = re.findall(r"^\S+ \S+ (?:DEBUG|INFO) (\S+) (.*)", heard.log.read_text(), re.MULTILINE)
    others = [line for line in lines if not line[0].startswith("azure.functions")]
    assert others
    audit = re.compile(
        r"(GET|PUT|POST|DELETE) \S+ cluster=.* decision=(allowed|refused) status=\d+"
    )
    assert [line for line in others if not audit.fullmatch(line[1])] == []
