"""The step that removes nodes: its deadline, what it tells, and what it undoes."""

from collections.abc import Callable
from typing import Any

import pytest

from cluster.contracts import (
    DELETE_MACHINES,
    DRAIN_NODES,
    FORGET_NODES,
    RETURN_NODES,
    START_CONTROLLER,
    BlockedPod,
    DrainResult,
    ForgetResult,
)
from cluster.outcomes import Cause, Outcome
from orchestrators.errors import RunFailedError
from orchestrators.steps.remove_nodes import DELETE_PATIENCE, remove_nodes
from tests.orchestrators.step import Stepping

DEADLINE = 600
WORDS = "The disruption budget web needs 2 healthy pods and has 2 currently"
HELD = BlockedPod(pod="shop/web-1", node="demo-worker-2", budget="web", message=WORDS)
ALONE = BlockedPod(pod="shop/alone", node="demo-worker-2", message="no controller")
DONE = DrainResult(looked=True, emptied=2, newly=("demo-worker-2", "demo-worker-3"))
AWAY = DrainResult(state="wait", retry_after=15.0, notes=("no API server is ready",))
EVERY = (DRAIN_NODES, DELETE_MACHINES, FORGET_NODES, RETURN_NODES)


def blocked(*pods: BlockedPod, emptied: int = 1) -> DrainResult:
    newly = ("demo-worker-3",) if emptied else ()
    wait: dict[str, Any] = {"state": "wait", "retry_after": 15.0, "looked": True}
    return DrainResult(**wait, emptied=emptied, newly=newly, pods=4, blocked=pods)


def stepping(drain: Callable[[str], DrainResult], **answers: Outcome) -> Stepping:
    """`drain` answers a pass by its step."""

    def script(name: str, payload: Any) -> Outcome:
        if name == DRAIN_NODES.name:
            return drain(payload["step"])
        if name == FORGET_NODES.name:
            return ForgetResult(count=2, nodes=("demo-worker-2", "demo-worker-3"))
        return answers.get(name, Outcome())

    return Stepping(script)


def failing(made: Stepping, **state: Any) -> Cause:
    with pytest.raises(RunFailedError) as caught:
        made.run(remove_nodes, leaving=2, drain_deadline_seconds=DEADLINE, **state)
    return caught.value.cause


def asked(made: Stepping) -> list[str]:
    """The activities, repeats in a row once."""
    names = [name for name, _ in made.asked if name != START_CONTROLLER.name]
    return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]


def test_without_nodes_that_leave_nothing_is_called() -> None:
    made = stepping(lambda _: DONE)
    made.run(remove_nodes)
    assert (made.asked, made.texts) == ([], [])


def test_empty_nodes_lose_their_machines_then_their_objects() -> None:
    made = stepping(lambda _: DONE)
    made.run(remove_nodes, leaving=2)
    assert asked(made) == [DRAIN_NODES.name, DELETE_MACHINES.name, FORGET_NODES.name]
    assert [event.kind for event in made.events] == [
        "nodes.draining",
        "nodes.emptied",
        "nodes.removed",
    ]
    assert made.events[-1].nodes == ("demo-worker-2", "demo-worker-3")


def test_nodes_that_are_taken_back_need_no_deletion() -> None:
    made = stepping(lambda _: DrainResult(looked=True))
    made.run(remove_nodes, returning=1)
    assert asked(made) == [DRAIN_NODES.name]


def test_at_the_deadline_empty_nodes_are_removed_and_the_rest_is_named() -> None:
    made = stepping(lambda _: blocked(HELD))
    cause = failing(made)
    assert (cause.code, cause.place) == ("DrainBlocked", "shop/web-1")
    assert "1 of 2 nodes still have pods after 10 minutes" in cause.message
    assert "demo-worker-2" in cause.message
    assert WORDS in cause.message
    assert "schedulable again" in cause.next_step
    assert asked(made) == [one.name for one in EVERY]
    steps = {payload["step"] for name, payload in made.asked if name == DRAIN_NODES.name}
    assert steps == {"evict"}
    assert DEADLINE <= made.backend.seconds <= DEADLINE + 120


