"""The replacement's orchestrator on the engine: the order of a turn, new histories, refusals."""

from typing import Any

import pytest

from cluster import contracts
from cluster.contracts import REPLACE_NODES, TurnPlan
from cluster.outcomes import Cause, Outcome
from lab.testing.engines import ON_BOTH
from orchestrators.replace_nodes import PHASES
from tests.scripted import Recorder, Run

PART = contracts.PlannedPart(part="etcd-0-t1", template="nodes", nodes=1)
NETWORK = contracts.PlannedPart(part="network", template="network", nodes=0)


def plans(asked: contracts.TurnInput) -> TurnPlan:
    """A survey, a turn in which a member is replaced, and a turn without anything to do."""
    if asked.turn == 0:
        return TurnPlan(parts=(NETWORK,), nodes=6, outdated=1)
    if asked.turn == 1:
        names = ("demo-etcd-1",)
        return TurnPlan(
            parts=(PART,),
            nodes=6,
            turn=1,
            leaving=1,
            rebuilt=1,
            members=True,
            outdated=1,
            names=names,
        )
    return TurnPlan(nodes=6, turn=asked.turn)


def finished(run: Run) -> contracts.FinishInput:
    (found,) = run.app.inputs(contracts.FINISH_RUN)
    return found


def scripted(run: Run) -> None:
    run.app.script(contracts.PLAN_TURN, plans)
    run.app.script(contracts.DRAIN_NODES, lambda _: contracts.DrainResult(looked=True, emptied=1))


def asked(run: Run) -> list[str]:
    return [name for name, _ in run.app.calls if name not in ("record_events", "finish_run")]


@ON_BOTH
def test_a_member_is_removed_before_its_machine_is_made_again(run: Run, recorder: Recorder) -> None:
    scripted(run)
    assert run.complete(REPLACE_NODES).get_output() == {"result": "succeeded"}
    assert [(one.name, one.state) for one in finished(run).phases] == [(n, "done") for n in PHASES]
    names = asked(run)
    order = [
        "plan_turn",
        "check_preflight",
        "check_members",
        "release_members",
        "drain_nodes",
        "delete_machines",
        "forget_nodes",
        "probe_nodes",
        "start_play",
        "verify_cluster",
        "stop_controller",
    ]
    assert sorted(order, key=names.index) == order
    assert [one.turn for one in run.app.inputs(contracts.PLAN_TURN)] == [0, 1, 2]
    assert [one.part for one in run.app.inputs(contracts.START_DEPLOYMENT)] == [
        "network",
        "etcd-0-t1",
    ]
    (told,) = [event for event in recorder.events if event.kind == "nodes.replacing"]
    assert told.nodes == ("demo-etcd-1",)


@ON_BOTH
def test_a_turn_goes_on_in_a_new_history(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrators.run.HISTORY_EVENTS", 1)
    scripted(run)
    waits: dict[str, int] = {}

    def once(activity: contracts.Activity[Any, Any], done: Outcome) -> None:
        def answer(_: Any) -> Outcome:
            waits[activity.name] = waits.get(activity.name, 0) + 1
            if waits[activity.name] == 1:
                return activity.gives(state="wait", retry_after=0.01)
            return done

        run.app.script(activity, answer)

    once(contracts.CHECK_MEMBERS, Outcome())
    once(contracts.RELEASE_MEMBERS, Outcome())
    once(contracts.DELETE_MACHINES, Outcome())
    once(contracts.PROBE_NODES, contracts.ProbeResult(ready=7, total=7))
    once(contracts.POLL_PLAY, contracts.PollPlayResult(play_state="finished", exit_code=0))
    assert run.complete(REPLACE_NODES).get_output() == {"result": "succeeded"}
    assert [one.turn for one in run.app.inputs(contracts.PLAN_TURN)] == [0, 1, 2]
    # What is done is not done again: the machine is not deleted after it was made anew.
    assert run.app.count(contracts.FORGET_NODES) == 1
    names = asked(run)
    assert names.index("forget_nodes") > max(
        at for at, name in enumerate(names) if name == "delete_machines"
    )


@ON_BOTH
def test_a_member_that_may_not_leave_ends_the_run_before_anything_is_removed(run: Run) -> None:
    scripted(run)
    cause = Cause(code="QuorumAtRisk", place="demo-etcd-1", message="1 of 2 are healthy")
    run.app.script(contracts.CHECK_MEMBERS, lambda _: Outcome(state="refused", cause=cause))
    assert run.complete(REPLACE_NODES).runtime_status.name == "FAILED"
    result = finished(run)
    assert result.cause is not None
    assert (result.cause.code, result.cause.phase) == ("QuorumAtRisk", "replace")
    for never in (contracts.RELEASE_MEMBERS, contracts.DRAIN_NODES, contracts.DELETE_MACHINES):
        assert run.app.count(never) == 0
    assert run.app.count(contracts.STOP_CONTROLLER) == 1


@ON_BOTH
@pytest.mark.parametrize("named", ["demo-worker-0", ""])
def test_what_is_said_to_do_after_an_early_end_names_the_node_of_the_request(
    run: Run, named: str
) -> None:
    """A spec that is sent again replaces no node that is as it says."""
    scripted(run)

    def planned(asked: contracts.TurnInput) -> TurnPlan:
        return plans(asked).model_copy(update={"named": named})

    cause = Cause(code="QuotaExceeded", message="no cores", next_step="ask for cores")
    run.app.script(contracts.PLAN_TURN, planned)
    run.app.script(contracts.CHECK_PREFLIGHT, lambda _: Outcome(state="refused", cause=cause))
    assert run.complete(REPLACE_NODES).runtime_status.name == "FAILED"
    told = finished(run).cause
    advice = f". If {named} still has its old machine then, request its replacement again"
    assert told is not None
    assert told.next_step == "ask for cores" + (advice if named else "")
