"""Runs the phases of an operation in order and records its end in every case."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from cluster.contracts import FINISH_RUN, SUPERSEDED, FinishInput, PhaseRecord
from cluster.events import Kind, Level
from cluster.outcomes import Cause
from cluster.progress import percent
from orchestrators.calls import BACKUP_AGAIN, MAINTAIN_AGAIN, RESTORE_AGAIN, ROTATE_AGAIN
from orchestrators.errors import ContinueAsNewError, RunCancelledError, RunFailedError
from orchestrators.run import Run, Steps

type Step = Callable[[Run], Steps[None]]
type Phases = Mapping[str, Step]

PHASE_ENDS: dict[str, tuple[Kind, Level]] = {
    "done": ("phase.done", "info"),
    "failed": ("phase.failed", "error"),
    "cancelled": ("phase.cancelled", "warning"),
}


def phases_of(versions: Mapping[int, Phases], version: str | None) -> Phases:
    """Returns the table of phases that a run began with: the newest that is not newer than the run.

    Raises:
        ValueError: the run is newer than this code (the host keeps such runs from it), or older
            than every supported version. The same spec sent again resumes it then.
    """
    wanted = int(version or 1)  # version 1 is older than the field
    oldest, newest = min(versions), max(versions)
    if not oldest <= wanted <= newest:
        kind = "newer" if wanted > newest else "older"
        supported = f"{oldest}" if oldest == newest else f"{oldest} to {newest}"
        text = f"version {wanted} is {kind} than this app, which knows {supported}"
        resume = "; send the same request again: a new run resumes the work"
        raise ValueError(text + (resume if wanted < oldest else ""))
    return versions[max(known for known in versions if known <= wanted)]


@dataclass(frozen=True)
class Procedure:
    """An operation's phases, and its actions if it ends early.

    Attributes:
        phases: name to step, in order.
        opening: the text of the event at its beginning.
        closing: returns the text of the event at its success.
        stop: stops what runs, after a cancel.
        release: ensures that nothing is left running, after a cancel and after a failure.
        advice: returns what else to do after an end that is no success, or "".
    """

    phases: Phases
    opening: str
    closing: Callable[[Run], str]
    stop: Step
    release: Step
    advice: Callable[[Run], str] = lambda _: ""


def conduct(run: Run, procedure: Procedure) -> Steps[Any]:
    """Runs the phases and records success, failure or cancellation.

    Raises:
        RunFailedError: raised after the failure was recorded, so that the platform shows Failed.
    """
    try:
        result = yield from _conducted(run, procedure)
    except RunFailedError:
        run.close()
        raise
    run.close()
    return result


def _conducted(run: Run, procedure: Procedure) -> Steps[Any]:
    try:
        return (yield from _proceed(run, procedure))
    except RunCancelledError as error:
        return (yield from _cancelled(run, error, procedure))
    except RunFailedError as error:
        yield from _failed(run, error, procedure)
        raise


def _proceed(run: Run, procedure: Procedure) -> Steps[Any]:
    """Runs the phases to success, or continues with a new history.

    A cancel that arrives while the old history closes was delivered to this execution and is not
    carried over. So the check for a cancel comes last.
    """
    try:
        yield from _run_phases(run, procedure)
    except ContinueAsNewError:
        yield from run.journal.close()
        run.check_cancelled()
        run.journal.leave()
        run.update(journal=run.journal.state)
        run.ctx.continue_as_new(run.state.model_dump(mode="json"), save_events=True)
        return None
    run.record("run.succeeded", procedure.closing(run))
    return (yield from _finish(run, "succeeded"))


def _run_phases(run: Run, procedure: Procedure) -> Steps[None]:
    names = list(procedure.phases)
    resumed = run.state.phase
    if not resumed:
        run.update(
            started_at=run.timestamp(), phases=tuple(PhaseRecord(name=name) for name in names)
        )
        run.record("run.started", procedure.opening)
    for name in names[names.index(resumed) if resumed else 0 :]:
        if name != resumed:
            _start_phase(run, name)
        yield from procedure.phases[name](run)
        _finish_phase(run, "done")
        yield from run.flush()
        run.check_cancelled()


def _start_phase(run: Run, name: str) -> None:
    started = {"state": "running", "started_at": run.timestamp()}
    phases = (p.model_copy(update=started) if p.name == name else p for p in run.state.phases)
    run.update(phase=name, phases=tuple(phases))
    run.record("phase.started", f"phase {name} started", subject=name)


def _finish_phase(run: Run, state: Literal["done", "failed", "cancelled"]) -> None:
    phases: list[PhaseRecord] = []
    for phase in run.state.phases:
        if phase.name != run.state.phase or phase.state != "running":
            phases.append(phase)
            continue
        seconds = (run.now - datetime.fromisoformat(phase.started_at.rstrip("Z"))).total_seconds()
        phases.append(phase.model_copy(update={"state": state, "seconds": round(seconds, 1)}))
        kind, level = PHASE_ENDS[state]
        text = f"phase {phase.name} {state} in {seconds:.0f} s"
        run.record(kind, text, level=level, subject=phase.name)
    run.update(phases=tuple(phases))


def _cancelled(run: Run, error: RunCancelledError, procedure: Procedure) -> Steps[Any]:
    """Ends the run in order: stops what runs and keeps what exists."""
    run.cancellable = False
    who = f" by {error.who}" if error.who else ""
    if error.superseded:
        who = ", because a newer operation of the cluster took over"
    run.record("run.cancelling", f"cancel requested{who}", level="warning")
    _finish_phase(run, "cancelled")
    yield from _end(run, procedure.stop)
    yield from _end(run, procedure.release)
    run.record("run.cancelled", "cancelled; what exists was kept", level="warning")
    cause = Cause(
        code="Cancelled",
        phase=run.state.phase,
        message=f"the run was cancelled{who}",
        next_step=run.again
        if run.again in (BACKUP_AGAIN, RESTORE_AGAIN, MAINTAIN_AGAIN, ROTATE_AGAIN)
        else "send the spec again to resume, or DELETE to remove what was created",
    )
    return (yield from _finish(run, "cancelled", _advised(run, cause, procedure)))


def _advised(run: Run, cause: Cause, procedure: Procedure) -> Cause:
    """Returns the cause with the operation's own advice after the next step."""
    advice = procedure.advice(run)
    if not (advice and cause.next_step):
        return cause
    return cause.model_copy(update={"next_step": f"{cause.next_step}. {advice}"})


