"""Exchanges a credential of a cluster for a new one: its SSH key, the key with which Secrets are
encrypted in etcd, or the administrator's kubeconfig.

Until the phase `retire`, the old credential is accepted. A run that goes on with a rotation passes
through every phase again: each finds what was done.
"""

from datetime import timedelta
from typing import Any

from durabletask.task import OrchestrationContext

from cluster.contracts import (
    ADD_CREDENTIAL,
    PLAN_ROTATION,
    PROVE_CREDENTIAL,
    RETIRE_CREDENTIAL,
    REWRITE_SECRETS,
    START_CONTROLLER,
    USE_CREDENTIAL,
)
from cluster.names import ENCRYPTION_KEY
from orchestrators.calls import ROTATE_AGAIN
from orchestrators.operation import Phases, Procedure, Step, conduct, phases_of
from orchestrators.run import Run, Steps
from orchestrators.state import RunState
from orchestrators.steps.release_controller import release_after, release_controller

# Machines may be restarted meanwhile. Five API servers, one after the other, take some minutes.
PATIENCE = timedelta(minutes=20)
# A pass writes 200 Secrets.
REWRITE_PATIENCE = timedelta(minutes=60)


def _choose(run: Run) -> Steps[None]:
    plan = yield from run.perform(PLAN_ROTATION, run.ref)
    run.update(keep_controller=plan.keep_controller, credential=plan.credential)
    begun = "the rotation goes on that was begun" if plan.resumed else "a new rotation begins"
    run.record("note", f"{plan.credential}: {begun}")


def _add(run: Run) -> Steps[None]:
    yield from run.perform(START_CONTROLLER, run.ref)
    yield from run.perform(ADD_CREDENTIAL, run.ref, PATIENCE)


def _prove(run: Run) -> Steps[None]:
    yield from run.perform(PROVE_CREDENTIAL, run.ref, PATIENCE)
    text = f"the new {run.state.credential} is accepted everywhere, beside the old one"
    run.record("credential.added", text, subject=run.state.credential)


def _use(run: Run) -> Steps[None]:
    yield from run.perform(USE_CREDENTIAL, run.ref, PATIENCE)
    text = f"the new {run.state.credential} is in use"
    run.record("credential.used", text, subject=run.state.credential)


def _rewrite(run: Run) -> Steps[None]:
    """Encrypts everything again. Other credentials encrypt nothing."""
    if run.state.credential != ENCRYPTION_KEY:
        return
    rewritten = yield from run.perform(REWRITE_SECRETS, run.ref, REWRITE_PATIENCE)
    run.record("note", f"etcd has {rewritten.total} Secrets, all encrypted with the new key")


def _retire(run: Run) -> Steps[None]:
    yield from run.perform(RETIRE_CREDENTIAL, run.ref, PATIENCE)
    text = f"the old {run.state.credential} is not accepted any more"
    run.record("credential.retired", text, subject=run.state.credential)


def _nothing(run: Run) -> Steps[None]:
    """Stops nothing: what an activity of a rotation starts ends with it."""
    yield from run.flush()


def _release(run: Run) -> Steps[None]:
    yield from release_after(run, PHASES, "add")


def _closing(run: Run) -> str:
    return f"the {run.state.credential} of {run.state.cluster} was rotated"


PHASES: dict[str, Step] = {
    "rotation": _choose,
    "add": _add,
    "prove": _prove,
    "use": _use,
    "rewrite": _rewrite,
    "retire": _retire,
    "controller": release_controller,
}
VERSIONS: dict[int, Phases] = {5: PHASES}


def rotate_credential(ctx: OrchestrationContext, raw: dict[str, Any]) -> Steps[Any]:
    """Runs a rotation. The input is a `RunState`, the result `{"result": "succeeded" |
    "cancelled"}`.

    Raises:
        RunFailedError: raised after the failure was recorded.
    """
    run = Run(ctx, RunState.model_validate(raw), ROTATE_AGAIN)
    procedure = Procedure(
        phases=phases_of(VERSIONS, ctx.version),
        opening=f"rotation of a credential of {run.state.cluster} started",
        closing=_closing,
        stop=_nothing,
        release=_release,
    )
    return (yield from conduct(run, procedure))
