"""The workspace's tables, filled with what Microsoft's exporter makes of the story's runs.

Four operations of one cluster do not distinguish queries that are nearly the same, so their rows
are also there as those of other clusters: later, slower, recorded twice, unfinished.
"""

import json
import random
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import duckdb_kql
import pytest
from azure.monitor.opentelemetry.exporter import (
    AzureMonitorLogExporter,
    AzureMonitorTraceExporter,
)

from lab.testing.serving import serving
from telemetry.names import Attribute, EventName
from tests.telemetry.heard import Heard
from tests.telemetry.ingestion import Ingestion
from tests.telemetry.story import CLUSTER

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
EVENTS, DEPENDENCIES = "AppEvents", "AppDependencies"
TABLES = {
    EVENTS: "TimeGenerated TIMESTAMPTZ, Name VARCHAR, Properties JSON",
    DEPENDENCIES: "TimeGenerated TIMESTAMPTZ, Name VARCHAR, Properties JSON, Target VARCHAR, "
    "ResultCode VARCHAR, DurationMs DOUBLE",
}
KINDS = {"EventData": EVENTS, "RemoteDependencyData": DEPENDENCIES}
# Milliseconds. Sums of such durations never lie where a rounded price or memory would turn, in
# whatever order they are added.
GRID = 40
DURATION = re.compile(r"(\d+)\.(\d\d):(\d\d):(\d\d(?:\.\d+)?)")


@dataclass(frozen=True)
class Row:
    """Of one of the tables; what only dependencies have is empty in events."""

    table: str
    time: datetime
    name: str
    fields: dict[str, str]
    target: str = ""
    code: str = ""
    milliseconds: float = 0.0

    @property
    def operation(self) -> str:
        return self.fields.get(Attribute.OPERATION, "")


def sent(heard: Heard, patch: pytest.MonkeyPatch) -> list[Row]:
    """What the exporter puts on the wire, as the tables' reference says that it arrives."""
    for name in ("STATSBEAT_DISABLED_ALL", "SDKSTATS_DISABLED", "CONTROLPLANE_DISABLED"):
        patch.setenv(f"APPLICATIONINSIGHTS_{name}", "true")
    ingestion = Ingestion()
    with serving(ingestion) as url:
        where = f"InstrumentationKey={uuid.uuid4()};IngestionEndpoint={url}/"
        for exporter, records in (
            (AzureMonitorTraceExporter, heard.spans),
            (AzureMonitorLogExporter, heard.lines),
        ):
            made = exporter(connection_string=where, disable_offline_storage=True)
            made.export(records)
            made.client.close()
            made.shutdown()
    items = ingestion.items()
    return [_row(item) for item in items if item["data"]["baseType"] in KINDS]


def _row(item: dict[str, Any]) -> Row:
    data = item["data"]["baseData"]
    return Row(
        KINDS[item["data"]["baseType"]],
        datetime.fromisoformat(item["time"]),
        data["name"],
        data["properties"],
        data.get("target") or "",
        data.get("resultCode") or "",
        _milliseconds(data.get("duration", "0.00:00:00")),
    )


def _milliseconds(text: str) -> float:
    found = DURATION.fullmatch(text)
    assert found, text
    days, hours, minutes, seconds = found.groups()
    whole = timedelta(int(days), float(seconds), hours=int(hours), minutes=int(minutes))
    return whole / timedelta(milliseconds=1)


def on_grid(milliseconds: float) -> float:
    return round(milliseconds / GRID) * float(GRID)


def on_one_clock(rows: Iterable[Row]) -> list[Row]:
    """The story's own time is simulated: its events have that, and its other rows the test's. Of
    each operation both are put on one clock that begins when it was claimed."""
    made: list[Row] = []
    rows = list(rows)
    for number, operation in enumerate(sorted({row.operation for row in rows} - {""})):
        own = [row for row in rows if row.operation == operation]
        simulated = sorted(row.time for row in own if row.name == EventName.EVENT)
        others = sorted(row.time for row in own if row.name != EventName.EVENT)
        scale = (simulated[-1] - simulated[0]) / (others[-1] - others[0])
        begin = NOW - timedelta(hours=3 - 0.7 * number)
        for row in own:
            first, slower = (
                (simulated[0], 1.0) if row.name == EventName.EVENT else (others[0], scale)
            )
            time = begin + (row.time - first) * slower
            made.append(replace(row, time=time, milliseconds=on_grid(row.milliseconds)))
    return made


@dataclass(frozen=True)
class Change:
    """How the story's rows become those of another cluster. `only` are the operations that it had;
    `without` are records that are left out; `values` replace those of fields, where the row has
    them; `findings` are added to its ends; a coarse clock shows whole minutes."""

    cluster: str
    hours: float
    slower: float = 1.0
    only: tuple[int, ...] = (1, 2, 4)
    without: tuple[str, ...] = ()
    values: dict[str, str] = field(default_factory=dict[str, str])
    coarse: bool = False
    findings: str = ""

    def apply(self, rows: Iterable[Row]) -> Iterator[Row]:
        named = re.compile(rf"\b{CLUSTER}\b")
        first = NOW - timedelta(hours=3)
        for number, row in enumerate(rows):
            if int(row.operation[-6:]) not in self.only or row.name in self.without:
                continue
            fields = {key: named.sub(self.cluster, value) for key, value in row.fields.items()}
            fields |= {key: value for key, value in self.values.items() if key in fields}
            if row.name == EventName.RUN and self.findings:
                fields[Attribute.FINDINGS] = self.findings
            if Attribute.SECONDS in fields:
                fields[Attribute.SECONDS] = str(float(fields[Attribute.SECONDS]) * self.slower)
            time = first + (row.time - first) * self.slower - timedelta(hours=self.hours)
            if self.coarse:
                time = time.replace(second=0, microsecond=0)
            longer = row.milliseconds * self.slower + number % 4 * 17 * GRID
            yield replace(row, time=time, fields=fields, milliseconds=on_grid(longer))


