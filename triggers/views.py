"""Combines record, run status and node states into what the API shows of a cluster."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from clients.errors import Refused
from clients.record_summary import RecordSummary
from clients.store import Store, UnreadableRecord
from cluster import names
from cluster.api import (
    AppliedSpec,
    CheckResult,
    ClusterDetail,
    ClusterState,
    ClusterSummary,
    FailureCause,
    KubernetesAccess,
    Links,
    NodeReports,
    PhaseProgress,
    PlayProgress,
    RunTimeline,
    StageName,
    TimelinePart,
)
from cluster.closing import closed
from cluster.contracts import FinishInput, PhaseRecord, RunRef
from cluster.outcomes import Cause
from cluster.progress import PHASES, percent
from cluster.record import ClusterRecord
from cluster.stages import STAGES, UPGRADE, UPGRADE_FETCH
from cluster.timeline import Bar, Timeline
from runs.lifecycle import ShowingEngine, Sight, look
from triggers.health import findings, schedule
from triggers.nodes import node_progress
from triggers.other_versions import readable
from triggers.problems import WAY_OUT, operation_path

LOST = "the engine ended or lost this operation without a result; {again} to resume"
SUSPENDED = (
    "the operation's instance {instance} is suspended in the durable engine and does nothing: "
    "resume or terminate it there (docs/operations.md)"
)
PENDING = "the operation is claimed and was not started yet; {again} to start it"
# How the operation of a record is repeated.
AGAIN = {
    "delete": "send DELETE again",
    "backup": "request the backup again",
    "restore": "request the restore again",
    "maintain": "request the maintenance again",
    "rotate": "request the rotation again",
}
SEND_SPEC = "send the same spec again"


def summary(record: RecordSummary | UnreadableRecord) -> ClusterSummary:
    """One line of the list."""
    if isinstance(record, UnreadableRecord):
        return ClusterSummary(name=record.name, state="unreadable", cause=record.refusal.code)
    return ClusterSummary(
        name=record.name,
        state=cast(ClusterState, record.state),
        generation=record.generation,
        group=record.group,
        updated_at=record.updated_at,
        cause=record.cause or None,
        stops_after=record.stops_after or None,
        kubernetes=record.kubernetes or None,
        nodes=record.nodes,
        findings=record.findings,
    )


def unreadable(name: str, refusal: Refused) -> ClusterDetail:
    """Returns what is known of a cluster whose record cannot be read."""
    cause = FailureCause(
        code=refusal.code, message=refusal.message, place=refusal.place, next_step=WAY_OUT
    )
    return ClusterDetail(name=name, state="unreadable", generation=0, cause=cause)


def detail(
    record: ClusterRecord,
    store: Store,
    engine: ShowingEngine,
    vault_url: str,
    maintenance_days: int,
) -> ClusterDetail:
    """Returns everything that a progress display needs, and how the Kubernetes API is reached."""
    ref = RunRef(cluster=record.name, generation=record.generation)
    # Without an operation, a run of that number is one of a cluster that had the name before.
    result = store.result(ref) if record.operation else None
    # A run writes its result before it closes the record, and may not get to the second.
    record = closed(record, result) if result else record
    operation = record.operation
    over = result is not None or not record.busy
    sight = look(engine, store, record, ref, ended=over) if operation else Sight()
    status, lost = sight.shown, sight.lost
    phases = result.phases if result else _phases(status)
    told = status.get("phase")
    phase = told if told and isinstance(told, str) else _last_begun(phases)
    base = f"/api/clusters/{record.name}"
    return ClusterDetail(
        name=record.name,
        state=cast(ClusterState, sight.state(record.state)),
        stops_after=record.stops_after or None,
        generation=record.generation,
        kind=operation.kind if operation else None,
        phase=phase,
        percent=_percent(result, sight, begun=lambda: store.has_begun(ref)),
        phases=tuple(PhaseProgress(**found.model_dump()) for found in phases),
        nodes=node_progress(store, record, phase, phases, result, lost=lost),
        play=readable(PlayProgress, status.get("play") or None),
        checks=checks(result, store),
        cause=failure(record.cause) if record.cause else None,
        findings=findings(record),
        maintenance=schedule(record, days=maintenance_days),
        note=_note(record, result, sight),
        started_at=operation.started_at if operation else None,
        caller=operation.caller if operation else None,
        operation=operation_path(operation.instance_id) if operation else None,
        links=Links.model_validate(
            {"self": base, "events": f"{base}/events", "cancel": f"{base}/cancel"}
        ),
        spec=readable(AppliedSpec, record.spec) or AppliedSpec(),
        group=record.group,
        access=_access(record, vault_url),
    )


def _phases(status: dict[str, Any]) -> tuple[PhaseRecord, ...]:
    told = status.get("phases")
    phases = cast(list[Any], told) if isinstance(told, list) else []
    return tuple(found for phase in phases if (found := readable(PhaseRecord, phase)))


def again(record: ClusterRecord) -> str:
    """Returns how the record's operation is repeated, as an instruction."""
    return AGAIN.get(record.operation.kind if record.operation else "", SEND_SPEC)


