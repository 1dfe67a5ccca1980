"""Replaces nodes in turns: each turn is planned from what exists then, and is like a small run.

A node that comes back under its name is removed first, and its machine is created again. In the
other turns, new machines are there before old ones are emptied.
"""

from cluster.contracts import (
    CHECK_MEMBERS,
    ENSURE_KEYS,
    PLAN_TURN,
    RELEASE_MEMBERS,
    START_CONTROLLER,
    TurnInput,
    TurnPlan,
)
from cluster.turns import SURVEY
from orchestrators.run import Run, Steps
from orchestrators.state import PlayState, TurnState
from orchestrators.steps.await_nodes import await_nodes
from orchestrators.steps.deploy import deploy_machines
from orchestrators.steps.plan_cluster import take_plan
from orchestrators.steps.remove_nodes import remove_nodes
from orchestrators.steps.run_playbook import run_playbook


def survey_nodes(run: Run) -> Steps[None]:
    """Plans what any turn will create, so that all of it is checked before anything is touched."""
    plan = yield from _plan(run, SURVEY)
    run.update(turn=TurnState(first=plan.outdated, named=plan.named))
    run.record("note", f"{plan.nodes} nodes and a controller wanted, {plan.outdated} to replace")


def replace_nodes(run: Run) -> Steps[None]:
    """Makes turns until nothing is left to replace. It is entered again with a new history."""
    names = list(STEPS)
    while not _at(run).ended:
        for name in names[names.index(_at(run).step) :]:
            _update(run, step=name)
            yield from STEPS[name](run)
            if _at(run).ended:
                return
        _update(run, step=names[0], number=_at(run).number + 1)


def _begin_turn(run: Run) -> Steps[None]:
    number = _at(run).number
    plan = yield from _plan(run, number)
    nothing = not (plan.leaving or plan.returning or plan.parts)
    if nothing and number > 1:
        _update(run, ended=True)
        return
    _update(run, rebuilt=plan.rebuilt, members=plan.members, outdated=plan.outdated)
    attempt = run.state.play.attempt if number == 1 else run.state.play.attempt + 1
    run.update(
        deadline="",
        wake_after="",
        ready=0,
        deploy=None,
        drain=None,
        play=PlayState(attempt=attempt, first=attempt),
    )
    if plan.names:
        more = plan.leaving - len(plan.names)
        listed = ", ".join(plan.names) + (f" and {more} more" if more > 0 else "")
        text = f"turn {number}: {listed} of {plan.outdated} nodes to replace"
        text = text if plan.outdated else f"turn {number}: {listed} to remove"
        run.record("nodes.replacing", text, nodes=plan.names, count=plan.outdated)


def _create_keys(run: Run) -> Steps[None]:
    """Creates host keys: the numbers of new workers are known only when their turn begins."""
    if run.state.parts:
        yield from run.perform(ENSURE_KEYS, run.ref)


def _remove_first(run: Run) -> Steps[None]:
    """Removes the nodes that come back. An etcd member leaves etcd before anything else."""
    if not _at(run).rebuilt:
        return
    yield from run.perform(START_CONTROLLER, run.ref)
    if _at(run).members:
        yield from run.perform(CHECK_MEMBERS, run.ref)
        yield from run.perform(RELEASE_MEMBERS, run.ref)
    yield from remove_nodes(run)


def _remove_last(run: Run) -> Steps[None]:
    if not _at(run).rebuilt:
        yield from remove_nodes(run)


STEPS = {
    "plan": _begin_turn,
    "keys": _create_keys,
    "remove": _remove_first,
    "machines": deploy_machines,
    "nodes": await_nodes,
    "playbook": run_playbook,
    "surplus": _remove_last,
}


def _plan(run: Run, number: int) -> Steps[TurnPlan]:
    plan = yield from run.perform(PLAN_TURN, TurnInput(**run.ref.model_dump(), turn=number))
    take_plan(run, plan)
    return plan


def _at(run: Run) -> TurnState:
    if run.state.turn is None:
        raise RuntimeError("no nodes are being replaced")
    return run.state.turn


def _update(run: Run, **changes: object) -> None:
    run.update(turn=_at(run).model_copy(update=changes))
