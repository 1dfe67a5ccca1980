"""Activities poll_deployments and cancel_deployments: handle all pending deployments in one
execution."""

from activities.registration import activity
from clients.azure.arm import DeploymentState
from clients.services import services
from clients.time_limit import left
from cluster import names
from cluster.contracts import (
    CANCEL_DEPLOYMENTS,
    POLL_DEPLOYMENTS,
    DeploymentsRef,
    DeploymentsResult,
    FailedPart,
)
from cluster.outcomes import Cause, Outcome, cut

ENDED = ("Succeeded", "Failed", "Canceled")
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
            failed.append(FailedPart(part=part, cause=_cause(part, found)))
        else:
            wait = max(wait, found.retry_after or 0.0)
    done = len(finished) + len(failed) == len(ref.parts)
    return DeploymentsResult(
        state="done" if done else "wait",
        retry_after=wait,
        finished=tuple(finished),
        failed=tuple(failed),
    )


def _cause(part: str, found: DeploymentState | None) -> Cause:
    if found is None:
        return Cause(
            code="DeploymentMissing", place=part, message=f"deployment {part} does not exist"
        )
    error = found.error
    details = "; ".join(error.details) if error else ""
    return Cause(
        code=error.code if error else found.state,
        place=part,
        message=cut(details or (error.message if error else f"the deployment was {found.state}")),
        next_step="fix what Azure names, then send the same spec again; what exists is kept",
    )


@activity(CANCEL_DEPLOYMENTS)
def cancel_deployments(ref: DeploymentsRef) -> Outcome:
    """Cancels the deployments that still run. Returns `wait` until they have ended."""
    plan = services().store.need_plan(ref)
    running = False
    for part in ref.parts:
        name = names.deployment_name(ref.cluster, part, ref.generation)
        found = services().deployments.get(plan.group, name)
        if found is not None and found.state not in ENDED:
            services().deployments.cancel(plan.group, name)
            running = True
    if running:
        return Outcome(state="wait", retry_after=services().settings.poll_seconds)
    return Outcome()
