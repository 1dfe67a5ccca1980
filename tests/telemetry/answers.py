"""What the queries should answer, computed in Python from the tables' rows, without the queries'
steps: rows are first gathered to runs, and each answer is read from those."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from benchmarks import cost
from telemetry.names import Attribute, EventName
from tests.telemetry.tables import NOW, Row

type Answer = list[dict[str, Any]]

DEADLINE = timedelta(minutes=240)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SLICE = timedelta(minutes=5)


@dataclass
class Run:
    """All rows of one operation, oldest first."""

    operation: str
    rows: list[Row] = field(default_factory=list[Row])

    def named(self, record: EventName) -> list[Row]:
        return [row for row in self.rows if row.name == record]

    def last(self, record: EventName) -> Row | None:
        named = self.named(record)
        return named[-1] if named else None

    @property
    def last_event(self) -> Row | None:
        """By its number: two events may have the same time."""
        named = self.named(EventName.EVENT)
        return max(named, key=lambda row: int(row.fields[Attribute.SEQUENCE])) if named else None

    @property
    def claimed(self) -> Row | None:
        named = self.named(EventName.CLAIM)
        return named[0] if named else None

    def of_end(self, name: Attribute) -> str:
        end = self.last(EventName.RUN)
        return end.fields.get(name, "") if end else ""

    @property
    def failed(self) -> bool:
        return self.of_end(Attribute.STATE) == "failed"

    @property
    def activities(self) -> list[Row]:
        return [row for row in self.rows if row.name.startswith("activity ")]

    def state_of_cluster(self) -> str:
        removes = self.claimed is not None and self.claimed.fields[Attribute.KIND] == "delete"
        maintains = self.claimed is not None and self.claimed.fields[Attribute.KIND] == "maintain"
        if maintains and (self.failed or self.of_end(Attribute.FINDINGS)):
            return "degraded"
        words = {"": ("running", "deleting"), "succeeded": ("ready", "deleted")}
        result = self.of_end(Attribute.STATE)
        return words[result][removes] if result in words else result


def runs_of(rows: Iterable[Row]) -> list[Run]:
    found: dict[str, Run] = {}
    for row in sorted(rows, key=lambda row: row.time):
        if row.operation:
            found.setdefault(row.operation, Run(row.operation)).rows.append(row)
    return list(found.values())


def clusters(rows: list[Row]) -> Answer:
    newest: dict[str, Run] = {}
    for run in runs_of(rows):
        if run.claimed:
            cluster = run.claimed.fields[Attribute.CLUSTER]
            other = newest.get(cluster)
            if other is None or not other.claimed or other.claimed.time < run.claimed.time:
                newest[cluster] = run
    answer: Answer = []
    for cluster, run in sorted(newest.items()):
        event, end = run.last_event, run.last(EventName.RUN)
        answer.append(
            {
                "cluster": cluster,
                "state": run.state_of_cluster(),
                "operation": run.operation,
                "phase": event.fields.get(Attribute.PHASE, "") if event else "",
                "code": run.of_end(Attribute.CODE),
                "findings": run.of_end(Attribute.FINDINGS),
                "began": run.claimed.time if run.claimed else None,
                "lastEvent": event.time if event else None,
                "endedAt": end.time if end else None,
            }
        )
    return answer


def price(rows: list[Row]) -> Answer:
    """At the benchmarks' prices: an activity and a replay each, a second at least."""
    prices = {name: one.dollars / one.per for name, one in cost.PRICES.items()}
    answer: Answer = []
    for run in runs_of(rows):
        if not run.activities:
            continue
        spans = [max(row.milliseconds / 1000, 1.0) for row in run.activities]
        executions = 2 * len(spans)
        used = cost.MEMORY_GB * (sum(spans) + len(spans))
        dollars = executions * prices["executions"] + used * prices["GB-s"]
        answer.append(
            {
                "operation": run.operation,
                "activities": len(spans),
                "kinds": len({row.fields[Attribute.ACTIVITY] for row in run.activities}),
                "executions": executions,
                "gigabyteSeconds": round(used),
                "dollars": round(dollars, 4),
                "newest": run.activities[-1].time,
            }
        )
    return sorted(answer, key=lambda row: row["newest"], reverse=True)


def failures(rows: list[Row]) -> Answer:
    alike: defaultdict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs_of(rows):
        if run.failed:
            alike[run.of_end(Attribute.CODE), run.of_end(Attribute.PHASE)].append(run)
    answer = [
        {
            "code": code,
            "phase": phase,
            "runs": len(runs),
            "newest": max(run.rows[-1].time for run in _ends(runs)),
            "places": {run.of_end(Attribute.PLACE) for run in runs},
            "operations": {run.operation for run in runs},
        }
        for (code, phase), runs in alike.items()
    ]
    return sorted(answer, key=lambda row: (row["runs"], row["newest"]), reverse=True)


def _ends(runs: Iterable[Run]) -> list[Run]:
    """With nothing but their ends."""
    return [Run(run.operation, run.named(EventName.RUN)) for run in runs]