def test_nodes_stay_cordoned_if_the_spec_says_so() -> None:
    made = stepping(lambda _: blocked(HELD, emptied=0))
    cause = failing(made, uncordon=False)
    assert "the others are cordoned" in cause.next_step
    assert asked(made) == [DRAIN_NODES.name]


def test_a_budget_is_told_once_whatever_pods_it_holds() -> None:
    numbers = iter(range(1000))

    def drain(_: str) -> DrainResult:
        pod = HELD.model_copy(update={"pod": f"shop/web-{next(numbers)}"})
        return blocked(pod, ALONE)

    made = stepping(drain)
    failing(made)
    told = [event.subject for event in made.events if event.kind == "drain.blocked"]
    assert told == ["shop/web-0", "shop/alone"]


def test_with_force_the_rest_is_deleted_after_the_deadline_and_left_two_minutes_later() -> None:
    made = stepping(lambda step: DONE if step == "leave" else blocked(HELD))
    made.run(remove_nodes, leaving=2, force=True, drain_deadline_seconds=DEADLINE)
    steps = [payload["step"] for name, payload in made.asked if name == DRAIN_NODES.name]
    assert list(dict.fromkeys(steps)) == ["evict", "delete", "leave"]
    assert asked(made) == [DRAIN_NODES.name, DELETE_MACHINES.name, FORGET_NODES.name]
    patience = DEADLINE + DELETE_PATIENCE.seconds
    assert patience <= made.backend.seconds <= patience + 120


@pytest.mark.parametrize("force", [True, False])
def test_an_api_server_that_never_answers_is_the_cause(force: bool) -> None:
    made = stepping(lambda _: AWAY)
    cause = failing(made, force=force)
    assert cause.code == "DrainUnknown"
    assert "no API server is ready" in cause.message
    assert DELETE_MACHINES.name not in asked(made)


def test_machines_stay_if_no_api_server_answers_at_the_end() -> None:
    answers = [blocked(HELD)]
    made = stepping(lambda _: answers.pop() if answers else AWAY)
    assert failing(made).code == "DrainUnknown"
    assert DELETE_MACHINES.name not in asked(made)


def test_a_hiccup_of_the_api_server_forgets_nothing() -> None:
    answers = [blocked(HELD), AWAY, DONE]
    made = stepping(lambda _: answers.pop(0))
    state = made.run(remove_nodes, leaving=2)
    assert state.drain is not None
    assert (state.drain.emptied, state.drain.cause) == (2, None)


def test_a_failure_of_a_deletion_returns_the_nodes_that_have_pods() -> None:
    refused = Outcome(state="refused", cause=Cause(code="ScopeLocked", message="locked"))
    made = stepping(lambda _: blocked(HELD), delete_machines=refused)
    assert failing(made).code == "ScopeLocked"
    assert asked(made) == [DRAIN_NODES.name, DELETE_MACHINES.name, RETURN_NODES.name]


def test_a_failed_return_is_told_and_hides_no_cause() -> None:
    refused = Outcome(state="refused", cause=Cause(code="HostKeyMismatch", message="another"))
    made = stepping(lambda _: blocked(HELD), return_nodes=refused)
    assert failing(made).code == "DrainBlocked"
    assert made.events[-1].kind == "cleanup.failed"


def test_a_long_drain_renews_its_history_and_keeps_its_deadline() -> None:
    made = stepping(lambda _: blocked(HELD))
    failing(made)
    short = made.backend.seconds
    made = stepping(lambda _: blocked(HELD))
    with pytest.raises(RunFailedError):
        made.run(remove_nodes, leaving=2, drain_deadline_seconds=14_400)
    assert made.histories > 1
    assert short < 14_400 <= made.backend.seconds <= 14_520
    assert made.count(DELETE_MACHINES.name) == 1


def test_a_cluster_without_kubernetes_is_told_and_its_machines_go() -> None:
    made = stepping(lambda _: DrainResult(looked=True, kubernetes=False, emptied=2))
    made.run(remove_nodes, leaving=2)
    assert any("nothing to drain" in text for text in made.texts)
    assert DELETE_MACHINES.name in asked(made)
