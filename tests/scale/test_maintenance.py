"""Maintenance over years and of a thousand clusters: the real code on simulated time."""

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import pytest

from activities.examine_machines import RENEWED_DAYS
from clients.settings import MAINTENANCE_AT_ONCE, MAINTENANCE_DAYS
from cluster.closing import closed
from cluster.contracts import FinishInput
from cluster.maintenance import WINDOW
from cluster.names import parse_instance_id
from cluster.record import ClaimedOperation, ClusterRecord
from lab.simulation.run import Scenario, Simulation, simulation
from runs.maintenance import start_due
from tests.runs.memory import engine, new_context, spec

TICK = timedelta(minutes=10)
YEAR, RENEWAL = timedelta(days=365), timedelta(days=90)
# Azure's limits per principal, subscription and region: a bucket, and what flows into it per
# second. The vault's: transactions in ten seconds.
ARM_READS, ARM_WRITES, VAULT = (250, 25), (200, 10), 4000


class _Time(datetime):
    """`datetime` whose `now` a test decides."""

    at = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return cls.at.astimezone(tz)


@contextmanager
def time_of_claims() -> Iterator[type[_Time]]:
    with patch("runs.starts.datetime", _Time):
        yield _Time


@contextmanager
def launched(nodes: int = 6) -> Iterator[Simulation]:
    scenario = Scenario(nodes, ready=60.0, play=120.0, tasks=12, cluster="demo", pool="worker")
    with simulation(scenario) as made:
        made.apply()
        made.engine.finish()
        yield made


@pytest.mark.long
@pytest.mark.parametrize("absent", [range(0), range(300, 370)], ids=["always", "70 days away"])
def test_a_cluster_that_is_left_alone_for_three_years_has_valid_certificates(
    absent: range,
) -> None:
    """`absent`: the days on which the app does not run."""
    with launched() as made, time_of_claims() as time:
        born = time.at
        ends = {slot.name: born + YEAR for slot in made.plan_of(1).nodes}
        maintained: list[int] = []
        for day in range(3 * 365):
            time.at = born + timedelta(days=day, hours=20)
            assert all(end > time.at for end in ends.values()), f"ended on day {day}"
            if day in absent:
                continue
            made.clock.seconds = max(made.clock.seconds, (time.at - born).total_seconds())
            done = start_due(made.context, time.at, days=7, at_once=50)
            if not done.started:
                continue
            generation = made.services.store.need_record("demo")[0].generation
            made.fleet.begin(generation)
            made.engine.finish()
            maintained.append(day)
            played = made.fleet.play_of(f"demo-{generation:06d}-1").calls
            for name, end in ends.items():
                if name in played and end - time.at < RENEWAL:
                    ends[name] = time.at + YEAR
            record = made.services.store.need_record("demo")[0]
            assert (record.state, record.findings) == ("ready", ()), f"day {day}"
        gaps = [after - before for before, after in pairwise(maintained)]
        assert max(gaps) <= len(absent) + 8
        assert len(maintained) >= (3 * 365 - len(absent)) // 7 - 1
        uid = made.services.store.need_record("demo")[0].uid
        assert len(made.services.store.backups("demo", uid)) == 14


@pytest.mark.long
def test_certificates_that_nothing_renews_are_told_long_before_their_end() -> None:
    with launched() as made, time_of_claims() as time:
        born = time.at
        told = 0
        for day in range(0, 366, 7):
            time.at = born + timedelta(days=day, hours=20)
            left = (born + YEAR - time.at).days
            made.fleet.due = (
                {"demo-etcd-0": [{"path": "/etc/etcd/pki/peer.crt", "ends": "soon"}]}
                if left < RENEWED_DAYS
                else {}
            )
            made.maintain()
            made.engine.finish()
            record = made.services.store.need_record("demo")[0]
            assert (record.state == "degraded") == (left < RENEWED_DAYS)
            told += record.state == "degraded"
        assert told >= 11, "weeks in which somebody can act"


