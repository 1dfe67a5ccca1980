"""Takes a backup of a cluster: a checked snapshot of its etcd, in blob storage."""

from datetime import timedelta
from typing import Any

from durabletask.task import OrchestrationContext

from cluster.contracts import (
    PLAN_BACKUP,
    PRUNE_BACKUPS,
    START_CONTROLLER,
    TAKE_BACKUP,
)
from orchestrators.calls import BACKUP_AGAIN
from orchestrators.operation import Phases, Procedure, Step, conduct, phases_of
from orchestrators.run import Run, Steps
from orchestrators.state import RunState
from orchestrators.steps.release_controller import release_after, release_controller

# Members may elect a leader, or be restarted, meanwhile. The transfer takes a minute at most.
PATIENCE = timedelta(minutes=10)


def _prepare(run: Run) -> Steps[None]:
    plan = yield from run.perform(PLAN_BACKUP, run.ref)
    run.update(keep_controller=plan.keep_controller)


def _take(run: Run) -> Steps[None]:
    yield from run.perform(START_CONTROLLER, run.ref)
    taken = yield from run.perform(TAKE_BACKUP, run.ref, PATIENCE)
    text = f"backup {taken.id} taken from {taken.member}: {taken.bytes} bytes, "
    text += f"revision {taken.revision}, {taken.keys} keys"
    run.record("backup.taken", text, subject=taken.id, node=taken.member)


def _prune(run: Run) -> Steps[None]:
    pruned = yield from run.perform(PRUNE_BACKUPS, run.ref)
    if pruned.count:
        text = f"older backups removed: {pruned.count}"
        run.record("backups.removed", text, count=pruned.count)


def _nothing(run: Run) -> Steps[None]:
    """Stops nothing: what an activity of a backup starts ends with it."""
    yield from run.flush()


def _release(run: Run) -> Steps[None]:
    yield from release_after(run, PHASES, "snapshot")


PHASES: dict[str, Step] = {
    "prepare": _prepare,
    "snapshot": _take,
    "retention": _prune,
    "controller": release_controller,
}
VERSIONS: dict[int, Phases] = {5: PHASES}


def backup_cluster(ctx: OrchestrationContext, raw: dict[str, Any]) -> Steps[Any]:
    """Runs a backup. The input is a `RunState`, the result `{"result": "succeeded" |
    "cancelled"}`.

    Raises:
        RunFailedError: raised after the failure was recorded.
    """
    run = Run(ctx, RunState.model_validate(raw), BACKUP_AGAIN)
    procedure = Procedure(
        phases=phases_of(VERSIONS, ctx.version),
        opening=f"backup of {run.state.cluster} started",
        closing=lambda ended: f"{ended.state.cluster} was backed up",
        stop=_nothing,
        release=_release,
    )
    return (yield from conduct(run, procedure))
