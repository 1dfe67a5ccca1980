"""When clusters are due for maintenance.

A cluster is due at fixed times: once in its interval, at a minute that its name decides. So a
thousand clusters with one setting are spread over the interval, the times are the same in every
process, and an operation in between does not move them.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from cluster.model import Contract

DAY = 24 * 60
# With a start hour: how long after it a maintenance may begin. One that is late begins within these
# hours of another day.
WINDOW = timedelta(hours=4)
# How long a cluster that was never maintained stays due. So clusters that existed before Slipway
# maintained any are not all due at once.
FIRST = timedelta(days=1)
# A maintenance that was late counts for the next time too if it was claimed in the last part of the
# interval: one over this number.
NEAR = 4
LONGEST_DAYS = 30


class Policy(Contract):
    """What a cluster's spec says of its maintenance.

    Attributes:
        every_days: None: the installation's number.
        start_hour: UTC. None: any hour.
        repair: the cluster's spec is applied again after a maintenance that found what a PUT
            repairs.
    """

    enabled: bool = True
    every_days: int | None = None
    start_hour: int | None = None
    repair: bool = False


def policy_of(spec: dict[str, Any]) -> Policy:
    """Returns the policy of a stored spec. A value that this version cannot use counts as
    absent."""
    part = cast(dict[str, Any], found) if isinstance(found := spec.get("maintenance"), dict) else {}
    return Policy(
        enabled=part.get("enabled") is not False,
        every_days=_whole(part.get("everyDays"), 1, LONGEST_DAYS),
        start_hour=_whole(part.get("startHour"), 0, 23),
        repair=part.get("repair") is True,
    )


def _whole(value: Any, low: int, high: int) -> int | None:
    return value if type(value) is int and low <= value <= high else None


def days_of(policy: Policy, default: int) -> int:
    """Returns the interval in days; 0 if the cluster is never due. `default` 0: the installation
    maintains nothing by itself."""
    return (policy.every_days or default) if policy.enabled and default else 0


def last_due(name: str, policy: Policy, days: int, now: datetime) -> datetime:
    """Returns the latest time, not after `now`, at which the cluster became due."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
    if policy.start_hour is None:
        offset = number % (days * DAY)
    else:
        offset = number % days * DAY + policy.start_hour * 60 + number // days % 60
    minutes = int(now.timestamp() // 60)
    behind = (minutes - offset) % (days * DAY)
    return datetime.fromtimestamp((minutes - behind) * 60, UTC)


def is_open(policy: Policy, now: datetime) -> bool:
    """Returns whether a maintenance may begin at this hour."""
    if policy.start_hour is None:
        return True
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return (now - midnight - timedelta(hours=policy.start_hour)) % timedelta(days=1) < WINDOW


def overdue_since(
    name: str, policy: Policy, days: int, last: datetime | None, now: datetime, *, first: bool
) -> datetime | None:
    """Returns since when the cluster is due, or None if it is not.

    Args:
        last: when its last maintenance was claimed or, before the first, when its record changed
            last: a cluster is not due for a time at which it was made, nor soon after one that was
            late.
        first: it was never maintained. One that was not maintained within a day of its time waits
            for the next.
    """
    if not days:
        return None
    due = last_due(name, policy, days, now)
    if first and now - due >= FIRST:
        return None
    return None if _covers(last, due, days) else due


def _covers(last: datetime | None, due: datetime, days: int) -> bool:
    return last is not None and last >= due - timedelta(days=days) / NEAR


def next_due(
    name: str, policy: Policy, days: int, last: datetime | None, now: datetime, *, first: bool
) -> datetime | None:
    """Returns when the cluster is due next: a time that has passed if it is due. None: never."""
    if not days:
        return None
    if overdue := overdue_since(name, policy, days, last, now, first=first):
        return overdue
    due = last_due(name, policy, days, now) + timedelta(days=days)
    return due + timedelta(days=days) if _covers(last, due, days) else due
