"""The upgrade's orchestrator on the engine: order, resume within a node, failure."""

from datetime import timedelta
from typing import Any

import pytest

from cluster import contracts
from cluster.contracts import (
    UPGRADE_CLUSTER,
    BlockedPod,
    DrainResult,
    NextNode,
    PlayStart,
    UpgradeFound,
)
from cluster.outcomes import Cause, Outcome
from lab.testing.engines import ON_BOTH
from orchestrators.steps import upgrade_nodes
from orchestrators.upgrade_cluster import PHASES
from tests.scripted import Recorder, Run

NODES = {"control-plane": ["cp-0"], "worker": ["w-0", "w-1"]}
OF_UPGRADES = ("assess_upgrade", "begin_upgrade", "take_backup", "start_upgrade", "drain_node")
OF_UPGRADES += ("return_node", "end_upgrade", "start_play", "stop_play")


def finished(run: Run) -> contracts.FinishInput:
    (found,) = run.app.inputs(contracts.FINISH_RUN)
    return found


def follow(run: Run) -> None:
    """Each node is done once its `return_node` was."""

    def next_node(asked: Any) -> NextNode:
        done = {one.node for one in run.app.inputs(contracts.RETURN_NODE) if one.step == "evict"}
        nodes = NODES[asked.role]
        left = [name for name in nodes if name not in done]
        count = len(nodes) - len(left)
        found = {"version": "1.36.2", "done": count, "total": len(nodes)}
        return NextNode(node=left[0] if left else "", before="v1.35.3", **found)

    run.app.script(contracts.ASSESS_UPGRADE, lambda _: UpgradeFound(version="v1.35.3", nodes=3))
    run.app.script(contracts.START_UPGRADE, lambda _: PlayStart(machines=1, whole=False))
    run.app.script(contracts.NEXT_UPGRADE, next_node)


def asked(run: Run) -> list[tuple[str, str]]:
    """The upgrade's own executions, with their node."""
    return [
        (name, getattr(given, "node", "")) for name, given in run.app.calls if name in OF_UPGRADES
    ]


def of_node(name: str) -> list[tuple[str, str]]:
    return [(one, name) for one in ("drain_node", "start_upgrade", "return_node")]


@ON_BOTH
def test_an_upgrade_passes_through_every_phase_and_every_node_in_order(
    run: Run, recorder: Recorder
) -> None:
    follow(run)
    state = run.complete(UPGRADE_CLUSTER)
    assert state.get_output() == {"result": "succeeded"}
    assert [(one.name, one.state) for one in finished(run).phases] == [(n, "done") for n in PHASES]
    assert asked(run) == [
        ("assess_upgrade", ""),
        ("take_backup", ""),
        ("start_upgrade", ""),
        ("begin_upgrade", ""),
        *of_node("cp-0"),
        *of_node("w-0"),
        *of_node("w-1"),
        ("end_upgrade", ""),
        ("start_play", ""),
    ]
    attempts = [one.attempt for one in run.app.inputs(contracts.START_UPGRADE)]
    assert attempts == sorted(set(attempts))
    assert run.app.inputs(contracts.START_PLAY)[0].attempt > attempts[-1]
    told = [(event.kind, event.node) for event in recorder.events if event.kind[:5] == "node."]
    assert told[:2] == [("node.upgrading", "cp-0"), ("node.upgraded", "cp-0")]


@ON_BOTH
def test_a_play_that_fails_names_its_node_and_says_that_it_is_cordoned(run: Run) -> None:
    follow(run)
    answering = run.app.answering(contracts.POLL_PLAY)

    def poll(given: Any) -> Outcome:
        found: Any = answering(given)
        started = run.app.inputs(contracts.START_UPGRADE)[-1]
        failed = Cause(code="PlayFailed", message="kubeadm: no", log_tail="the end of the log")
        return found.model_copy(update={"exit_code": 2, "cause": failed}) if started.node else found

    run.app.script(contracts.POLL_PLAY, poll)
    assert run.complete(UPGRADE_CLUSTER).runtime_status.name == "FAILED"
    cause = finished(run).cause
    assert cause is not None
    assert (cause.place, cause.phase, cause.log_tail) == (
        "cp-0",
        "control-planes",
        "the end of the log",
    )
    assert "kubeadm: no; cp-0 stays cordoned" in cause.message
    assert run.app.count(contracts.RETURN_NODE) == 0
    assert run.app.count(contracts.STOP_CONTROLLER) == 1


