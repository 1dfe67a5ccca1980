"""Security updates in the maintenance's orchestrator on the engine: order and new histories."""

from typing import Any

import pytest

from cluster import contracts
from cluster.contracts import (
    MAINTAIN_CLUSTER,
    DrainResult,
    FoundUpdates,
    MaintenancePlan,
    Outcome,
    PlayStart,
    PollPlayResult,
    RestartResult,
    UpdateResult,
)
from lab.testing.engines import ON_BOTH
from tests.scripted import Run

PLAN = MaintenancePlan(nodes=5, stages=("etcd", "verify"), security_updates=True)
UPDATES = ("find_updates", "install_updates", "vacate_node", "restart_node")


def script(run: Run, *, waits: bool) -> None:
    """Two machines, of which the first has to be restarted. With `waits`, each activity is done in
    its second execution with the same input."""
    seen = set[str]()

    def once(activity: contracts.Activity[Any, Any], answer: Any) -> None:
        def answered(asked: Any) -> Outcome:
            key = f"{activity.name} {asked}"
            if waits and key not in seen:
                seen.add(key)
                return activity.gives(state="wait", retry_after=0.01)
            return answer(asked)

        run.app.script(activity, answered)

    def found(asked: contracts.FindInput) -> FoundUpdates:
        return FoundUpdates(nodes=("demo-etcd-0", "demo-w-0"), next=0 if asked.start else 5)

    def installed(asked: contracts.UpdateNode) -> UpdateResult:
        restart = "an older kernel" if asked.node == "demo-etcd-0" else ""
        return UpdateResult(restart=restart, boot="first")

    run.app.script(contracts.PLAN_MAINTENANCE, lambda _: PLAN)
    run.app.script(contracts.START_PLAY, lambda _: PlayStart(machines=5))
    run.app.script(
        contracts.POLL_PLAY, lambda _: PollPlayResult(play_state="finished", exit_code=0)
    )
    once(contracts.FIND_UPDATES, found)
    once(contracts.INSTALL_UPDATES, installed)
    once(contracts.VACATE_NODE, lambda _: DrainResult(looked=True, emptied=1))
    once(contracts.RESTART_NODE, lambda _: RestartResult())


def asked(run: Run) -> list[tuple[str, str]]:
    """The calls for updates, each once, with their machine."""
    calls = [
        (name, getattr(payload, "node", "")) for name, payload in run.app.calls if name in UPDATES
    ]
    return [one for at, one in enumerate(calls) if one not in calls[at - 1 : at]]


@ON_BOTH
@pytest.mark.parametrize("waits", [False, True])
def test_each_machine_is_finished_before_the_next_one_begins(
    run: Run, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    """Also where every pause begins a new history."""
    if waits:
        monkeypatch.setattr("orchestrators.run.HISTORY_EVENTS", 1)
    script(run, waits=waits)
    assert run.complete(MAINTAIN_CLUSTER).get_output() == {"result": "succeeded"}
    part = [
        ("find_updates", ""),
        ("install_updates", "demo-etcd-0"),
        ("vacate_node", "demo-etcd-0"),
        ("restart_node", "demo-etcd-0"),
        ("install_updates", "demo-w-0"),
        ("restart_node", "demo-w-0"),
    ]
    assert asked(run) == part * 2
    boots = {one.step: one.boot for one in run.app.inputs(contracts.RESTART_NODE)}
    assert boots["restart"] == "first"
    assert [one.start for one in run.app.inputs(contracts.FIND_UPDATES)][-1] == 5
    assert run.app.count(contracts.START_PLAY) == 1
