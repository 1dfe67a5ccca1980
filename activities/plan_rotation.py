"""Activity plan_rotation: finds how the cluster is reached, and stores that as the run's plan."""

from activities.last_plan import keep_last_plan
from activities.registration import activity
from activities.rotation import claimed
from clients.services import services
from cluster import names
from cluster.contracts import PLAN_ROTATION, RotationPlan, RunRef


@activity(PLAN_ROTATION)
def plan_rotation(ref: RunRef) -> RotationPlan:
    """Stores the plan of the last run that deployed the network. A repeat returns the stored plan.

    Raises:
        Refused: DeploymentMissing, no earlier run deployed the cluster's network; Superseded.
    """
    store, operation = services().store, claimed(ref)
    record, _ = store.need_record(ref.cluster)
    plan = store.plan(ref) or keep_last_plan(record, ref)
    secret = names.rotation_secret(plan.cluster, plan.uid, operation.rotates, operation.rotation)
    return RotationPlan(
        keep_controller=plan.spec.controller.keep,
        credential=operation.rotates,
        resumed=services().vault.get(secret) is not None,
    )
