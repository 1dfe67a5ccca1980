"""Follows an operation to its end, over a network that may fail in between."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cli.api import ACCEPTED, BUSY, Api, OperationAnswer, UnreachableError
from cli.exits import CommandError, Exit
from cli.host import NotLoadedError
from cli.problems import CONFLICT, ProblemError, describe
from cluster.api import ClusterDetail, RunEvent

# A run outlives its watcher; a function app that restarts is back within this time.
PATIENCE_SECONDS = 120.0
SETTLE_POLLS = 5


class View(Protocol):
    """Shows a run: `show` takes the cluster as it is now, `print_event` one event."""

    def __enter__(self) -> "View": ...
    def __exit__(self, *error: object) -> None: ...
    def print_event(self, event: RunEvent) -> None: ...
    def show(self, cluster: ClusterDetail) -> None: ...


@dataclass(frozen=True)
class Ending:
    """How an operation ended; `cluster` is the API's last word on it."""

    code: Exit
    problem: str
    cluster: ClusterDetail


def patiently[T](ask: Callable[[], T], pause: float, *, following: bool = False) -> T:
    """The answer, whenever it comes: networks fail, function apps restart, services go away.

    `following`: a run is known to go on, so that an app that did not load, or fails with each
    request, is waited for too.

    Raises:
        CommandError: what was answered instead, at once where the same request would get the same
            answer, after two minutes otherwise.
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
            # An address that never answered is more likely wrong than restarting.
            return error.reached
        case ProblemError():
            return error.passing or (following and error.status >= 500)
        case _:
            return following and isinstance(error, NotLoadedError)


def follow(api: Api, name: str, operation: str, view: View) -> Ending:
    """Returns when the operation has ended.

    Raises:
        CommandError: no answer for two minutes, or the operation is not known.
    """
    generation = int(operation.rpartition("/")[2])
    seen = 0

    def look() -> tuple[OperationAnswer, ClusterDetail]:
        nonlocal seen
        answer = api.operation(operation)
        # After the answer: what it ended with is recorded by then.
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
    """The operation's result is written before the cluster's record is closed."""
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
        view.print_event(event)
    return max(found.next, seen)


def _ending(answer: OperationAnswer, cluster: ClusterDetail) -> Ending:
    if answer.problem is None:
        return Ending(Exit.OK, "", cluster)
    code = Exit.CANCELLED if answer.status == CONFLICT else Exit.FAILED
    return Ending(code, describe(answer.status, answer.problem), cluster)
