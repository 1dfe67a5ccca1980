"""Activity ensure_group: finds the resource group, or creates it empty with Slipway's own tags."""

from activities.registration import activity
from clients.errors import Refused
from clients.services import services
from cluster.contracts import ENSURE_GROUP, RunRef
from cluster.outcomes import Outcome
from cluster.plan import Plan
from planning.ownership import owner_of, refuse_group, refuse_own_group


@activity(ENSURE_GROUP)
def ensure_group(ref: RunRef) -> Outcome:
    """Finds or creates the resource group.

    A group with the cluster's own tags is deleted with the cluster. Any other group is kept.
    """
    plan = services().store.need_plan(ref)
    owner, groups = owner_of(plan), services().groups
    refuse_own_group(plan.group)
    group = groups.get(plan.group)
    if group is None:
        group = groups.create(plan.group, plan.location, plan.spec.tags | owner.group_tags)
    if group.provisioning_state == "Deleting":
        return Outcome(state="wait", retry_after=services().settings.poll_seconds)
    refuse_group(group, owner)
    if group.location.lower().replace(" ", "") != plan.location:
        raise Refused(
            "GroupElsewhere",
            f"resource group '{plan.group}' is in {group.location}, the spec says {plan.location}",
            place=plan.group,
        )
    _keep_ownership(plan, owner.owns_group(group.tags))
    return Outcome()


def _keep_ownership(plan: Plan, owned: bool) -> None:
    record, etag = services().store.need_record(plan.cluster)
    if record.group_owned != owned:
        services().store.update_record(record.model_copy(update={"group_owned": owned}), etag)