def nodes(rows: list[Row]) -> Answer:
    answer: Answer = []
    for run in runs_of(rows):
        begun = [
            row.time
            for row in run.named(EventName.EVENT)
            if row.fields.get(Attribute.PHASE) == "machines"
        ]
        ready: dict[tuple[str, str], dict[str, float]] = {}
        for row in run.named(EventName.NODE) if begun else []:
            group = ready.setdefault((row.fields[Attribute.ROLE], row.fields[Attribute.POOL]), {})
            group.setdefault(row.fields[Attribute.NODE], (row.time - begun[0]).total_seconds())
        for (role, pool), seconds in sorted(ready.items()):
            least = sorted(seconds.values())
            answer.append(
                {
                    "operation": run.operation,
                    "role": role,
                    "pool": pool,
                    "nodes": len(least),
                    "median": _percentile(least, 50),
                    "p95": _percentile(least, 95),
                    "slowest": least[-1],
                }
            )
    return sorted(answer, key=lambda row: row["operation"], reverse=True)


def _percentile(ordered: list[float], percent: int) -> float:
    """By the nearest rank, which is a value that was seen."""
    return ordered[ceil(len(ordered) * percent / 100) - 1]


def phases(rows: list[Row]) -> Answer:
    answer: Answer = []
    for run in runs_of(rows):
        newest = {row.fields[Attribute.PHASE]: row for row in run.named(EventName.PHASE)}
        answer += [
            {
                "operation": run.operation,
                "phase": phase,
                "state": row.fields[Attribute.STATE],
                "seconds": float(row.fields[Attribute.SECONDS]),
                "endOfRun": row.time,
            }
            for phase, row in newest.items()
        ]
    answer.sort(key=lambda row: (row["operation"], row["phase"]))
    return sorted(answer, key=lambda row: row["endOfRun"], reverse=True)


def run_failed(rows: list[Row]) -> Answer:
    return [
        {
            "TimeGenerated": run.named(EventName.RUN)[-1].time,
            "operation": run.operation,
            "code": run.of_end(Attribute.CODE),
            "phase": run.of_end(Attribute.PHASE),
        }
        for run in runs_of(rows)
        if run.failed
    ]


def degraded(rows: list[Row]) -> Answer:
    return [
        {
            "TimeGenerated": run.named(EventName.RUN)[-1].time,
            "cluster": run.named(EventName.RUN)[-1].fields[Attribute.CLUSTER],
            "operation": run.operation,
            "result": run.of_end(Attribute.STATE),
            "findings": run.of_end(Attribute.FINDINGS),
        }
        for run in runs_of(rows)
        if run.of_end(Attribute.KIND) == "maintain"
        and (run.failed or run.of_end(Attribute.FINDINGS))
    ]


def run_stuck(rows: list[Row]) -> Answer:
    return [
        {"TimeGenerated": run.claimed.time, "operation": run.operation}
        for run in runs_of(rows)
        if run.claimed and run.claimed.time < NOW - DEADLINE and not run.named(EventName.RUN)
    ]


def slack(rows: list[Row]) -> Answer:
    answer: Answer = []
    for run in runs_of(rows):
        newest = {
            (row.fields[Attribute.NUMBER], row.fields[Attribute.ATTEMPT]): row.fields[
                Attribute.STATE
            ]
            for row in run.named(EventName.SLACK)
        }
        answer += [
            {"operation": run.operation, "state": state, "messages": count}
            for state, count in Counter(newest.values()).items()
        ]
    return sorted(answer, key=lambda row: row["operation"], reverse=True)


def throttling(rows: list[Row]) -> Answer:
    found: defaultdict[tuple[str, datetime], list[str]] = defaultdict(list)
    for row in rows:
        if row.code == "429":
            begin = row.time - (row.time - EPOCH) % SLICE
            found[row.target.partition(":")[0], begin].append(row.operation)
    answer = [
        {
            "service": service,
            "TimeGenerated": begin,
            "answers": len(operations),
            "operations": len(set(operations)),
        }
        for (service, begin), operations in found.items()
    ]
    return sorted(answer, key=lambda row: row["TimeGenerated"], reverse=True)


@dataclass(frozen=True)
class Expected:
    """`order` are the columns that the answer is sorted by; an alert's answer has no order."""

    compute: Callable[[list[Row]], Answer]
    order: tuple[str, ...] = ()


EXPECTED = {
    "clusters": Expected(clusters, ("cluster",)),
    "cost": Expected(price, ("newest",)),
    "degraded": Expected(degraded),
    "failures": Expected(failures, ("runs", "newest")),
    "nodes": Expected(nodes, ("operation", "role")),
    "phases": Expected(phases, ("endOfRun", "operation", "phase")),
    "run-failed": Expected(run_failed),
    "run-stuck": Expected(run_stuck),
    "slack": Expected(slack, ("operation",)),
    "throttling": Expected(throttling, ("TimeGenerated",)),
}
