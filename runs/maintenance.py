"""Starts the maintenance of clusters that are due, a bounded number at once.

Everything is decided by the list of clusters. What is not started in one call is due in the next
one, those that are due for longest first, so an app that was away for a day starts no more at once
than on any other day.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from clients.errors import Refused, Transient
from clients.record_summary import RecordSummary
from clients.time_limit import left
from cluster.maintenance import days_of, is_open, overdue_since
from runs.backup_claims import MAINTAINED_STATES, NotMaintainableError, claim_maintenance
from runs.engine import EngineAwayError
from runs.listing import all_clusters
from runs.previous import BusyError
from runs.repairs import is_repairable, named, repair
from runs.starts import ClaimContext, start_lost_claim

# What the record says of who asked.
CALLER = "maintenance timer"
RUNNING = ("running", "pending")
# Seconds that one claim may take, with the start of its operation.
ROOM = 30.0
log = logging.getLogger("slipway.maintenance")


@dataclass
class Started:
    """What one call did.

    Attributes:
        running: how many maintenances ran before it.
        started: the clusters whose maintenance it started.
        repaired: the clusters whose repair it started.
        waiting: how many more are due.
        skipped: clusters that are due and not maintained, and why.
    """

    running: int = 0
    started: list[str] = field(default_factory=list[str])
    repaired: list[str] = field(default_factory=list[str])
    waiting: int = 0
    skipped: dict[str, str] = field(default_factory=dict[str, str])


def start_due(context: ClaimContext, now: datetime, *, days: int, at_once: int) -> Started:
    """Starts the maintenance of clusters that are due, as long as fewer than `at_once` run.

    Args:
        days: the installation's interval; 0: nothing is started.

    Raises:
        EngineAwayError: the durable engine cannot be asked.
    """
    done = Started()
    if not days:
        return done
    due: list[tuple[datetime, str]] = []
    broken: list[str] = []
    for one in _clusters(context):
        if one.kind == "maintain" and one.busy and one.state in RUNNING:
            done.running += 1
            if one.state == "pending" and (why := _start_again(context, one.name)):
                done.skipped[one.name] = why
        elif is_repairable(one):
            broken.append(one.name)
        elif since := _due_since(one, days, now):
            if why := obstacle(one):
                done.skipped[one.name] = why
            else:
                due.append((since, one.name))
    _repair(context, broken, at_once, done)
    due.sort()
    room = max(0, at_once - done.running - len(done.repaired))
    for number, (_, name) in enumerate(due):
        if len(done.started) >= room or left() < ROOM:
            done.waiting += len(due) - number
            break
        if why := _start(context, name):
            done.skipped[name] = why
        else:
            done.started.append(name)
    return done


def _clusters(context: ClaimContext) -> Iterator[RecordSummary]:
    for one in all_clusters(context.store, context.engine):
        if isinstance(one, RecordSummary) and not one.is_tombstone:
            yield one


def _repair(context: ClaimContext, names: list[str], at_once: int, done: Started) -> None:
    """Starts repairs, no more than `at_once`; the others are repairable in the next call too."""
    for number, name in enumerate(names):
        if len(done.repaired) >= at_once or left() < ROOM:
            done.waiting += len(names) - number
            return
        if why := repair(context, name, CALLER):
            done.skipped[name] = why
        else:
            done.repaired.append(name)


def _due_since(one: RecordSummary, days: int, now: datetime) -> datetime | None:
    if not is_open(one.policy, now):
        return None
    own = days_of(one.policy, days)
    first = not one.maintained_at
    return overdue_since(one.name, one.policy, own, last_time(one), now, first=first)


def last_time(one: RecordSummary) -> datetime | None:
    """Returns when the last maintenance was claimed or, before the first, when the record changed
    last: a cluster is not due for a time at which it did not exist."""
    try:
        found = datetime.fromisoformat(one.maintained_at or one.updated_at)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def obstacle(one: RecordSummary) -> str:
    """Returns why the cluster is not maintained now, or ""."""
    if one.kind == "maintain" and one.busy:
        return ""  # its run was lost: the next claim ends it
    if one.busy and one.state not in ("failed", "deleted"):
        return f"another operation ({one.kind}) is {one.state}"
    return "" if one.state in MAINTAINED_STATES else f"the cluster is {one.state}"


def _start(context: ClaimContext, name: str) -> str:
    """Returns why the maintenance was not started, or ""."""
    try:
        claim = claim_maintenance(context, name, CALLER)
    except EngineAwayError:
        raise
    except (BusyError, NotMaintainableError) as error:
        return str(error)
    except (Refused, Transient) as error:
        return named(error)
    return "" if claim else "the cluster is gone"


def _start_again(context: ClaimContext, name: str) -> str:
    """Starts a maintenance that was claimed and not started. Returns why it could not, or ""."""
    try:
        found = context.store.record(name)
        if found is not None:
            start_lost_claim(context, found[0])
    except EngineAwayError:
        raise
    except (Refused, Transient) as error:
        return named(error)
    return ""
