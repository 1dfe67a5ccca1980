"""Removes a cluster: ends its run, deletes what was created, then deletes its secrets."""

from datetime import timedelta
from typing import Any

from durabletask.task import OrchestrationContext

from cluster.contracts import AWAIT_PREVIOUS_RUN, DELETE_RESOURCES, DELETE_SECRETS
from orchestrators.calls import DELETE_AGAIN
from orchestrators.operation import Phases, Procedure, Step, conduct, phases_of
from orchestrators.run import Run, Steps
from orchestrators.state import RunState


def _await_previous(run: Run) -> Steps[None]:
    """Waits for every earlier run without a result. They were cancelled, and stop what they
    started."""
    yield from run.perform(AWAIT_PREVIOUS_RUN, run.ref)


def _delete_resources(run: Run) -> Steps[None]:
    yield from run.perform(DELETE_RESOURCES, run.ref, REMOVAL_PATIENCE)
    run.record("resources.deleted", "resources removed")


def _delete_secrets(run: Run) -> Steps[None]:
    yield from run.perform(DELETE_SECRETS, run.ref)
    run.record("note", "secrets deleted; the vault keeps them recoverable for its retention time")


def _nothing(run: Run) -> Steps[None]:
    """Stops nothing, because a removal has nothing of its own to stop. The next DELETE resumes
    it."""
    yield from run.flush()


# Azure takes tens of minutes for a group of many machines.
REMOVAL_PATIENCE = timedelta(hours=2)

PHASES: dict[str, Step] = {
    "previous": _await_previous,
    "resources": _delete_resources,
    "secrets": _delete_secrets,
}

VERSIONS: dict[int, Phases] = {4: PHASES, 5: PHASES}


def delete_cluster(ctx: OrchestrationContext, raw: dict[str, Any]) -> Steps[Any]:
    """Runs a removal. The input is a `RunState`, the result `{"result": "succeeded" |
    "cancelled"}`.

    Raises:
        RunFailedError: raised after the failure was recorded.
    """
    run = Run(ctx, RunState.model_validate(raw), DELETE_AGAIN)
    procedure = Procedure(
        phases=phases_of(VERSIONS, ctx.version),
        opening=f"removal of {run.state.cluster} started",
        closing=lambda ended: f"{ended.state.cluster} was removed",
        stop=_nothing,
        release=_nothing,
    )
    return (yield from conduct(run, procedure))
