"""Sends telemetry to Application Insights, to an OTLP endpoint, to both, or nowhere.

The settings are those of the platform and of OpenTelemetry: `APPLICATIONINSIGHTS_CONNECTION_STRING`
(with `APPLICATIONINSIGHTS_AUTHENTICATION_STRING` to sign in with the identity) and
`OTEL_EXPORTER_OTLP_ENDPOINT`.

Only the attributes listed here are sent. Log lines and spans of libraries may contain any data
that the library was given, so their texts, events and other attributes are dropped.
"""

import logging
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry import _logs as logs
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Status

from cluster.presentable import presentable
from telemetry.names import Attribute
from telemetry.spans import bound

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

CONNECTION = "APPLICATIONINSIGHTS_CONNECTION_STRING"
AUTHENTICATION = "APPLICATIONINSIGHTS_AUTHENTICATION_STRING"
OTLP = "OTEL_EXPORTER_OTLP_ENDPOINT"
SERVICE = "OTEL_SERVICE_NAME"
OWN = "slipway"
FRAMES = 30
LEFT_OUT = "text of a library's log line, left out"
ROOT = Path(__file__).parent.parent

SPAN_ATTRIBUTES = frozenset(
    {
        *Attribute,
        "az.client_request_id",
        "az.service_request_id",
        "error.type",
        "http.request.method",
        "http.request.resend_count",
        "http.response.status_code",
        "server.address",
        "server.port",
    }
)
URL = "url.full"
# Lines about telemetry itself would cause more telemetry.
_IGNORED_LOGGERS = ("opentelemetry", "azure.monitor", "azure.core", "urllib3", "requests")
_SEVERITIES = {
    logging.DEBUG: logs.SeverityNumber.DEBUG,
    logging.INFO: logs.SeverityNumber.INFO,
    logging.WARNING: logs.SeverityNumber.WARN,
    logging.ERROR: logs.SeverityNumber.ERROR,
    logging.CRITICAL: logs.SeverityNumber.FATAL,
}


type MakeCredential = Callable[[str], "TokenCredential"]


def start(make_credential: MakeCredential, env: Mapping[str, str] | None = None) -> None:
    """Starts the exporters that the settings name. Call it once in a process.

    A wrong setting does not stop the app: it is reported in the log without its value, and no
    telemetry is sent.

    Args:
        make_credential: returns the app's identity for a client id ("" if the setting names none).
        env: the settings; None for the environment of the process.
    """
    settings = os.environ if env is None else env
    spans: list[SpanExporter] = []
    lines: list[LogRecordExporter] = []
    try:
        if settings.get(CONNECTION):
            _to_application_insights(settings, make_credential, spans, lines)
        if settings.get(OTLP):
            _to_otlp(spans, lines)
    except ValueError as error:
        logging.getLogger("slipway.telemetry").warning(
            "%s or %s is wrong, so no telemetry is sent: %s", CONNECTION, OTLP, type(error).__name__
        )
        return
    if spans:
        listen(
            [BatchSpanProcessor(CleanSpans(exporter)) for exporter in spans],
            [BatchLogRecordProcessor(exporter) for exporter in lines],
            service=settings.get(SERVICE) or settings.get("WEBSITE_SITE_NAME") or OWN,
        )


def listen(spans: Sequence[SpanProcessor], lines: Sequence[Any], service: str = OWN) -> None:
    """Connects the processors: they receive everything that is recorded from now on."""
    from azure.core.settings import settings

    resource = Resource.create({"service.name": service})
    # If the host does not sample its trace, ours must be recorded all the same.
    tracers = TracerProvider(sampler=ALWAYS_ON, resource=resource)
    for processor in (OperationOfSpans(), *spans):
        tracers.add_span_processor(processor)
    trace.set_tracer_provider(tracers)
    records = LoggerProvider(resource=resource)
    for processor in lines:
        records.add_log_record_processor(processor)
    logs.set_logger_provider(records)
    logging.getLogger().addHandler(Lines())
    logging.getLogger(OWN).setLevel(logging.INFO)
    # Turns on the SDKs' own spans, one for each attempt of a request.
    settings.tracing_enabled = True


def _to_application_insights(
    env: Mapping[str, str],
    make_credential: MakeCredential,
    spans: list[SpanExporter],
    lines: list[LogRecordExporter],
) -> None:
    # Otherwise the exporter sends statistics about itself to Microsoft.
    os.environ.setdefault("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "true")
    os.environ.setdefault("APPLICATIONINSIGHTS_SDKSTATS_DISABLED", "true")
    # Otherwise it reads its configuration from a service of Microsoft's.
    os.environ.setdefault("APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED", "true")
    from azure.monitor.opentelemetry.exporter import (
        AzureMonitorLogExporter,
        AzureMonitorTraceExporter,
    )

    options: dict[str, Any] = {
        "connection_string": env[CONNECTION],
        "disable_offline_storage": True,
    }
    if "Authorization=AAD" in env.get(AUTHENTICATION, ""):
        options["credential"] = make_credential(env.get("AZURE_CLIENT_ID", ""))
    spans.append(AzureMonitorTraceExporter(**options))
    lines.append(AzureMonitorLogExporter(**options))


def _to_otlp(spans: list[SpanExporter], lines: list[LogRecordExporter]) -> None:
    """The exporters read endpoint and headers from OpenTelemetry's settings."""
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    spans.append(OTLPSpanExporter())
    lines.append(OTLPLogExporter())


class OperationOfSpans(SpanProcessor):
    """Adds the current operation to every span, including those of the SDKs."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        span.set_attributes({str(key): value for key, value in bound().items()})


class CleanSpans(SpanExporter):
    """Passes on the listed attributes only, and URLs without their query."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([_clean(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _clean(span: ReadableSpan) -> ReadableSpan:
    had = span.attributes or {}
    kept: dict[str, Any] = {key: value for key, value in had.items() if key in SPAN_ATTRIBUTES}
    if URL in had:
        kept[URL] = str(had[URL]).partition("?")[0]
        # The SDKs omit a scheme's default port; the exporter would name the target "host:None".
        kept.setdefault("server.port", 443 if kept[URL].startswith("https:") else 80)
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=kept,
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


class Lines(logging.Handler):
    """Sends the app's own log lines with their text, warnings of libraries without it."""

    def emit(self, record: logging.LogRecord) -> None:
        own = record.name.partition(".")[0] == OWN
        if record.name.startswith(_IGNORED_LOGGERS) or not (
            own or record.levelno >= logging.WARNING
        ):
            return
        attributes: dict[str, Any] = {**bound(), Attribute.LOGGER: record.name}
        attributes |= {"code.file.path": _file(record.pathname), "code.line.number": record.lineno}
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            attributes |= {"exception.type": type(error).__name__}
            attributes |= {"exception.stacktrace": frames(error)}
        logs.get_logger(OWN).emit(
            timestamp=int(record.created * 1e9),
            severity_number=_SEVERITIES.get(record.levelno, logs.SeverityNumber.INFO),
            severity_text=record.levelname,
            body=presentable(record.getMessage()) if own else LEFT_OUT,
            attributes=attributes,
        )


def frames(error: BaseException) -> str:
    """The stack of an exception, innermost frame last, as `file:line function` lines. Source lines
    and messages are left out: they may quote a value."""
    found = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    return "\n".join(f"{_file(frame.filename)}:{frame.lineno} {frame.name}" for frame in found)


def _file(path: str) -> str:
    """The path relative to the app for the app's own files, the file name for others."""
    there = Path(path)
    return str(there.relative_to(ROOT)) if there.is_relative_to(ROOT) else there.name
