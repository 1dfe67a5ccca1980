"""Deployments: the network first, then the controller and every pool at once."""

from cluster.contracts import (
    POLL_DEPLOYMENTS,
    START_DEPLOYMENT,
    DeploymentRef,
    DeploymentsRef,
)
from cluster.outcomes import Cause, Outcome
from orchestrators.errors import RunFailedError
from orchestrators.run import Run, Steps

NETWORK = "network"


def deploy_network(run: Run) -> Steps[None]:
    yield from _deploy(run, (NETWORK,))


def deploy_machines(run: Run) -> Steps[None]:
    yield from _deploy(run, tuple(part for part in run.state.parts if part != NETWORK))


def _deploy(run: Run, parts: tuple[str, ...]) -> Steps[None]:
    """Fans the starts out, then polls all of them in one activity.

    When one fails the others are still waited for: nothing is left half-way behind our back.
    """
    causes: list[Cause] = []
    to_start, pending = list(parts), list[str]()
    wait: float | None = None
    while to_start or pending:
        later = list[str]()
        for part, outcome in zip(to_start, (yield from _start(run, to_start)), strict=True):
            wait = max(wait or 0.0, outcome.retry_after or 0.0) or None
            if outcome.state == "done":
                pending.append(part)
                run.tell(f"deployment {part} started")
            elif outcome.state == "wait":
                later.append(part)
            else:
                causes.append(_failed(run, part, outcome.cause))
        to_start = later
        if not (to_start or pending):
            break
        yield from run.pause(wait)
        wait = None
        if pending:
            result = yield from run.call(
                POLL_DEPLOYMENTS, DeploymentsRef(**run.ref.model_dump(), parts=tuple(pending))
            )
            wait = result.retry_after
            for part in result.finished:
                run.tell(f"deployment {part} succeeded")
            causes += [_failed(run, failed.part, failed.cause) for failed in result.failed]
            ended = {*result.finished, *(failed.part for failed in result.failed)}
            pending = [part for part in pending if part not in ended]
    if causes:
        raise RunFailedError(causes[0])


def _start(run: Run, parts: list[str]) -> Steps[list[Outcome]]:
    if not parts:
        return []
    asked = [DeploymentRef(**run.ref.model_dump(), part=part) for part in parts]
    return (yield from run.call_all(START_DEPLOYMENT, asked))


def _failed(run: Run, part: str, cause: Cause | None) -> Cause:
    cause = cause or Cause(code="Refused", place=part, message="no cause was given")
    run.tell(f"deployment {part} failed: {cause.message}", level="error", slack=True)
    return cause
