"""Restores a backup: every member of etcd gets the data of one snapshot.

Until the phase `stop`, nothing that runs is touched. From then on, the API servers are stopped
until every member has the new data and is healthy, so that nobody sees two sets of data.
"""

from datetime import timedelta
from typing import Any

from durabletask.task import OrchestrationContext

from cluster.contracts import (
    AWAIT_KUBELETS,
    PLAN_RESTORE,
    PREPARE_RESTORE,
    REPLACE_DATA,
    START_API_SERVERS,
    START_CONTROLLER,
    START_MEMBERS,
    STOP_API_SERVERS,
    STOP_CONTROLLER,
    UNDO_RESTORE,
    RestoreInput,
)
from orchestrators.calls import RESTORE_AGAIN
from orchestrators.errors import RunFailedError
from orchestrators.operation import Phases, Procedure, Step, conduct, phases_of
from orchestrators.run import Run, Steps
from orchestrators.state import RunState
from orchestrators.steps.release_controller import RELEASE_PATIENCE, release_controller

# The transfer of the largest snapshot takes minutes, and so does the making of the data.
PREPARE_PATIENCE = timedelta(minutes=25)
PATIENCE = timedelta(minutes=15)
NODES_PATIENCE = timedelta(minutes=10)
SHOWN = 20


def _choose(run: Run) -> Steps[None]:
    plan = yield from run.perform(PLAN_RESTORE, run.ref)
    run.update(keep_controller=plan.keep_controller, backup=plan.backup)
    run.record("note", f"backup {plan.backup}, taken at {plan.taken_at or 'an unknown time'}")


def _fetch(run: Run) -> Steps[None]:
    yield from run.perform(START_CONTROLLER, run.ref)
    asked = RestoreInput(**run.ref.model_dump(), backup=run.state.backup)
    yield from run.perform(PREPARE_RESTORE, asked, PREPARE_PATIENCE)
    text = "every etcd member has checked the snapshot and made its new data directory"
    run.record("restore.prepared", text, subject=run.state.backup)


def _stop(run: Run) -> Steps[None]:
    yield from run.perform(STOP_API_SERVERS, run.ref, PATIENCE)


def _exchange(run: Run) -> Steps[None]:
    replaced = yield from run.perform(REPLACE_DATA, run.ref, PATIENCE)
    run.record(
        "restore.replaced",
        "etcd has the snapshot's data; " + _kept(replaced.aside),
        subject=run.state.backup,
        nodes=tuple(replaced.aside),
    )


def _kept(aside: dict[str, str]) -> str:
    places = [f"{place} on {name}" for name, place in aside.items() if place]
    return f"the old data are kept: {', '.join(places)}" if places else "there were no old data"


def _await_quorum(run: Run) -> Steps[None]:
    started = yield from run.perform(START_MEMBERS, run.ref, PATIENCE)
    run.record("note", f"every etcd member is healthy, at revision {started.revision}")


def _start(run: Run) -> Steps[None]:
    yield from run.perform(START_API_SERVERS, run.ref, PATIENCE)


def _await_kubelets(run: Run) -> Steps[None]:
    """Waits for the nodes. A machine that is away is no reason to restore once more, so it is told
    and does not fail the run."""
    try:
        found = yield from run.perform(AWAIT_KUBELETS, run.ref, NODES_PATIENCE)
    except RunFailedError as error:
        if error.cause.code != "Timeout":
            raise
        text = f"{error.cause.message}; 'slipway apply --full' repairs what is Slipway's"
        run.record("note", text, level="warning")
        return
    run.update(nodes=found.total, ready=found.ready)
    if found.total:
        run.record("note", f"{found.ready} of {found.total} nodes are ready")
    if found.others:
        names = ", ".join(found.others[:SHOWN])
        text = f"nodes of the snapshot that the cluster does not have: {names}; delete them with"
        run.record("note", f"{text} 'kubectl delete node'", level="warning")


def _nothing(run: Run) -> Steps[None]:
    """Stops nothing: what an activity of a restore starts ends with it."""
    yield from run.flush()


def _release(run: Run) -> Steps[None]:
    """Goes back to the old data if no member has the new ones, and deallocates the controller."""
    if run.state.phase in ("", "backup"):
        return
    trouble: RunFailedError | None = None
    try:
        yield from _undo(run)
    except RunFailedError as error:
        trouble = error
    if not run.state.keep_controller:
        yield from run.perform(STOP_CONTROLLER, run.ref, RELEASE_PATIENCE)
    if trouble:
        raise trouble


def _undo(run: Run) -> Steps[None]:
    undone = yield from run.perform(UNDO_RESTORE, run.ref, RELEASE_PATIENCE)
    if undone.restored:
        text = "members of etcd have the snapshot's data already; the old data are kept beside them"
        run.record("note", f"{text}; {RESTORE_AGAIN} to end what was begun", level="warning")
        return
    text = "no data were replaced; etcd and the API servers run as before"
    run.record("restore.undone", text, subject=run.state.backup)


def _closing(run: Run) -> str:
    return f"{run.state.cluster} was restored from backup {run.state.backup}"


PHASES: dict[str, Step] = {
    "backup": _choose,
    "fetch": _fetch,
    "stop": _stop,
    "exchange": _exchange,
    "quorum": _await_quorum,
    "api": _start,
    "kubelets": _await_kubelets,
    "controller": release_controller,
}
VERSIONS: dict[int, Phases] = {5: PHASES}


def restore_cluster(ctx: OrchestrationContext, raw: dict[str, Any]) -> Steps[Any]:
    """Runs a restore. The input is a `RunState`, the result `{"result": "succeeded" |
    "cancelled"}`.

    Raises:
        RunFailedError: raised after the failure was recorded.
    """
    run = Run(ctx, RunState.model_validate(raw), RESTORE_AGAIN)
    procedure = Procedure(
        phases=phases_of(VERSIONS, ctx.version),
        opening=f"restore of {run.state.cluster} started",
        closing=_closing,
        stop=_nothing,
        release=_release,
    )
    return (yield from conduct(run, procedure))
