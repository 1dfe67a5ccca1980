"""Activities poll_deployments and cancel_deployments: handle all pending deployments in one
execution."""

from activities.registration import activity
from clients.azure.arm import DeploymentState
from clients.azure.deployments import ENDED
from clients.services import services
from clients.time_limit import left
from cluster import names
from cluster.azure_codes import all_mean_later
from cluster.contracts import (
    CANCEL_DEPLOYMENTS,
    POLL_DEPLOYMENTS,
    DeploymentsRef,
    DeploymentsResult,
    FailedPart,
)
from cluster.next_steps import OTHERWISE, joined, next_step
from cluster.outcomes import Cause, Outcome
from cluster.reasons import Reason, grouped, listed
from planning.ownership import owner_of

# The longest time to read one deployment, in seconds. It includes the operations of a failed one.
ONE_SECONDS = 70.0


@activity(POLL_DEPLOYMENTS)
def poll_deployments(ref: DeploymentsRef) -> DeploymentsResult:
    """Reports the parts that have ended.

    A deployment that does not exist counts as failed. One that could not be read in time counts as
    running: the next execution reads it.
    """
    plan = services().store.need_plan(ref)
    finished: list[str] = []
    failed: list[FailedPart] = []
    wait = services().settings.poll_seconds
    for part in ref.parts:
        name = names.deployment_name(ref.cluster, part, ref.generation)
        if (finished or failed) and left() < ONE_SECONDS:
            break
        found = services().deployments.get(plan.group, name)
        if found is not None and found.state == "Succeeded":
            finished.append(part)
        elif found is None or found.state in ENDED:
            failed.append(FailedPart(part=part, cause=_cause(part, found), later=_passes(found)))
        else:
            wait = max(wait, found.retry_after or 0.0)
    done = len(finished) + len(failed) == len(ref.parts)
    return DeploymentsResult(
        state="done" if done else "wait",
        retry_after=wait,
        finished=tuple(finished),
        failed=tuple(failed),
    )


def _passes(found: DeploymentState | None) -> bool:
    """Returns whether every root cause of the failure is a code that means "ask again later"."""
    if found is None or found.error is None:
        return False
    details = found.error.details or [found.error.code]
    return all_mean_later(detail.partition(":")[0] for detail in details)


def _cause(part: str, found: DeploymentState | None) -> Cause:
    if found is None:
        return Cause(
            code="DeploymentMissing", place=part, message=f"deployment {part} does not exist"
        )
    error = found.error
    if error is None:
        message = f"the deployment was {found.state}"
        return Cause(code=found.state, place=part, message=message, next_step=OTHERWISE)
    details = error.details or [error.message]
    others = (next_step(detail.partition(":")[0], detail) for detail in details[1:])
    return Cause(
        code=error.code,
        place=part,
        message=listed(grouped(map(Reason, details))),
        next_step=joined((next_step(error.code, details[0]), *others)),
    )


@activity(CANCEL_DEPLOYMENTS)
def cancel_deployments(ref: DeploymentsRef) -> Outcome:
    """Cancels the deployments that still run. Returns `wait` until they have ended.

    A deployment of another owner that has the same name goes on.
    """
    plan = services().store.need_plan(ref)
    owner = owner_of(plan)
    running = False
    for part in ref.parts:
        name = names.deployment_name(ref.cluster, part, ref.generation)
        found = services().deployments.get(plan.group, name)
        if found is not None and found.state not in ENDED and owner.owns(found.tags):
            services().deployments.cancel(plan.group, name)
            running = True
    if running:
        return Outcome(state="wait", retry_after=services().settings.poll_seconds)
    return Outcome()
