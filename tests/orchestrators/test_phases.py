"""Each phase of a launch: what a cancel stops, and where the tests of outages interrupt it.

Both are tables by phase: a phase that is added to the launch fails here until it is in them.
"""

from typing import Any, cast

import pytest
from durabletask.task import CancellableTask

from cluster import contracts
from cluster.contracts import (
    CANCEL_DEPLOYMENTS,
    FINISH_RUN,
    RECORD_EVENTS,
    RETURN_NODES,
    STOP_CONTROLLER,
    STOP_PLAY,
    Activity,
    FinishInput,
    PhaseRecord,
)
from cluster.stages import STAGE_IDS
from orchestrators.reconcile_cluster import PHASES, reconcile_cluster
from orchestrators.state import RunState
from tests.orchestrators.backend import Backend
from tests.outages.conftest import PHASES as INTERRUPTED

# What a run calls after a cancel in the phase's activity of `INTERRUPTED`: what `_stop` stops, then
# the controller.
STOPPED: dict[str, tuple[Activity[Any, Any], ...]] = {
    "plan": (),
    "preflight": (),
    "keys": (),
    "network": (CANCEL_DEPLOYMENTS,),
    "machines": (CANCEL_DEPLOYMENTS, STOP_CONTROLLER),
    "nodes": (STOP_CONTROLLER,),
    "playbook": (STOP_PLAY, STOP_CONTROLLER),
    "remove": (RETURN_NODES, STOP_CONTROLLER),
    "verify": (STOP_CONTROLLER,),
    "controller": (STOP_CONTROLLER,),
}
# What goes on by itself once an activity has started it, and what ends it.
ENDS = {
    contracts.START_DEPLOYMENT: CANCEL_DEPLOYMENTS,
    contracts.START_CONTROLLER: STOP_CONTROLLER,
    contracts.START_PLAY: STOP_PLAY,
    contracts.START_UPGRADE: STOP_PLAY,
}
# What these start is the cluster's own, and goes on after the run.
SERVING = (contracts.START_API_SERVERS, contracts.START_MEMBERS)
ACTIVITIES = {one.name: one for one in vars(contracts).values() if isinstance(one, Activity)}
PARTS = ("network", "controller", "etcd-0", "worker-0")


class CancelledRun:
    """A run that stands in a phase and is cancelled while an activity of it is executed.

    Attributes:
        before, after: the activities until the cancel, with the one that it meets, and after it.
        finished: the run's end.
    """

    def __init__(self, phase: str, activity: Activity[Any, Any]) -> None:
        self.before: list[str] = []
        self.after: list[str] = []
        self.finished: FinishInput | None = None
        self._meets = activity.name
        self._cancel: CancellableTask[Any] = CancellableTask()
        backend = Backend()
        backend.script = self._answer
        backend.wait_for_external_event = lambda _: self._cancel  # type: ignore[method-assign]
        now = backend.current_utc_datetime.isoformat() + "Z"
        state = RunState(
            cluster="demo",
            generation=1,
            phase=phase,
            phases=tuple(
                PhaseRecord(
                    name=name, state="running" if name == phase else "pending", started_at=now
                )
                for name in PHASES
            ),
            started_at=now,
            parts=PARTS,
            stages=STAGE_IDS,
            leaving=1,
        )
        backend.run(reconcile_cluster(cast(Any, backend), state.model_dump(mode="json")))

    def _answer(self, name: str, payload: Any) -> Any:
        if name == RECORD_EVENTS.name:
            lines = "".join(payload["lines"]).encode()
            return {"position": payload["position"] + len(lines)}
        if name == FINISH_RUN.name:
            self.finished = FinishInput.model_validate(payload)
        elif self._cancel.is_complete:
            self.after.append(name)
        else:
            self.before.append(name)
            if name == self._meets:
                self._cancel.complete("ada")
        return ACTIVITIES[name].gives().model_dump(mode="json")


def test_each_phase_has_an_activity_that_an_outage_interrupts() -> None:
    assert list(INTERRUPTED) == list(PHASES), "tests/outages/conftest.py"


def test_of_each_phase_it_is_known_what_a_cancel_stops() -> None:
    assert list(STOPPED) == list(PHASES), "_stop of orchestrators/reconcile_cluster.py, and STOPPED"


@pytest.mark.parametrize("phase", PHASES)
def test_a_cancel_in_a_phase_stops_what_the_phase_started(phase: str) -> None:
    run = CancelledRun(phase, INTERRUPTED[phase])
    assert run.finished is not None
    assert (run.finished.result, run.before[-1]) == ("cancelled", INTERRUPTED[phase].name)
    assert run.after == [activity.name for activity in STOPPED[phase]]
    for start, end in ENDS.items():
        assert start.name not in run.before or end.name in run.after


def test_of_each_activity_that_starts_something_it_is_known_what_ends_it() -> None:
    starting = {one for one in ACTIVITIES.values() if one.name.startswith("start_")}
    assert starting == {*ENDS, *SERVING}
