"""What telemetry would have sent, as its last step before the wire has it."""

import json
import logging
from dataclasses import dataclass, field
from typing import Any

from azure.core.settings import settings
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from telemetry import exporters
from telemetry.names import EventName
from telemetry.spans import CUSTOM_EVENT


@dataclass
class Heard:
    """One for the process: OpenTelemetry's providers are set once."""

    _spans: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    _lines: InMemoryLogRecordExporter = field(default_factory=InMemoryLogRecordExporter)

    def start(self) -> None:
        exporters.listen(
            [SimpleSpanProcessor(exporters.CleanSpans(self._spans))],
            [SimpleLogRecordProcessor(self._lines)],
        )

    def stop(self) -> None:
        settings.tracing_enabled = None
        for handler in logging.getLogger().handlers[:]:
            if isinstance(handler, exporters.Lines):
                logging.getLogger().removeHandler(handler)
        self._spans.shutdown()
        self._lines.shutdown()

    def clear(self) -> None:
        self._spans.clear()
        self._lines.clear()

    def kept(self) -> "Heard":
        """What was heard until now, for itself: `clear` does not reach it."""
        copy = Heard()
        copy._spans.export(self.spans)
        copy._lines.export(self.lines)
        return copy

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._spans.get_finished_spans()

    @property
    def lines(self) -> list[ReadableLogRecord]:
        return list(self._lines.get_finished_logs())

    def records(self, name: EventName) -> list[dict[str, Any]]:
        """The fields of each."""
        found = (dict(line.log_record.attributes or {}) for line in self.lines)
        return [fields for fields in found if fields.get(CUSTOM_EVENT) == name]

    def logged(self) -> list[str]:
        """The text of lines that are no records."""
        lines = (line.log_record for line in self.lines)
        return [str(line.body) for line in lines if CUSTOM_EVENT not in (line.attributes or {})]

    def everything(self) -> bytes:
        spans = [json.loads(span.to_json()) for span in self.spans]
        lines = [json.loads(line.to_json()) for line in self.lines]
        return json.dumps([spans, lines], ensure_ascii=False).encode()
