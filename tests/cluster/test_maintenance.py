"""When a cluster is due for maintenance."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.maintenance import (
    WINDOW,
    Policy,
    days_of,
    is_open,
    last_due,
    next_due,
    overdue_since,
    policy_of,
)

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
NAMES = [f"cluster-{number}" for number in range(1000)]
TIMES = st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001
    lambda time: time.replace(tzinfo=UTC)
)
POLICIES = st.builds(
    Policy,
    every_days=st.none() | st.integers(1, 30),
    start_hour=st.none() | st.integers(0, 23),
)


@given(st.sampled_from(NAMES), POLICIES, st.integers(1, 30), TIMES)
def test_a_cluster_is_due_once_in_its_interval(
    name: str, policy: Policy, default: int, now: datetime
) -> None:
    days = days_of(policy, default)
    due = last_due(name, policy, days, now)
    assert due <= now < due + timedelta(days=days)
    assert last_due(name, policy, days, due) == due
    after = next_due(name, policy, days, due, now, first=False)
    assert after == due + timedelta(days=days)
    if policy.start_hour is not None:
        assert due.hour == policy.start_hour
        assert is_open(policy, due)


def test_a_thousand_clusters_are_spread_over_the_interval() -> None:
    hours = [last_due(name, Policy(), 7, NOW).replace(minute=0) for name in NAMES]
    busiest = max(hours.count(hour) for hour in set(hours))
    assert busiest < 20, "about six an hour"


def test_those_of_one_start_hour_are_spread_over_its_minutes_and_over_the_days() -> None:
    due = [last_due(name, Policy(start_hour=2), 7, NOW) for name in NAMES]
    assert {time.hour for time in due} == {2}
    assert len({time.date() for time in due}) == 7
    assert len({time.minute for time in due}) == 60


def test_a_cluster_is_not_due_for_a_time_before_its_last_maintenance() -> None:
    due = last_due("demo", Policy(), 7, NOW)
    before = due - timedelta(days=2)
    assert overdue_since("demo", Policy(), 7, before, NOW, first=False) == due
    assert overdue_since("demo", Policy(), 7, due, NOW, first=False) is None
    assert overdue_since("demo", Policy(), 7, None, NOW, first=False) == due


@given(st.sampled_from(NAMES), POLICIES, st.integers(1, 30), TIMES, st.floats(0, 0.249))
def test_one_that_was_late_is_not_followed_by_the_next_at_once(
    name: str, policy: Policy, default: int, now: datetime, part: float
) -> None:
    days = days_of(policy, default)
    due = last_due(name, policy, days, now)
    late = due - timedelta(days=days) * part
    assert overdue_since(name, policy, days, late, now, first=False) is None
    for before in (now, due - timedelta(days=days)):
        after = next_due(name, policy, days, late, before, first=False)
        assert after == due + timedelta(days=days)


@given(st.sampled_from(NAMES), POLICIES, st.integers(1, 30), TIMES, st.integers(0, 3))
def test_before_its_first_maintenance_a_cluster_is_due_for_a_day(
    name: str, policy: Policy, default: int, now: datetime, years: int
) -> None:
    days = days_of(policy, default)
    due = last_due(name, policy, days, now)
    last = due - timedelta(days=365 * years + days / 4, minutes=1)
    late = now - due >= timedelta(days=1)
    first = overdue_since(name, policy, days, last, now, first=True)
    assert first == (None if late else due)
    assert next_due(name, policy, days, last, now, first=True) == (
        due + timedelta(days=days) if late else due
    )
    assert overdue_since(name, policy, days, last, now, first=False) == due


@pytest.mark.parametrize(
    ("policy", "default"), [(Policy(enabled=False), 7), (Policy(), 0), (Policy(every_days=3), 0)]
)
def test_a_cluster_or_an_installation_can_leave_it_out(policy: Policy, default: int) -> None:
    assert days_of(policy, default) == 0
    assert next_due("demo", policy, 0, None, NOW, first=True) is None
    assert overdue_since("demo", policy, 0, None, NOW, first=True) is None


@pytest.mark.parametrize("hour", [0, 2, 21, 23])
def test_one_that_is_late_begins_within_the_hours_after_its_own_on_any_day(hour: int) -> None:
    policy = Policy(start_hour=hour)
    midnight = NOW.replace(hour=0)
    opened = [n for n in range(24) if is_open(policy, midnight + timedelta(hours=n, minutes=59))]
    whole = WINDOW // timedelta(hours=1)
    assert sorted(opened) == sorted((hour + n) % 24 for n in range(whole))


@pytest.mark.parametrize(
    ("spec", "policy"),
    [
        ({}, Policy()),
        ({"maintenance": {"enabled": False, "everyDays": None, "startHour": None}}, None),
        ({"maintenance": {"everyDays": 1, "startHour": 0}}, Policy(every_days=1, start_hour=0)),
        ({"maintenance": {"everyDays": 400, "startHour": "2"}}, Policy()),
        ({"maintenance": {"everyDays": True, "startHour": -1}}, Policy()),
        ({"maintenance": "weekly"}, Policy()),
    ],
)
def test_a_stored_spec_is_read_leniently(spec: dict[str, Any], policy: Policy | None) -> None:
    assert policy_of(spec) == (policy or Policy(enabled=False))
