"""One step of an operation, run to its end on the tests' backend, whose clock runs by itself."""

from collections.abc import Callable
from typing import Any, cast

from cluster.contracts import RECORD_EVENTS, RecordInput
from cluster.events import Event, from_lines
from cluster.outcomes import Outcome
from orchestrators.errors import ContinueAsNewError, RunFailedError
from orchestrators.operation import Step
from orchestrators.run import Run
from orchestrators.state import RunState
from tests.orchestrators.backend import Backend

# LOST: no result comes.
type Script = Callable[[str, Any], Outcome | str]


class Stepping:
    """`script` answers by an activity's name and input; `texts` are those of the run's `events`."""

    def __init__(self, script: Script) -> None:
        self.backend = Backend()
        self.backend.script = self._answer
        self.asked: list[tuple[str, Any]] = []
        self.texts: list[str] = []
        self.events: list[Event] = []
        self.histories = 0
        self._script = script

    def run(self, step: Step, **state: Any) -> RunState:
        """The state at the step's end, whatever number of histories it took."""
        run = self._begun(RunState(cluster="demo", generation=1, **state))
        while True:
            try:
                self.backend.run(_flushed(step, run))
            except ContinueAsNewError:
                run = self._begun(run.state)
            else:
                return run.state

    def count(self, name: str) -> int:
        return sum(1 for asked, _ in self.asked if asked == name)

    def _begun(self, state: RunState) -> Run:
        self.histories += 1
        return Run(cast(Any, self.backend), state)

    def _answer(self, name: str, payload: Any) -> Any:
        if name == RECORD_EVENTS.name:
            lines = "".join(RecordInput.model_validate(payload).lines)
            self.events += from_lines(lines)
            self.texts = [event.text for event in self.events]
            return {"position": payload["position"] + len(lines.encode())}
        self.asked.append((name, payload))
        answer = self._script(name, payload)
        return answer if isinstance(answer, str) else answer.model_dump(mode="json")


def _flushed(step: Step, run: Run) -> Any:
    try:
        yield from step(run)
    except RunFailedError:
        yield from run.flush()
        raise
    yield from run.flush()
