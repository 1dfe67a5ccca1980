"""Shows what is wrong with a cluster, and when it is maintained."""

from datetime import UTC, datetime

from clients.record_summary import summary_of
from cluster.api_health import ClusterFinding, MaintenanceSchedule
from cluster.health import NEXT_STEPS
from cluster.maintenance import days_of, next_due, policy_of
from cluster.record import ClusterRecord
from runs.maintenance import last_time, obstacle


def findings(record: ClusterRecord) -> tuple[ClusterFinding, ...]:
    """Returns the record's findings, each with what to do about it."""
    return tuple(
        ClusterFinding(**one.model_dump(), next_step=NEXT_STEPS.get(one.code, ""))
        for one in record.findings
    )


def schedule(record: ClusterRecord, *, days: int) -> MaintenanceSchedule | None:
    """Returns when the cluster is maintained. `days`: the installation's interval."""
    if record.is_tombstone:
        return None
    policy, summary = policy_of(record.spec), summary_of(record)
    own = days_of(policy, days)
    last, first = last_time(summary), not summary.maintained_at
    due = next_due(record.name, policy, own, last, datetime.now(UTC), first=first)
    return MaintenanceSchedule(
        every_days=own,
        last_at=record.maintained_at or None,
        next_at=due.isoformat() if due else None,
        obstacle=(obstacle(summary) or None) if due else None,
    )
