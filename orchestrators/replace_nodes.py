"""Replaces nodes of a cluster: one that a request names, or those that are not as the spec says."""

from typing import Any

from durabletask.task import OrchestrationContext

from cluster.contracts import (
    CANCEL_DEPLOYMENTS,
    STOP_PLAY,
    DeploymentsRef,
    PlayInput,
)
from orchestrators.operation import Phases, Procedure, Step, conduct, phases_of
from orchestrators.run import Run, Steps
from orchestrators.state import RunState
from orchestrators.steps.check_preflight import check_preflight
from orchestrators.steps.deploy import deploy_network
from orchestrators.steps.ensure_keys import ensure_keys
from orchestrators.steps.release_controller import release_after, release_controller
from orchestrators.steps.remove_nodes import return_nodes
from orchestrators.steps.replace_nodes import replace_nodes as replace_in_turns
from orchestrators.steps.replace_nodes import survey_nodes
from orchestrators.steps.verify_cluster import verify_cluster

PHASES: dict[str, Step] = {
    "plan": survey_nodes,
    "preflight": check_preflight,
    "keys": ensure_keys,
    "network": deploy_network,
    "replace": replace_in_turns,
    "verify": verify_cluster,
    "controller": release_controller,
}
VERSIONS: dict[int, Phases] = {5: PHASES}


def replace_nodes(ctx: OrchestrationContext, raw: dict[str, Any]) -> Steps[Any]:
    """Runs a replacement. The input, and the state carried to a new history, is a `RunState`. The
    result is `{"result": "succeeded" | "cancelled"}`.

    Raises:
        RunFailedError: raised after the failure was recorded.
    """
    run = Run(ctx, RunState.model_validate(raw))
    procedure = Procedure(
        phases=phases_of(VERSIONS, ctx.version),
        opening=f"replacement of nodes of {run.state.cluster} started",
        closing=_closing,
        stop=_stop,
        release=_release,
        advice=_advice,
    )
    return (yield from conduct(run, procedure))


def _closing(run: Run) -> str:
    turn = run.state.turn
    return f"nodes of {run.state.cluster} replaced: {turn.first if turn else 0}"


def _advice(run: Run) -> str:
    """The spec sent again replaces no node that is as it says: only a request that names it."""
    named = run.state.turn.named if run.state.turn else ""
    again = f"If {named} still has its old machine then, request its replacement again"
    return again if named else ""


def _stop(run: Run) -> Steps[None]:
    """Stops the play, the deployments or the drain. `_release` stops the controller afterwards."""
    state = run.state
    step = state.turn.step if state.turn and state.phase == "replace" else ""
    playing = step == "playbook" or state.play.repair == "running"
    if playing and (state.play.asked or state.play.started):
        play = PlayInput(**run.ref.model_dump(), attempt=state.play.attempt)
        yield from run.perform(STOP_PLAY, play)
    if state.phase == "network" or step == "machines":
        parts = DeploymentsRef(**run.ref.model_dump(), parts=state.parts)
        yield from run.perform(CANCEL_DEPLOYMENTS, parts)
    if step in ("remove", "surplus") and state.drain is not None:
        yield from return_nodes(run)


def _release(run: Run) -> Steps[None]:
    yield from release_after(run, PHASES, "replace")
