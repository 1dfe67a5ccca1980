"""Compares the wanted cluster with what exists, and makes the plan."""

from cluster.contracts import PLAN_CLUSTER, PlanResult
from orchestrators.run import Run, Steps


def plan_cluster(run: Run) -> Steps[None]:
    plan = yield from run.perform(PLAN_CLUSTER, run.ref)
    machines = take_plan(run, plan)
    text = f"{plan.nodes} nodes and a controller wanted, {machines} machines to create "
    text += f"in {len(plan.parts)} deployments"
    text += f", {plan.leaving} to remove" if plan.leaving else ""
    run.record("note", text)


def take_plan(run: Run, plan: PlanResult) -> int:
    """Keeps in the run's state what later steps need of the plan. Returns how many machines it
    creates."""
    machines = sum(part.nodes for part in plan.parts)
    run.update(
        kept=plan.nodes + 1 - machines,
        parts=tuple(part.part for part in plan.parts),
        nodes=plan.nodes,
        keep_controller=plan.keep_controller,
        nodes_deadline_seconds=plan.nodes_deadline_seconds,
        play_deadline_seconds=plan.play_deadline_seconds,
        stages=plan.stages,
        leaving=plan.leaving,
        returning=plan.returning,
        force=plan.force,
        uncordon=plan.uncordon,
        drain_deadline_seconds=plan.drain_deadline_seconds,
    )
    return machines
