"""A run that ends early leaves no billed controller running, and keeps its own cause."""

from typing import Any, cast

import pytest

from cluster.contracts import (
    FINISH_RUN,
    RECORD_EVENTS,
    START_CONTROLLER,
    STOP_CONTROLLER,
    FinishInput,
    RecordInput,
)
from cluster.events import from_lines
from cluster.outcomes import Cause, Outcome
from orchestrators.errors import RunFailedError
from orchestrators.reconcile_cluster import reconcile_cluster
from orchestrators.state import RunState
from orchestrators.steps.release_controller import RELEASE_PATIENCE
from tests.orchestrators.backend import Backend

AWAY = "compute: status 503"
OWN = Cause(code="ControllerMissing", place="demo-controller", message="the controller VM is gone")
LATER = Outcome(state="wait", retry_after=15.0, notes=(AWAY,))


class Ending:
    """A run whose phase `nodes` is refused. `stops`: answers to the stop of its controller, and the
    last one for ever."""

    def __init__(self, *stops: Outcome) -> None:
        self.backend = Backend()
        self.backend.script = self._answer
        self.texts: list[str] = []
        self.stops = list(stops)
        self.stopped: list[float] = []
        self.finished: FinishInput | None = None

    def run(self) -> FinishInput:
        state = RunState(cluster="demo", generation=1, phase="nodes").model_dump(mode="json")
        with pytest.raises(RunFailedError) as caught:
            self.backend.run(reconcile_cluster(cast(Any, self.backend), state))
        assert caught.value.cause == OWN
        assert self.finished is not None
        return self.finished

    def _answer(self, name: str, payload: Any) -> Any:
        if name == RECORD_EVENTS.name:
            lines = "".join(RecordInput.model_validate(payload).lines)
            self.texts += [event.text for event in from_lines(lines)]
            return {"position": payload["position"] + len(lines.encode())}
        if name == FINISH_RUN.name:
            self.finished = FinishInput.model_validate(payload)
        if name == START_CONTROLLER.name:
            return Outcome(state="refused", cause=OWN).model_dump(mode="json")
        if name == STOP_CONTROLLER.name:
            self.stopped.append(self.backend.seconds)
            answer = self.stops.pop(0) if len(self.stops) > 1 else self.stops[0]
            return answer.model_dump(mode="json")
        return Outcome().model_dump(mode="json")


def test_a_controller_whose_stop_is_not_taken_yet_is_stopped_later() -> None:
    ending = Ending(LATER, LATER, Outcome())
    finished = ending.run()
    assert len(ending.stopped) == 3
    assert finished.cause is not None
    assert finished.cause.code == OWN.code


def test_a_controller_that_cannot_be_stopped_is_reported_and_does_not_hide_the_runs_cause() -> None:
    ending = Ending(LATER)
    finished = ending.run()
    assert finished.cause is not None
    assert (finished.cause.code, finished.cause.phase) == (OWN.code, "nodes")
    (told,) = [text for text in ending.texts if text.startswith("while ending the run")]
    assert "the controller may still be running" in told
    assert AWAY in told
    most = RELEASE_PATIENCE.total_seconds()
    assert most <= ending.stopped[-1] - ending.stopped[0] <= most + 60


def test_a_controller_whose_stop_is_refused_is_not_asked_again() -> None:
    refused = Cause(code="AuthorizationFailed", message="no right to deallocate")
    ending = Ending(Outcome(state="refused", cause=refused))
    ending.run()
    assert len(ending.stopped) == 1
    assert any("no right to deallocate" in text for text in ending.texts)
