"""Activities as an orchestrator calls them: tried again, never waited for without an end.

Three things may go wrong with one execution, and each is counted apart, so that one does not use up
what another may need:

- It raises: a fault of ours, or a service's that the activity does not answer for.
- The worker process ends while it runs (a crash, no memory, the host's functionTimeout): the
  Durable extension reports that as a failure of the activity.
- No result comes. The Azure Storage backend may lose one for good (Azure/durabletask#1173): after
  the time that the activity may take, and that its delivery may take, it is scheduled anew. Where
  many runs share the app, an execution may also wait for its turn, and that time cannot be seen
  from here: each wait for the same activity is twice as long as the one before it.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from durabletask.task import FailureDetails, OrchestrationContext, Task, TaskFailedError

from cluster.contracts import Activity
from cluster.model import Contract
from cluster.outcomes import Cause, Outcome, cut
from orchestrators.errors import RunFailedError
from orchestrators.waiting import Waiting

# A result comes so much later at most, where a host that died had the message in hand: the
# visibility timeout of host.json, and its queue's polling.
DELIVERY_SECONDS = 90.0
# The longest that one execution is waited for: so long a cancel may have to wait too.
LONGEST_WAIT_SECONDS = 900.0
# What the host reports of an activity whose worker process ended, by the end of the type's name.
WORKER_LOST = (
    "FunctionInvocationException",
    "FunctionTimeoutException",
    "FunctionTimeoutAbortException",
    "WorkerProcessExitException",
)


@dataclass(frozen=True)
class Retry:
    """How often each kind of trouble is borne, and the pause before the next try in seconds."""

    faults: int = 4
    workers: int = 4
    results: int = 5
    first: float = 2.0
    factor: float = 3.0
    longest: float = 30.0

    def pause(self, troubles: int) -> float:
        return min(self.longest, self.first * self.factor ** (troubles - 1))


RETRY = Retry()
# The record outlives a storage account that is away for a minute or two. A write is not left alone
# for a cancel, so its lost results are waited for less often.
RECORD_RETRY = Retry(faults=8, results=3, factor=2.0)


@dataclass
class _Troubles:
    """What went wrong with one activity so far."""

    faults: int = 0
    workers: int = 0
    results: int = 0

    @property
    def total(self) -> int:
        return self.faults + self.workers + self.results


class Calls:
    """Schedules activities and waits for them. `scheduled`: how many, for the history's length."""

    def __init__(self, ctx: OrchestrationContext, waiting: Waiting) -> None:
        self._ctx = ctx
        self._waiting = waiting
        self.scheduled = 0

    def schedule[In: Contract, Out: Outcome](
        self, activity: Activity[In, Out], payload: In
    ) -> Task[Any]:
        """One execution, not waited for."""
        self.scheduled += 1
        return self._ctx.call_activity(activity.name, input=payload.model_dump(mode="json"))

    def gather[In: Contract, Out: Outcome](
        self,
        activity: Activity[In, Out],
        payloads: Sequence[In],
        retry: Retry = RETRY,
        stop: Task[Any] | None = None,
    ) -> Generator[Task[Any], Any, list[Out] | None]:
        """The results of as many executions at once, in order. None: `stop` is complete, and not
        every result came.

        What `stop` has to wait for: an activity that changes something is not left alone while it
        may run, as what comes next would meet it half-way: a deployment that is put after those
        that run were cancelled, a play that starts after it was stopped. It ends by itself within
        the time of its contract; it is not tried again. One that only reads is left at once.

        Raises:
            RunFailedError: one of them kept failing.
        """
        results: dict[int, Out] = {}
        troubles = [_Troubles() for _ in payloads]
        while len(results) < len(payloads):
            if _complete(stop):
                return None
            missing = [number for number in range(len(payloads)) if number not in results]
            tasks = {number: self.schedule(activity, payloads[number]) for number in missing}
            stops = [] if stop is None else [stop]
            yield from self._waiting.together(
                list(tasks.values()),
                _patience(activity, max(troubles[number].results for number in missing)),
                *([] if activity.changes else stops),
            )
            for number, task in tasks.items():
                if task.is_complete and not task.is_failed:
                    results[number] = activity.result(task.get_result())
                elif not _complete(stop):
                    _count(activity, retry, troubles[number], task)
            if len(results) < len(payloads) and not _complete(stop):
                most = max(trouble.total for trouble in troubles)
                yield from self._waiting.pause(retry.pause(most), *stops)
        return [results[number] for number in range(len(payloads))]


def _patience(activity: Activity[Any, Any], lost: int) -> float:
    """How long a result is waited for after so many that did not come."""
    seconds = (activity.seconds + DELIVERY_SECONDS) * 2**lost
    return min(seconds, LONGEST_WAIT_SECONDS)


def _complete(task: Task[Any] | None) -> bool:
    return task is not None and task.is_complete


def _count(
    activity: Activity[Any, Any], retry: Retry, troubles: _Troubles, task: Task[Any]
) -> None:
    """Raises RunFailedError where there was too much of it."""
    name = activity.name
    if not task.is_complete:
        last = _patience(activity, troubles.results)
        troubles.results += 1
        if troubles.results >= retry.results:
            raise RunFailedError(
                Cause(
                    code="ResultLost",
                    place=name,
                    message=f"activity {name} was scheduled {troubles.results} times and no result "
                    f"came back, the last time within {last:.0f} s",
                    next_step="look whether the function app runs and reaches its storage account "
                    "(queues and tables), and whether so many runs go on at once that activities "
                    "wait for their turn; then send the same spec again, the run resumes",
                )
            )
        return
    details = _failure(task)
    if details.error_type.endswith(WORKER_LOST):
        troubles.workers += 1
        if troubles.workers >= retry.workers:
            raise RunFailedError(
                Cause(
                    code="WorkerLost",
                    place=name,
                    message=f"the worker process ended while activity {name} ran, "
                    f"{troubles.workers} times",
                    next_step="look at the function app's memory and its log, then send the same "
                    "spec again; the run resumes",
                )
            )
        return
    troubles.faults += 1
    if troubles.faults >= retry.faults:
        raise RunFailedError(
            Cause(
                code="InternalError",
                place=name,
                message=cut(f"{details.error_type}: {details.message}", 500),
                next_step="send the same spec again; if it repeats, look at the function app's log",
            )
        )


def _failure(task: Task[Any]) -> FailureDetails:
    try:
        task.get_result()
    except TaskFailedError as error:
        return error.details
    raise RuntimeError("only a failed task has a failure")
