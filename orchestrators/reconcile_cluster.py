"""Makes the cluster match its spec. One orchestrator serves the first launch, a resume and a
change.

The table of steps is the architecture. Each step is one file in `orchestrators/steps/`.
"""

from typing import Any

from durabletask.task import OrchestrationContext

from cluster.contracts import (
    CANCEL_DEPLOYMENTS,
    STOP_PLAY,
    DeploymentsRef,
    PlayInput,
)
from cluster.stages import early_end
from orchestrators.operation import Phases, Procedure, Step, conduct, phases_of
from orchestrators.run import Run, Steps
from orchestrators.state import RunState
from orchestrators.steps.await_nodes import await_nodes
from orchestrators.steps.check_preflight import check_preflight
from orchestrators.steps.deploy import deploy_machines, deploy_network
from orchestrators.steps.ensure_keys import ensure_keys
from orchestrators.steps.plan_cluster import plan_cluster
from orchestrators.steps.release_controller import release_after, release_controller
from orchestrators.steps.remove_nodes import remove_nodes, return_nodes
from orchestrators.steps.run_playbook import run_playbook
from orchestrators.steps.verify_cluster import verify_cluster

PHASES: dict[str, Step] = {
    "plan": plan_cluster,
    "preflight": check_preflight,
    "keys": ensure_keys,
    "network": deploy_network,
    "machines": deploy_machines,
    "nodes": await_nodes,
    "playbook": run_playbook,
    "remove": remove_nodes,
    "verify": verify_cluster,
    "controller": release_controller,
}

# A run keeps the table that it began with, in replays and in renewed histories too.
PHASES_4: Phases = {name: step for name, step in PHASES.items() if name != "remove"}
VERSIONS: dict[int, Phases] = {4: PHASES_4, 5: PHASES}


def reconcile_cluster(ctx: OrchestrationContext, raw: dict[str, Any]) -> Steps[Any]:
    """Runs a reconcile operation.

    The input, and the state carried to a new history, is a `RunState`. The result is `{"result":
    "succeeded" | "cancelled"}`.

    Raises:
        RunFailedError: raised after the failure was recorded, so that the platform shows Failed.
    """
    run = Run(ctx, RunState.model_validate(raw))
    procedure = Procedure(
        phases=phases_of(VERSIONS, ctx.version),
        opening=f"launch of {run.state.cluster} started",
        closing=_closing,
        stop=_stop,
        release=_release,
    )
    return (yield from conduct(run, procedure))


def _closing(run: Run) -> str:
    """Returns the text of the run's success. It does not say of a part that it is the whole."""
    text, last = f"{run.state.cluster} is as asked", early_end(run.stages[-1])
    return f"{text}; it stops after: {last}" if last else text


def _stop(run: Run) -> Steps[None]:
    """Stops the play, the deployments or the drain. `_release` stops the controller afterwards."""
    state = run.state
    playing = state.phase == "playbook" or state.play.repair == "running"
    if playing and (state.play.asked or state.play.started):
        play = PlayInput(**run.ref.model_dump(), attempt=state.play.attempt)
        yield from run.perform(STOP_PLAY, play)
    if state.phase in ("network", "machines"):
        parts = DeploymentsRef(**run.ref.model_dump(), parts=state.parts)
        yield from run.perform(CANCEL_DEPLOYMENTS, parts)
    if state.phase == "remove":
        yield from return_nodes(run)


def _release(run: Run) -> Steps[None]:
    yield from release_after(run, PHASES, "machines")