def test_a_node_that_was_only_left_cordoned_is_made_schedulable_without_a_play(run: Run) -> None:
    follow(run)
    script = run.app.answering(contracts.NEXT_UPGRADE)

    def next_node(given: Any) -> Outcome:
        found: Any = script(given)
        return found.model_copy(update={"upgraded": found.node == "w-0"})

    run.app.script(contracts.NEXT_UPGRADE, next_node)
    run.complete(UPGRADE_CLUSTER)
    assert finished(run).result == "succeeded"
    assert ("drain_node", "w-0") not in asked(run)
    assert ("start_upgrade", "w-0") not in asked(run)
    assert ("return_node", "w-0") in asked(run)


def test_a_node_that_loses_its_version_ends_the_upgrade(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade_nodes, "SETTLE_PATIENCE", timedelta())
    follow(run)
    found = NextNode(node="cp-0", before="v1.35.3", version="1.36.2", total=1)
    run.app.script(contracts.NEXT_UPGRADE, lambda _: found)
    run.complete(UPGRADE_CLUSTER)
    cause = finished(run).cause
    assert cause is not None
    assert (cause.code, cause.place) == ("UpgradeUnstable", "cp-0")


def test_a_node_whose_pods_restart_once_more_is_waited_for(run: Run) -> None:
    follow(run)
    script = run.app.answering(contracts.NEXT_UPGRADE)
    restarted: list[NextNode] = []

    def next_node(given: Any) -> Outcome:
        found: Any = script(given)
        if found.node == "w-1" and not restarted:
            restarted.append(found)
            return found.model_copy(update={"node": "w-0", "done": 0})
        return found

    run.app.script(contracts.NEXT_UPGRADE, next_node)
    run.complete(UPGRADE_CLUSTER)
    assert finished(run).result == "succeeded"
    assert restarted
    assert [one for one in asked(run) if one[0] == "start_upgrade" and one[1]] == [
        ("start_upgrade", name) for name in ("cp-0", "w-0", "w-1")
    ]


def test_a_budget_that_holds_ends_before_the_node_is_changed(run: Run) -> None:
    follow(run)
    blocked = BlockedPod(pod="shop/web-1", node="cp-0", budget="web", message="needs 2")
    answer = DrainResult(state="wait", retry_after=0.01, looked=True, pods=1, blocked=(blocked,))
    run.app.script(contracts.DRAIN_NODE, lambda _: answer)
    run.app.script(contracts.PLAN_CLUSTER, lambda _: contracts.PlanResult(drain_deadline_seconds=0))
    run.complete(UPGRADE_CLUSTER)
    cause = finished(run).cause
    assert cause is not None
    assert (cause.code, cause.place) == ("DrainBlocked", "shop/web-1")
    assert "cp-0 has not begun, and it is schedulable again" in cause.message
    assert [one.step for one in run.app.inputs(contracts.RETURN_NODE)] == ["leave"]
    assert [one.node for one in run.app.inputs(contracts.START_UPGRADE)] == [""]


def test_without_kubernetes_only_the_play_runs(run: Run) -> None:
    run.app.script(contracts.ASSESS_UPGRADE, lambda _: UpgradeFound(kubernetes=False))
    run.complete(UPGRADE_CLUSTER)
    assert finished(run).result == "succeeded"
    assert run.app.count(contracts.START_UPGRADE) == 0
    assert run.app.count(contracts.START_PLAY) == 1
