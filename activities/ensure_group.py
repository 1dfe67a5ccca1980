"""Activity ensure_group: finds the resource group, or creates it empty with Slipway's owner tag."""

from activities.registration import activity
from clients.errors import Refused
from clients.services import services
from cluster.contracts import ENSURE_GROUP, RunRef
from cluster.outcomes import Outcome
from cluster.plan import Plan

OWNER_TAG = "slipway-owner"


@activity(ENSURE_GROUP)
def ensure_group(ref: RunRef) -> Outcome:
    """Finds or creates the resource group.

    A group with Slipway's owner tag is deleted with the cluster. Any other group is kept.
    """
    plan = services().store.need_plan(ref)
    groups = services().groups
    group = groups.get(plan.group)
    if group is None:
        group = groups.create(
            plan.group, plan.location, {**plan.spec.tags, OWNER_TAG: plan.cluster}
        )
    if group.provisioning_state == "Deleting":
        return Outcome(state="wait", retry_after=services().settings.poll_seconds)
    owner = group.tags.get(OWNER_TAG)
    if owner not in (None, plan.cluster):
        raise Refused(
            "GroupOwnedByAnother",
            f"resource group '{plan.group}' belongs to cluster '{owner}'",
            place=plan.group,
        )
    if group.location.lower().replace(" ", "") != plan.location:
        raise Refused(
            "GroupElsewhere",
            f"resource group '{plan.group}' is in {group.location}, the spec says {plan.location}",
            place=plan.group,
        )
    _keep_ownership(plan, owner == plan.cluster)
    return Outcome()


def _keep_ownership(plan: Plan, owned: bool) -> None:
    record, etag = services().store.need_record(plan.cluster)
    if record.group_owned != owned:
        services().store.update_record(record.model_copy(update={"group_owned": owned}), etag)
