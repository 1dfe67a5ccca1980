"""What a run tells of itself, with its operation's id on everything, to whoever listens.

Without an exporter (`telemetry.exporters`) all of this costs next to nothing and goes nowhere.
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
from cluster.record import Kind
from telemetry.names import ACTIVITY_SPAN, Field, Record

SCOPE = "slipway"
# Application Insights keeps records that have it apart from lines of logs, as custom events.
CUSTOM_EVENT = "microsoft.custom_event.name"

type Value = str | int | float

# How long sending may hold up a run's end. OpenTelemetry's own limit is not kept by its processors.
FLUSH_SECONDS = 5.0

_bound: contextvars.ContextVar[Mapping[Field, Value] | None] = contextvars.ContextVar(
    "slipway_operation", default=None
)


@contextmanager
def operation(cluster: str, generation: int) -> Generator[None]:
    """All that is told inside belongs to this operation. Threads: see `carried`."""
    token = _bound.set(
        {Field.OPERATION: names.instance_id(cluster, generation), Field.CLUSTER: cluster}
    )
    try:
        yield
    finally:
        _bound.reset(token)


def bound() -> Mapping[Field, Value]:
    """The operation's id and cluster; empty outside of operations."""
    return _bound.get() or {}


def carried[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """For a thread: the function, inside of the operation and the span that it was made in."""
    context = contextvars.copy_context()

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        # A context is entered by one thread at a time.
        return context.copy().run(function, *args, **kwargs)

    return run


def tell(record: Record, fields: Mapping[Field, Value | None], at: str = "") -> None:
    """One record. `at`: when it happened, UTC, ISO 8601; otherwise now. No value is no field."""
    told: dict[str, Any] = {key: value for key, value in fields.items() if value not in (None, "")}
    when = int(datetime.fromisoformat(at).timestamp() * 1e9) if at else None
    logs.get_logger(SCOPE).emit(
        timestamp=when,
        severity_number=logs.SeverityNumber.INFO,
        body=str(record),
        attributes={CUSTOM_EVENT: str(record), **bound(), **told},
    )


def tell_end(result: FinishInput, kind: Kind | None) -> None:
    """That an operation ended, and sends it: the alert on stuck runs waits for this record."""
    cause = result.cause
    tell(
        Record.RUN,
        {
            Field.KIND: kind,
            Field.STATE: result.result,
            Field.SECONDS: sum(phase.seconds or 0.0 for phase in result.phases),
            Field.CODE: cause.code if cause else None,
            Field.PHASE: cause.phase if cause else None,
            Field.PLACE: cause.place if cause else None,
        },
    )
    flush = getattr(logs.get_logger_provider(), "force_flush", None)
    if flush:
        sending = threading.Thread(target=flush, daemon=True)
        sending.start()
        sending.join(FLUSH_SECONDS)


@contextmanager
def activity(name: str) -> Generator[Span]:
    """The span of one execution."""
    with _span(f"{ACTIVITY_SPAN} {name}", SpanKind.INTERNAL, {Field.ACTIVITY: name}) as span:
        yield span


@contextmanager
def call(name: str, host: str, fields: Mapping[str, Value]) -> Generator[Span]:
    """The span of a call to another machine, for what no SDK makes spans for."""
    with _span(name, SpanKind.CLIENT, {"server.address": host, **fields}) as span:
        yield span


@contextmanager
def _span(name: str, kind: SpanKind, attributes: Mapping[str, Value]) -> Generator[Span]:
    """An exception leaves its type, not its text: that may quote what it was about."""
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
