"""Upgrades the Kubernetes of a cluster, and makes the rest of it match its spec.

A resume creates lost machines first, as a launch does: they join with the new version.
"""

from typing import Any

from durabletask.task import OrchestrationContext

from cluster.contracts import (
    CANCEL_DEPLOYMENTS,
    STOP_PLAY,
    DeploymentsRef,
    PlayInput,
)
from orchestrators.operation import Phases, Procedure, Step, conduct, phases_of
from orchestrators.run import PLAYING, Run, Steps
from orchestrators.state import RunState
from orchestrators.steps.await_nodes import await_nodes
from orchestrators.steps.check_preflight import check_preflight
from orchestrators.steps.deploy import deploy_machines, deploy_network
from orchestrators.steps.ensure_keys import ensure_keys
from orchestrators.steps.plan_cluster import plan_cluster
from orchestrators.steps.prepare_upgrade import assess_upgrade, fetch_files, take_snapshot
from orchestrators.steps.release_controller import release_after, release_controller
from orchestrators.steps.run_playbook import run_playbook
from orchestrators.steps.upgrade_nodes import (
    leave_node,
    upgrade_control_planes,
    upgrade_workers,
)
from orchestrators.steps.verify_cluster import verify_cluster

PHASES: dict[str, Step] = {
    "plan": plan_cluster,
    "preflight": check_preflight,
    "keys": ensure_keys,
    "network": deploy_network,
    "machines": deploy_machines,
    "nodes": await_nodes,
    "health": assess_upgrade,
    "snapshot": take_snapshot,
    "fetch": fetch_files,
    "control-planes": upgrade_control_planes,
    "workers": upgrade_workers,
    "playbook": run_playbook,
    "verify": verify_cluster,
    "controller": release_controller,
}
VERSIONS: dict[int, Phases] = {5: PHASES}


def upgrade_cluster(ctx: OrchestrationContext, raw: dict[str, Any]) -> Steps[Any]:
    """Runs an upgrade. The input is a `RunState`, the result `{"result": "succeeded" |
    "cancelled"}`.

    Raises:
        RunFailedError: raised after the failure was recorded.
    """
    run = Run(ctx, RunState.model_validate(raw))
    procedure = Procedure(
        phases=phases_of(VERSIONS, ctx.version),
        opening=f"upgrade of {run.state.cluster} started",
        closing=_closing,
        stop=_stop,
        release=_release,
    )
    return (yield from conduct(run, procedure))


def _closing(run: Run) -> str:
    version = run.state.upgrade.version if run.state.upgrade else ""
    return f"{run.state.cluster} has Kubernetes {version}" if version else "nothing was upgraded"


def _stop(run: Run) -> Steps[None]:
    """Stops the play or the deployments. A node whose upgrade has not begun is schedulable
    again."""
    state = run.state
    playing = state.phase in PLAYING or state.play.repair == "running"
    if playing and (state.play.asked or state.play.started):
        play = PlayInput(**run.ref.model_dump(), attempt=state.play.attempt)
        yield from run.perform(STOP_PLAY, play)
    if state.phase in ("network", "machines"):
        parts = DeploymentsRef(**run.ref.model_dump(), parts=state.parts)
        yield from run.perform(CANCEL_DEPLOYMENTS, parts)
    yield from leave_node(run)


def _release(run: Run) -> Steps[None]:
    yield from release_after(run, PHASES, "machines")