CHANGES = (
    Change("again", hours=20, slower=1.5, values={Attribute.PHASE: "nodes"}),
    Change("blind", hours=12, only=(1,), values={Attribute.KIND: "maintain"}),
    Change("busy", hours=6.5, only=(2,), without=(EventName.RUN,)),
    Change("fresh", hours=-1.9, only=(1,), without=(EventName.RUN, EventName.PHASE)),
    Change("gone", hours=5, only=(4,), without=(EventName.RUN,)),
    Change(
        "kept",
        hours=13,
        only=(2,),
        values={Attribute.KIND: "maintain"},
        findings="MachineOff,EtcdUnhealthy",
    ),
    Change("late", hours=30, slower=2.0, only=(1, 2), values={Attribute.PLACE: "late-etcd-0"}),
    Change("lost", hours=9, only=(2,), without=(EventName.CLAIM, EventName.RUN)),
    Change("mute", hours=7, only=(2,), without=(EventName.EVENT,)),
    Change(
        "odd",
        hours=2,
        only=(1,),
        values={Attribute.CODE: "NodesSilent", Attribute.STATE: "cancelled"},
    ),
    Change("other", hours=4, only=(1,), values={Attribute.CODE: "NodesSilent"}),
    Change("tied", hours=11, only=(1,), coarse=True),
    Change("tight", hours=11, only=(1,), coarse=True),
    Change("well", hours=14, only=(2,), values={Attribute.KIND: "maintain"}),
    Change("twin", hours=8, slower=0.7, only=(1,), values={Attribute.POOL: "other"}),
)
AGAIN = timedelta(seconds=40)
# Recorded twice, the second time with other values: of these the newest counts, or the first.
REPEATED = (EventName.CLAIM, EventName.PHASE, EventName.NODE, EventName.SLACK)


def varied(rows: list[Row]) -> list[Row]:
    own = on_one_clock(rows)
    found = [*own, *(row for change in CHANGES for row in change.apply(own))]
    repeated = [
        replace(row, time=row.time + number * AGAIN, fields=row.fields | _worse(row))
        for row in found
        for number in _repeats(row)
    ]
    return [*found, *repeated, *_throttled(own), *_many(own), *_of_nobody(own)]


def _repeats(row: Row) -> Sequence[int]:
    """How much later it is recorded again. Ends often: of several with one beginning, a wrong query
    takes the newest by chance only. Other repeated records come after them."""
    if row.name == EventName.RUN:
        return range(1, 5)
    twice = row.name in REPEATED and row.operation.startswith(("again", "late", "busy"))
    return [10] if twice else []


def _worse(row: Row) -> dict[str, str]:
    if row.name == EventName.SLACK:
        return {Attribute.STATE: "lost"}
    if Attribute.SECONDS in row.fields:
        return {Attribute.SECONDS: str(float(row.fields[Attribute.SECONDS]) + 1)}
    return {}


def _many(rows: list[Row]) -> Iterator[Row]:
    """A run of thousands of activities."""
    for row in rows:
        if row.operation.endswith("1") and row.name.startswith("activity "):
            many = replace(row, fields=row.fields | {Attribute.OPERATION: "many-000001"})
            yield from [many] * 40


def _of_nobody(rows: list[Row]) -> Iterator[Row]:
    """An activity that belongs to no operation."""
    found = next(row for row in rows if row.name.startswith("activity "))
    yield replace(found, fields={Attribute.ACTIVITY: found.fields[Attribute.ACTIVITY]})


def _throttled(rows: list[Row]) -> Iterator[Row]:
    """Answers of other services, as "later"; to two operations of one cluster at once."""
    calls = [row for row in rows if row.table == DEPENDENCIES and ":" in row.target]
    for number, row in enumerate(calls[:60:3]):
        fields = row.fields | ({Attribute.OPERATION: f"{CLUSTER}-000002"} if number % 2 else {})
        time = row.time + timedelta(minutes=number % 4 * 3)
        yield replace(row, code="429", time=time, fields=fields)


def workspace(rows: Iterable[Row]) -> duckdb.DuckDBPyConnection:
    """In no order: a table has none."""
    made = duckdb_kql.connect()
    shuffled = list(rows)
    random.Random(20).shuffle(shuffled)  # noqa: S311 -- the same order each time
    for name, columns in TABLES.items():
        own = [_values(row) for row in shuffled if row.table == name]
        marks = ", ".join("unnest(?)" for _ in columns.split(", "))
        made.execute(f"CREATE TABLE {name} ({columns})")
        if own:
            lists = [list(column) for column in zip(*own, strict=True)]
            made.execute(f"INSERT INTO {name} SELECT {marks}", lists)
    return made


def _values(row: Row) -> list[Any]:
    common = [row.time, row.name, json.dumps(row.fields)]
    only = [row.target, row.code, row.milliseconds] if row.table == DEPENDENCIES else []
    return [*common, *only]


def ask(made: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    found = duckdb_kql.kql(made, query, query_now=NOW)
    return [dict(zip(found.columns, values, strict=True)) for values in found.fetchall()]