def _note(record: ClusterRecord, result: FinishInput | None, sight: Sight) -> str | None:
    """Returns what a reader must know in addition to the figures, or None."""
    if sight.lost:
        return LOST.format(again=again(record))
    if not_running := idle(record, sight):
        return not_running
    if sight.away and result is None:
        return f"{sight.away}: what is shown is from the record"
    return (result.note if result else "") or None


def idle(record: ClusterRecord, sight: Sight) -> str:
    """Returns why an operation that goes on does nothing, and what to do about it, or ""."""
    if sight.suspended:
        instance = record.operation.instance_id if record.operation else record.name
        return SUSPENDED.format(instance=instance)
    return PENDING.format(again=again(record)) if sight.pending else ""


def _last_begun(phases: Sequence[PhaseRecord]) -> str:
    """Returns the last phase that began, for an ended run that the engine no longer knows."""
    begun = [phase.name for phase in phases if phase.started_at]
    return begun[-1] if begun else ""


def checks(result: FinishInput | None, store: Store) -> tuple[CheckResult, ...]:
    """Returns all checks of an ended run. Its result contains only the first of them."""
    if result is None:
        return ()
    found = store.checks(result) or result.checks
    return tuple(CheckResult(**check.model_dump()) for check in found)


def timeline(found: Timeline, stages: Sequence[str]) -> RunTimeline:
    """Returns the answer's model of a timeline: deployments, play stages and the reports of
    nodes. `stages`: the ids of the stages that the run's play runs."""
    return RunTimeline(
        name=found.cluster,
        generation=found.generation,
        started_at=found.started_at,
        ended_at=found.ended_at,
        deployments=_parts(found.deployments),
        stages=_parts(found.stages),
        skipped=tuple(
            StageName(id=stage.id, name=stage.title)
            for stage in STAGES
            if stage.id not in (*stages, UPGRADE_FETCH, UPGRADE)
        ),
        reports=tuple(NodeReports(**report.model_dump()) for report in found.reports),
    )


def _parts(bars: Sequence[Bar]) -> tuple[TimelinePart, ...]:
    return tuple(TimelinePart(**bar.model_dump()) for bar in bars)


def failure(cause: Cause) -> FailureCause:
    return FailureCause(**cause.model_dump())


def _access(record: ClusterRecord, vault_url: str) -> KubernetesAccess | None:
    """Returns the access to the Kubernetes API, or None before a run has brought it up."""
    if record.access is None:
        return None
    return KubernetesAccess(
        vault=vault_url,
        kubeconfig_secret=record.access.kubeconfig,
        api_name=names.api_name(record.name),
        public_address=record.access.public_address or None,
    )


def _percent(result: FinishInput | None, sight: Sight, *, begun: Callable[[], bool]) -> int | None:
    """Returns how far the run is, or None if that is unknown.

    The record alone does not say how far a phase is, and its phase may be ahead of the engine's.
    A number that is derived from it could fall when the engine answers again. So without the
    engine's status the number is unknown, except before the run has begun. A result keeps the
    number after the status of an ended run is purged. Results of older versions do not have it.
    """
    if result is not None and result.result == "succeeded":
        return 100
    if result is not None and result.percent:
        return result.percent
    phase = sight.shown.get("phase")
    if not sight.away and isinstance(phase, str) and phase in PHASES:
        return percent(sight.shown)
    return None if result is not None or sight.away or phase or begun() else 0