def calls_of_one() -> tuple[list[tuple[float, str]], float]:
    """When one maintenance calls which service, in seconds from its claim, and how long it takes.
    Its starts and deallocations are ARM's writes."""
    with launched() as made:
        calls: list[tuple[float, str]] = []
        begin = made.clock.seconds
        counted = made.services.cloud.calls
        known = counted.copy()

        def look() -> None:
            for name, number in (counted - known).items():
                calls.extend([(made.clock.seconds - begin, name)] * number)
            known.update(counted - known)

        made.maintain()
        advance = made.clock.advance

        def looking() -> bool:
            more = advance()
            look()
            return more

        with patch.object(made.clock, "advance", looking):
            made.engine.finish()
        look()
        assert made.result(2)
        return calls, made.clock.seconds - begin


def peak(times: list[float], seconds: float) -> int:
    """The most calls in any so many seconds."""
    most, window = 0, list[float]()
    for time in sorted(times):
        heapq.heappush(window, time)
        while window[0] <= time - seconds:
            heapq.heappop(window)
        most = max(most, len(window))
    return most


def emptiest(times: list[float], bucket: tuple[int, int]) -> float:
    """What is left of Azure's bucket at the worst moment."""
    size, flow = bucket
    left, last, least = float(size), 0.0, float(size)
    for time in sorted(times):
        left = min(size, left + (time - last) * flow) - 1
        last, least = time, min(least, left)
    return least


def test_a_thousand_clusters_due_in_one_hour_are_worked_through_within_the_limits() -> None:
    calls, seconds = calls_of_one()
    context = new_context()
    with time_of_claims() as time:
        base = spec().document() | {"maintenance": {"everyDays": 1, "startHour": 2}}
        names = [f"cluster-{number}" for number in range(1000)]
        for name in names:
            _add(context, name, base)
        midnight = datetime(2026, 3, 2, tzinfo=UTC)
        starts: dict[str, float] = {}
        ends: list[tuple[datetime, str]] = []
        for tick in range(int(timedelta(hours=7) / TICK)):
            time.at = midnight + tick * TICK
            while ends and ends[0][0] <= time.at:
                _end(context, heapq.heappop(ends)[1])
            at_once = MAINTENANCE_AT_ONCE
            done = start_due(context, time.at, days=MAINTENANCE_DAYS, at_once=at_once)
            assert done.running + len(done.started) <= at_once
            for place, name in enumerate(done.started):
                assert name not in starts, "started twice"
                # A claim takes the timer about half a second.
                starts[name] = (time.at - midnight).total_seconds() + place * 0.5
                heapq.heappush(ends, (time.at + timedelta(seconds=seconds + place * 0.5), name))
    assert sorted(starts) == sorted(names)
    first, last = min(starts.values()), max(starts.values())
    assert first >= 2 * 3600
    assert last < 2 * 3600 + WINDOW.total_seconds()
    made = [(begin + at, what) for begin in starts.values() for at, what in calls]
    arm = [at for at, what in made if what == "ARM calls"]
    vault = [at for at, what in made if what == "vault operations"]
    assert emptiest(arm, ARM_READS) > 0
    assert emptiest([begin for begin in starts.values() for _ in range(2)], ARM_WRITES) > 0
    assert peak(vault, 10.0) < VAULT


def _add(context: Any, name: str, document: dict[str, Any]) -> None:
    born = "2026-01-01T00:00:00+00:00"
    operation = ClaimedOperation(
        generation=1,
        kind="reconcile",
        instance_id=f"{name}-000001",
        started_at=born,
        finished=True,
    )
    record = ClusterRecord(
        name=name,
        uid="1f0c2ab4",
        generation=1,
        state="ready",
        spec=document | {"name": name},
        operation=operation,
        updated_at=born,
    )
    context.store.create_record(record)
    context.store.save_result(FinishInput(cluster=name, generation=1, result="succeeded"))
    engine(context).states[f"{name}-000001"] = "COMPLETED"


def _end(context: Any, name: str) -> None:
    record, etag = context.store.need_record(name)
    assert parse_instance_id(record.operation.instance_id) == (name, record.generation)
    ended = FinishInput(cluster=name, generation=record.generation, result="succeeded")
    context.store.save_result(ended)
    context.store.save_record(closed(record, ended), etag)
    engine(context).states[record.operation.instance_id] = "COMPLETED"
