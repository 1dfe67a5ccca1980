"""Follows an operation to its end over an unreliable network."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from cli.api import ACCEPTED, BUSY, Api, OperationAnswer, operation_path
from cli.exits import CommandError, Exit
from cli.host import NotLoadedError
from cli.problems import CONFLICT, ProblemError, describe
from cli.session import UnreachableError
from cluster.api import ClusterDetail, RunEvent

# The time in seconds in which a restarting function app is expected to be back. The run itself does
# not depend on its watcher.
PATIENCE_SECONDS = 120.0
SETTLE_POLLS = 5


class View(Protocol):
    """Shows a run: `show` displays the cluster's present state, `print_event` one event."""

    def __enter__(self) -> "View": ...
    def __exit__(self, *error: object) -> None: ...
    def print_event(self, event: RunEvent) -> None: ...
    def show(self, cluster: ClusterDetail) -> None: ...


@dataclass(frozen=True)
class Ending:
    """How an operation ended. `cluster` is the API's last answer."""

    code: Exit
    problem: str
    cluster: ClusterDetail


def patiently[T](ask: Callable[[], T], pause: float, *, following: bool = False) -> T:
    """Returns the result of `ask`. It is repeated while networks fail, function apps restart or
    services are unavailable.

    `following`: the run is known to continue, so it also waits for an app that did not load or
    fails each request.

    Raises:
        CommandError: the error of `ask`: at once if a repeated request would fail in the same way,
            otherwise after two minutes.
    """
    since = time.monotonic()
    reported = ""
    while True:
        try:
            return ask()
        except CommandError as error:
            if not _may_pass(error, following) or time.monotonic() - since > PATIENCE_SECONDS:
                raise
            seen = str(error).partition("\n")[0]
        if seen != reported:
            until = f"trying again for up to {PATIENCE_SECONDS:.0f} s"
            print(f"slipway: {seen}; {until}", file=sys.stderr)
            reported = seen
        time.sleep(pause)


def _may_pass(error: CommandError, following: bool) -> bool:
    match error:
        case UnreachableError():
            # An address that never responded is more likely wrong than restarting.
            return error.reached
        case ProblemError():
            return error.passing or (following and error.status >= 500)
        case _:
            return following and isinstance(error, NotLoadedError)


def follow(api: Api, name: str, operation: str, view: View) -> Ending:
    """Follows the operation until it has ended, and returns its ending.

    Raises:
        CommandError: no response for two minutes, or the operation is unknown.
    """
    generation = int(operation.rpartition("/")[2])
    seen = 0

    def look() -> tuple[OperationAnswer, ClusterDetail]:
        nonlocal seen
        answer = api.operation(operation)
        # Events are read after the answer, because all events of an ended operation are recorded by
        # then.
        seen = _tell_new(api, name, generation, seen, view)
        return answer, api.cluster(name)

    while True:
        answer, cluster = patiently(look, api.poll_seconds, following=True)
        view.show(cluster)
        if answer.status != ACCEPTED:
            cluster = _settled(api, cluster, generation)
            view.show(cluster)
            return _ending(answer, cluster)
        time.sleep(api.poll_seconds)


def _settled(api: Api, cluster: ClusterDetail, generation: int) -> ClusterDetail:
    """Returns the cluster once it is no longer busy. The operation's result is written before the
    cluster's record is closed."""
    name = cluster.name
    for _ in range(SETTLE_POLLS):
        if cluster.generation != generation or cluster.state not in BUSY:
            break
        time.sleep(api.poll_seconds)
        cluster = patiently(lambda: api.cluster(name), api.poll_seconds, following=True)
    return cluster


def _tell_new(api: Api, name: str, generation: int, seen: int, view: View) -> int:
    found = api.events(name, seen, generation)
    for event in found.events:
        # The ending has the same text as a problem, with the end of the log.
        if event.kind != "run.failed":
            view.print_event(event)
    return max(found.next, seen)


def _ending(answer: OperationAnswer, cluster: ClusterDetail) -> Ending:
    if answer.problem is None:
        return Ending(Exit.OK, "", cluster)
    return Ending(exit_of(answer), describe(answer.status, answer.problem), cluster)


def exit_of(answer: OperationAnswer) -> Exit:
    """Returns the exit code for an operation that has ended."""
    if answer.problem is None:
        return Exit.OK
    return Exit.CANCELLED if answer.status == CONFLICT else Exit.FAILED


def end_of(api: Api, name: str, generation: int) -> Exit:
    """Returns the exit code of an operation of a cluster that is not busy with it, once its
    result is there.

    Raises:
        CommandError: the operation failed or was cancelled.
    """
    while not has_succeeded(api, name, generation):
        time.sleep(api.poll_seconds)
    return Exit.OK


def has_succeeded(api: Api, name: str, generation: int) -> bool:
    """Returns whether the operation has succeeded. If not, it is not closed yet.

    Raises:
        CommandError: the operation failed or was cancelled.
    """
    ask = partial(api.operation, operation_path(name, generation))
    answer = patiently(ask, api.poll_seconds, following=True)
    if answer.problem:
        raise CommandError(exit_of(answer), describe(answer.status, answer.problem))
    return answer.status != ACCEPTED