def _failed(run: Run, error: RunFailedError, procedure: Procedure) -> Steps[None]:
    run.cancellable = False
    cause = error.cause.model_copy(update={"phase": run.state.phase})
    cause = _advised(run, cause, procedure)
    text = f"failed in phase {cause.phase}: {cause.message}"
    text += f" Next: {cause.next_step}." if cause.next_step else ""
    run.record("run.failed", text, level="error", subject=cause.code)
    _finish_phase(run, "failed")
    yield from _end(run, procedure.release)
    yield from _finish(run, "failed", cause)


def _end(run: Run, step: Step) -> Steps[None]:
    """Runs a step of the run's end. A failure is recorded, and the run's record is closed
    nevertheless."""
    try:
        yield from step(run)
    except RunFailedError as trouble:
        if trouble.cause.code == SUPERSEDED:
            run.record("note", "the newer operation of the cluster ends what is left")
            return
        text = f"while ending the run: {trouble.cause.code}: {trouble.cause.message}"
        run.record("cleanup.failed", text, level="error", subject=trouble.cause.code)


def _finish(run: Run, result: str, cause: Cause | None = None) -> Steps[dict[str, Any]]:
    """Closes the record, even if the last events could not be written."""
    run.cancellable = False
    try:
        yield from run.journal.close()
    except RunFailedError as error:
        run.update(note=f"the last events were not written: {error}")
    run.update(journal=run.journal.state)
    run.update(note="; ".join(filter(None, (run.state.note, run.journal.lost()))))
    payload = FinishInput.model_validate(
        run.ref.model_dump()
        | {
            "result": result,
            "cause": cause,
            "phases": run.state.phases,
            "checks": run.state.checks,
            "findings": run.state.findings,
            "skipped": run.state.skipped,
            "note": run.state.note,
            "percent": 100 if result == "succeeded" else percent(run.status()),
            "finished_at": run.timestamp(),
        }
    )
    yield from run.perform(FINISH_RUN, payload)
    run.ctx.set_custom_status(run.status() | {"result": result})
    return {"result": result}
