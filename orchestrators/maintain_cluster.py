"""Maintains a cluster: a snapshot of its etcd, a full pass of the play, and an examination.

What is found wrong does not end the run. It becomes the run's findings, and the cluster is
`degraded`. Only what keeps the run from looking fails it.
"""

from datetime import timedelta
from typing import Any

from durabletask.task import OrchestrationContext

from cluster.contracts import (
    EXAMINE_MACHINES,
    PLAN_MAINTENANCE,
    PRUNE_BACKUPS,
    START_CONTROLLER,
    STOP_PLAY,
    TAKE_BACKUP,
    VERIFY_CLUSTER,
    ExamineInput,
    PlayInput,
    VerifyInput,
)
from cluster.health import HealthFinding, finding, merged, of_check
from cluster.outcomes import Cause
from orchestrators.calls import MAINTAIN_AGAIN
from orchestrators.errors import RunFailedError
from orchestrators.operation import Phases, Procedure, Step, conduct, phases_of
from orchestrators.run import Run, Steps
from orchestrators.state import RunState, UpdateState
from orchestrators.steps.release_controller import release_after, release_controller
from orchestrators.steps.run_playbook import run_playbook
from orchestrators.steps.update_machines import leave_machine, update_machines

BACKUP_PATIENCE = timedelta(minutes=10)
# The verification names the first failed checks; Azure is asked about as many machines.
SUSPECTS = 40
RESTING = "MachinesOff"
# A play that ended for one of these did not run to its end because of the controller.
CONTROLLER_CODES = ("ControllerMissing", "ControllerUnreachable", "ResourceOwnedByAnother")


def _examine(run: Run) -> Steps[None]:
    plan = yield from run.perform(PLAN_MAINTENANCE, run.ref)
    run.update(
        keep_controller=plan.keep_controller,
        nodes=plan.nodes,
        stages=plan.stages,
        play_deadline_seconds=plan.play_deadline_seconds,
        drain_deadline_seconds=plan.drain_deadline_seconds,
        security_updates=plan.security_updates,
        skipped=RESTING if plan.resting else "",
    )
    if plan.resting:
        text = "no etcd member and no control plane runs, so nothing is maintained"
        run.record("maintenance.skipped", text, level="warning", subject=RESTING)
    else:
        _add(run, *plan.findings)


def _back_up(run: Run) -> Steps[None]:
    """Takes a backup. Without one, the maintenance goes on: the next one tries again."""
    if run.state.skipped:
        return
    yield from run.perform(START_CONTROLLER, run.ref)
    if "etcd" not in run.state.stages:
        return
    try:
        taken = yield from run.perform(TAKE_BACKUP, run.ref, BACKUP_PATIENCE)
        text = f"backup {taken.id} taken from {taken.member}: {taken.bytes} bytes"
        run.record("backup.taken", text, subject=taken.id, node=taken.member)
        pruned = yield from run.perform(PRUNE_BACKUPS, run.ref)
    except RunFailedError as error:
        text = f"no backup: {_text(error.cause)}"
        run.record("backup.failed", text, level="warning", subject=error.cause.code)
        return
    if pruned.count:
        text = f"older backups removed: {pruned.count}"
        run.record("backups.removed", text, count=pruned.count)


def _correct(run: Run) -> Steps[None]:
    """Runs every stage on every machine, which renews certificates and corrects drift. Then, if
    the spec asks for it, machines get security updates."""
    if run.state.skipped:
        return
    if run.state.updates is None:
        try:
            yield from run_playbook(run)
        except RunFailedError as error:
            if error.cause.code in CONTROLLER_CODES:
                raise
            _add(run, finding("DriftNotCorrected", error.cause.place, _text(error.cause)))
        if not run.state.security_updates:
            return
        if run.state.findings:
            run.record("note", "no security updates, because something else is wrong")
            return
        run.update(updates=UpdateState())
    yield from update_machines(run)


def _verify(run: Run) -> Steps[None]:
    """Checks the systems themselves, whatever the play has said."""
    if run.state.skipped:
        return
    verified = yield from run.perform(VERIFY_CLUSTER, VerifyInput(**run.ref.model_dump()))
    run.update(checks=verified.checks)
    failed = [of_check(check.name, check.detail) for check in verified.checks if not check.ok]
    suspects = tuple(dict.fromkeys(one.subject for one in failed if one.subject))[:SUSPECTS]
    found = yield from run.perform(
        EXAMINE_MACHINES, ExamineInput(**run.ref.model_dump(), suspects=suspects)
    )
    run.update(findings=merged(run.state.findings, found.findings, failed))
    for one in run.state.findings:
        where = f" on {one.subject}" if one.subject else ""
        run.record(
            "health.finding",
            f"{one.code}{where}: {one.detail}",
            level="error",
            subject=one.code,
            node=one.subject,
        )
    count = len(run.state.findings)
    run.record("health.checked", f"findings: {count}" if count else "no findings", count=count)


def _release(run: Run) -> Steps[None]:
    if not run.state.skipped:
        yield from release_after(run, PHASES, "save")


def _leave(run: Run) -> Steps[None]:
    if not run.state.skipped:
        yield from release_controller(run)


def _stop(run: Run) -> Steps[None]:
    """Stops the play. `_release` stops the controller afterwards."""
    play = run.state.play
    if run.state.phase == "playbook" and (play.asked or play.started):
        yield from run.perform(STOP_PLAY, PlayInput(**run.ref.model_dump(), attempt=play.attempt))
    yield from leave_machine(run)


def _add(run: Run, *found: HealthFinding) -> None:
    run.update(findings=merged(run.state.findings, found))


def _text(cause: Cause) -> str:
    return f"{cause.code}: {cause.message}"


def _closing(run: Run) -> str:
    name, count = run.state.cluster, len(run.state.findings)
    if run.state.skipped:
        return f"{name} was not maintained: its machines are off"
    codes = ", ".join(dict.fromkeys(one.code for one in run.state.findings))
    return f"{name} is degraded: {codes}" if count else f"{name} was maintained and is well"


PHASES: dict[str, Step] = {
    "examine": _examine,
    "save": _back_up,
    "playbook": _correct,
    "verify": _verify,
    "controller": _leave,
}
VERSIONS: dict[int, Phases] = {5: PHASES}


def maintain_cluster(ctx: OrchestrationContext, raw: dict[str, Any]) -> Steps[Any]:
    """Runs a maintenance. The input is a `RunState`, the result `{"result": "succeeded" |
    "cancelled"}`.

    Raises:
        RunFailedError: raised after the failure was recorded.
    """
    run = Run(ctx, RunState.model_validate(raw), MAINTAIN_AGAIN)
    procedure = Procedure(
        phases=phases_of(VERSIONS, ctx.version),
        opening=f"maintenance of {run.state.cluster} started",
        closing=_closing,
        stop=_stop,
        release=_release,
    )
    return (yield from conduct(run, procedure))
