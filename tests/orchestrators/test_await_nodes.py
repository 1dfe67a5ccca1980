"""The deadline of the nodes if their readiness cannot be read when it passes."""

from typing import Any

import pytest

from cluster.contracts import PROBE_NODES, WAKE_NODES, ProbeResult, WakeResult
from cluster.outcomes import Cause, Outcome
from orchestrators.errors import RunFailedError
from orchestrators.steps.await_nodes import LAST_ASKS, await_nodes
from tests.orchestrators.backend import LOST
from tests.orchestrators.step import Stepping

AWAY = "storage: status 503"
DEADLINE = 600
HICCUP = ProbeResult(state="wait", retry_after=15.0, notes=(AWAY,))
WAITING = ProbeResult(state="wait", retry_after=15.0, ready=6, total=7)


def failing(stepping: Stepping) -> Cause:
    with pytest.raises(RunFailedError) as caught:
        stepping.run(await_nodes, nodes_deadline_seconds=DEADLINE)
    return caught.value.cause


def probing(late: list[ProbeResult]) -> Stepping:
    """All answers after the deadline, in order; the last one for ever."""

    def answer(name: str, payload: Any) -> Outcome:
        if name != PROBE_NODES.name:
            return Outcome()
        if not payload["final"]:
            return WAITING
        return late.pop(0) if len(late) > 1 else late[0]

    return Stepping(answer)


def test_a_hiccup_at_the_deadline_is_not_taken_for_silent_nodes() -> None:
    cause = Cause(code="NodesSilent", place="demo-worker-1", message="", log_tail="cloud-init")
    silent = ProbeResult(state="refused", cause=cause, ready=6, total=7)
    assert failing(probing([HICCUP, HICCUP, silent])) == cause


def test_nodes_that_were_ready_after_a_hiccup_at_the_deadline_are_ready() -> None:
    stepping = probing([HICCUP, ProbeResult(ready=7, total=7)])
    stepping.run(await_nodes, nodes_deadline_seconds=DEADLINE)
    assert "all 7 nodes reported" in stepping.texts


def test_names_of_nodes_are_in_their_field_and_only_their_number_in_the_text() -> None:
    names = tuple(f"demo-worker-{number}" for number in range(25))
    stepping = Stepping(
        lambda name, _: (
            ProbeResult(ready=30, total=30, newly=names) if name == PROBE_NODES.name else Outcome()
        )
    )
    stepping.run(await_nodes, nodes_deadline_seconds=DEADLINE)
    found = [event for event in stepping.events if event.kind == "nodes.ready"]
    assert [event.text for event in found] == [
        "20 nodes ready",
        "5 nodes ready",
        "5 further nodes ready",
    ]
    assert [event.nodes for event in found] == [names[:20], names[20:], ()]
    assert [event.count for event in found] == [20, 5, 5]


def waking(kept: int, *woken: WakeResult) -> Stepping:
    """The nodes are ready after some minutes; the machines' power is answered in order."""
    answers = list(woken)

    def answer(name: str, _: Any) -> Outcome:
        if name == WAKE_NODES.name:
            return answers.pop(0) if len(answers) > 1 else answers[0]
        if name != PROBE_NODES.name:
            return Outcome()
        return ProbeResult(ready=7, total=7) if stepping.backend.seconds > 300 else WAITING

    stepping = Stepping(answer)
    stepping.run(await_nodes, nodes_deadline_seconds=DEADLINE, kept=kept)
    return stepping


def test_machines_that_rest_are_started_after_the_first_probe_and_told() -> None:
    stepping = waking(7, WakeResult(started=("demo-etcd-0",)), WakeResult())
    names = [name for name, _ in stepping.asked]
    assert names.index(WAKE_NODES.name) == names.index(PROBE_NODES.name) + 1
    told = [event for event in stepping.events if event.node == "demo-etcd-0"]
    assert [event.text for event in told] == [
        "machine demo-etcd-0 was not running; its start was requested"
    ]
    assert 2 <= stepping.count(WAKE_NODES.name) <= 4


def test_a_launch_whose_machines_are_all_new_asks_for_no_power_state() -> None:
    assert waking(0, WakeResult()).count(WAKE_NODES.name) == 0


def test_where_nobody_can_be_asked_the_run_ends_after_minutes_and_says_why() -> None:
    stepping = probing([HICCUP])
    cause = failing(stepping)
    most = DEADLINE + LAST_ASKS.seconds
    assert (cause.code, cause.place) == ("NodesUnknown", "probe_nodes")
    assert AWAY in cause.message
    assert cause.next_step
    assert most <= stepping.backend.seconds <= most + 60


def test_a_probe_from_before_the_deadline_that_answers_late_is_followed_by_a_final_one() -> None:
    """Its results are lost until the time for the last probes is over, too."""
    lost = [LOST] * 3

    def answer(name: str, payload: Any) -> Outcome | str:
        if name != PROBE_NODES.name:
            return Outcome()
        if payload["final"]:
            return ProbeResult(ready=7, total=7)
        close = stepping.backend.seconds > DEADLINE - 60
        return lost.pop() if close and lost else WAITING

    stepping = Stepping(answer)
    stepping.run(await_nodes, nodes_deadline_seconds=DEADLINE)
    assert lost == []
    assert stepping.backend.seconds > DEADLINE + LAST_ASKS.seconds
    assert "all 7 nodes reported" in stepping.texts
