"""Records the events and spans of a run, each with the id of its operation.

Without an exporter (`telemetry.exporters`) nothing is sent, and the calls cost almost nothing.
"""

import contextvars
import functools
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from opentelemetry import _logs as logs
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode

from cluster import names
from cluster.contracts import FinishInput
from cluster.health import codes
from cluster.record import Kind
from telemetry.names import ACTIVITY_SPAN, Attribute, EventName

SCOPE = "slipway"
# Application Insights stores a log record with this attribute as a custom event.
CUSTOM_EVENT = "microsoft.custom_event.name"

type Value = str | int | float

# Longest time that sending may delay the end of a run. OpenTelemetry's processors do not keep to
# their own limit.
FLUSH_SECONDS = 5.0

_bound: contextvars.ContextVar[Mapping[Attribute, Value] | None] = contextvars.ContextVar(
    "slipway_operation", default=None
)


@contextmanager
def operation(cluster: str, generation: int) -> Generator[None]:
    """Adds the operation's id and cluster to everything that the block records. A new thread does
    not inherit them: see `carried`."""
    token = _bound.set(
        {Attribute.OPERATION: names.instance_id(cluster, generation), Attribute.CLUSTER: cluster}
    )
    try:
        yield
    finally:
        _bound.reset(token)


def bound() -> Mapping[Attribute, Value]:
    """The current operation's id and cluster; empty outside an operation."""
    return _bound.get() or {}


def carried[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """The function for use in another thread, bound to the current operation and span."""
    context = contextvars.copy_context()

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        # Only one thread at a time can enter a context.
        return context.copy().run(function, *args, **kwargs)

    return run


def record(event: EventName, fields: Mapping[Attribute, Value | None], at: str = "") -> None:
    """Records one event.

    Args:
        event: the event's name.
        fields: its attributes; None and "" are left out.
        at: when it happened, ISO 8601 in UTC; empty for now.
    """
    present: dict[str, Any] = {
        key: value for key, value in fields.items() if value not in (None, "")
    }
    when = int(datetime.fromisoformat(at).timestamp() * 1e9) if at else None
    logs.get_logger(SCOPE).emit(
        timestamp=when,
        severity_number=logs.SeverityNumber.INFO,
        body=str(event),
        attributes={CUSTOM_EVENT: str(event), **bound(), **present},
    )


def record_end(result: FinishInput, kind: Kind | None) -> None:
    """Records the end of an operation and sends it at once: the alert on stuck runs needs it."""
    cause = result.cause
    record(
        EventName.RUN,
        {
            Attribute.KIND: kind,
            Attribute.STATE: result.result,
            Attribute.SECONDS: sum(phase.seconds or 0.0 for phase in result.phases),
            Attribute.CODE: cause.code if cause else None,
            Attribute.PHASE: cause.phase if cause else None,
            Attribute.PLACE: cause.place if cause else None,
            Attribute.FINDINGS: ",".join(codes(result.findings)) or None,
        },
    )
    flush = getattr(logs.get_logger_provider(), "force_flush", None)
    if flush:
        sending = threading.Thread(target=flush, daemon=True)
        sending.start()
        sending.join(FLUSH_SECONDS)


@contextmanager
def activity(name: str) -> Generator[Span]:
    """A span around one execution of an activity."""
    with _span(f"{ACTIVITY_SPAN} {name}", SpanKind.INTERNAL, {Attribute.ACTIVITY: name}) as span:
        yield span


@contextmanager
def call(name: str, host: str, fields: Mapping[str, Value]) -> Generator[Span]:
    """A span around a call to another machine that no SDK makes a span for."""
    with _span(name, SpanKind.CLIENT, {"server.address": host, **fields}) as span:
        yield span


@contextmanager
def _span(name: str, kind: SpanKind, attributes: Mapping[str, Value]) -> Generator[Span]:
    """A span that records the type of an exception but not its text, which may quote a secret."""
    with trace.get_tracer(SCOPE).start_as_current_span(
        name,
        kind=kind,
        attributes=dict(attributes),
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise
