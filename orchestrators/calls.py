"""Calls activities from an orchestrator, with retries and with an end to every wait.

Three things may go wrong with one execution. Each is counted separately, so that one does not use
up the tries of another:

- It raises: an error of Slipway's own, or a service's error that the activity does not handle.
- The worker process ends during the execution (a crash, no memory, the host's functionTimeout). The
  Durable extension reports that as a failure of the activity.
- No result arrives. The Azure Storage backend may lose one permanently (Azure/durabletask#1173).
  The activity is scheduled again after the time that it and its delivery may take. If many runs
  share the app, an execution may also wait in the queue. That time is not visible here, so each
  wait for the same activity is twice as long as the one before it.
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

# What a user sends to go on after a failure. The other operations are sent again as themselves.
SAME_SPEC, DELETE_AGAIN = "send the same spec again", "send DELETE again"
BACKUP_AGAIN, RESTORE_AGAIN = "request the backup again", "request the restore again"
MAINTAIN_AGAIN, ROTATE_AGAIN = "request the maintenance again", "request the rotation again"
# The longest delay of a result whose message was held by a host that died: the visibility timeout
# of host.json, and the polling of its queue.
DELIVERY_SECONDS = 90.0
# The longest wait for one execution. A cancel may have to wait as long.
LONGEST_WAIT_SECONDS = 900.0
# The end of the type's name that the host reports for an activity whose worker process ended.
WORKER_LOST = (
    "FunctionInvocationException",
    "FunctionTimeoutException",
    "FunctionTimeoutAbortException",
    "WorkerProcessExitException",
)


@dataclass(frozen=True)
class Retry:
    """The number of tries for each kind of trouble, and the pause before the next try in
    seconds."""

    faults: int = 4
    workers: int = 4
    results: int = 5
    first: float = 2.0
    factor: float = 3.0
    longest: float = 30.0

    def pause(self, troubles: int) -> float:
        return min(self.longest, self.first * self.factor ** (troubles - 1))


RETRY = Retry()
# The retries bridge a storage account that is unavailable for a minute or two. A cancel has to wait
# for a write, so lost results are retried less often.
RECORD_RETRY = Retry(faults=8, results=3, factor=2.0)


@dataclass
class _Troubles:
    """Counts what has gone wrong with one activity so far."""

    faults: int = 0
    workers: int = 0
    results: int = 0

    @property
    def total(self) -> int:
        return self.faults + self.workers + self.results


class Calls:
    """Schedules activities and waits for them. `scheduled` counts them, for the history's
    length."""

    def __init__(self, ctx: OrchestrationContext, waiting: Waiting, again: str = SAME_SPEC) -> None:
        self._ctx, self._again = ctx, again
        self._waiting = waiting
        self.scheduled = 0

    def schedule[In: Contract, Out: Outcome](
        self, activity: Activity[In, Out], payload: In
    ) -> Task[Any]:
        """Schedules one execution and returns its task without waiting."""
        self.scheduled += 1
        return self._ctx.call_activity(activity.name, input=payload.model_dump(mode="json"))

    def gather[In: Contract, Out: Outcome](
        self,
        activity: Activity[In, Out],
        payloads: Sequence[In],
        retry: Retry = RETRY,
        stop: Task[Any] | None = None,
    ) -> Generator[Task[Any], Any, list[Out] | None]:
        """Runs one execution for each payload in parallel and returns their results in order.

        Returns None if `stop` is complete before every result has arrived.

        If the activity changes something, `stop` has to wait for it. Otherwise the next step would
        meet a half-finished change: a deployment that is started after the running ones were
        cancelled, or a play that starts after it was stopped. The execution ends by itself within
        its contract's time and is not retried. An activity that only reads is abandoned at once.

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
                    _count(activity, retry, troubles[number], task, self._again)
            if len(results) < len(payloads) and not _complete(stop):
                most = max(trouble.total for trouble in troubles)
                yield from self._waiting.pause(retry.pause(most), *stops)
        return [results[number] for number in range(len(payloads))]


def _patience(activity: Activity[Any, Any], lost: int) -> float:
    """Returns the seconds to wait for a result after `lost` results did not arrive."""
    seconds = (activity.seconds + DELIVERY_SECONDS) * 2**lost
    return min(seconds, LONGEST_WAIT_SECONDS)


def _complete(task: Task[Any] | None) -> bool:
    return task is not None and task.is_complete


def _count(
    activity: Activity[Any, Any], retry: Retry, troubles: _Troubles, task: Task[Any], again: str
) -> None:
    """Counts what went wrong with the task.

    Raises:
        RunFailedError: the tries for this kind of trouble are used up.
    """
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
                    next_step="check that the function app runs and reaches its storage account "
                    "(queues and tables), and that the number of parallel runs does not make "
                    f"activities wait; then {again}: the run resumes",
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
                    next_step="look at the function app's memory and its log, then "
                    f"{again}; the run resumes",
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
                next_step=f"{again}; if it repeats, look at the function app's log",
            )
        )


def _failure(task: Task[Any]) -> FailureDetails:
    try:
        task.get_result()
    except TaskFailedError as error:
        return error.details
    raise RuntimeError("only a failed task has a failure")
