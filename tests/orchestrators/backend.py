"""An orchestration's context with a simulated clock, for tests of an orchestrator's waits."""

from collections.abc import Callable, Generator
from datetime import datetime, timedelta
from typing import Any

from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.task import CancellableTask, CompletableTask, Task, TimerTask

from cluster.contracts import ORCHESTRATION_VERSION

START = datetime(2026, 1, 1)  # noqa: DTZ001 -- naive, as the library has it
LOST = "lost"


def exactly(seconds: float) -> float:
    return seconds


def truncated(seconds: float) -> float:
    """As Azure Storage: whole seconds of what is left when the message is sent."""
    return float(int(seconds - 0.2)) + 0.1


def at_once(_: float) -> float:
    return 0.0


class Backend:
    """`fires`: after how many seconds a timer fires that was made for so many.

    Attributes:
        script: what an activity answers at once, by its name and input; without one, `answers`.
        answers: for each execution of an activity, when and with what it ends: a result, the type
            and text of a failure, or LOST.
        timers, called: seconds of each timer, and when each activity was scheduled.
        statuses: each custom status that was set.
    """

    def __init__(self, fires: Callable[[float], float] = exactly) -> None:
        self.current_utc_datetime = START
        self.version = ORCHESTRATION_VERSION
        self.fires = fires
        self.script: Callable[[str, Any], Any] | None = None
        self.answers: list[tuple[float, Any]] = []
        self.timers: list[float] = []
        self.called: list[float] = []
        self.statuses: list[Any] = []
        self.turns = 0
        self._open: list[TimerTask] = []
        self._due: list[tuple[datetime, int, Callable[[], object]]] = []

    @property
    def seconds(self) -> float:
        return (self.current_utc_datetime - START).total_seconds()

    @property
    def left_behind(self) -> int:
        """Timers that were neither cancelled nor fired."""
        return sum(1 for timer in self._open if not timer.is_complete)

    def create_timer(self, after: timedelta) -> TimerTask:
        timer = TimerTask()
        wanted = after.total_seconds()
        self.timers.append(wanted)
        self._open.append(timer)
        self.at(self.fires(wanted), lambda: timer.is_complete or timer.complete(None))
        return timer

    def call_activity(self, name: str, *, input: Any) -> Task[Any]:  # noqa: A002 -- the library's
        task: CompletableTask[Any] = CompletableTask()
        self.called.append(self.seconds)
        seconds, answer = (1.0, self.script(name, input)) if self.script else self.answers.pop(0)
        if isinstance(answer, tuple):
            details = pb.TaskFailureDetails(errorType=answer[0], errorMessage=answer[1])
            self.at(seconds, lambda: task.fail("failed", details))
        elif answer != LOST:
            self.at(seconds, lambda: task.complete(answer))
        return task

    def wait_for_external_event(self, _: str) -> CancellableTask[Any]:
        return CancellableTask()

    def set_custom_status(self, status: Any) -> None:
        self.statuses.append(status)

    def at(self, seconds: float, what: Callable[[], object]) -> None:
        when = self.current_utc_datetime + timedelta(seconds=seconds)
        self._due.append((when, len(self._due), what))

    def run(self, steps: Generator[Task[Any], Any, Any]) -> Any:
        """Resumes the generator when the task that it waits for is complete, as the engine does."""
        try:
            waited = next(steps)
            while True:
                while not waited.is_complete:
                    self._due.sort(key=lambda item: item[:2])
                    when, _, what = self._due.pop(0)
                    self.current_utc_datetime = max(self.current_utc_datetime, when)
                    what()
                self.turns += 1
                waited = steps.send(None)
        except StopIteration as done:
            return done.value
