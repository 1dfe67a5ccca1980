"""Activity plan_backup: finds how the cluster is reached, and stores that as the run's plan."""

from activities.last_plan import keep_last_plan
from activities.registration import activity
from clients.services import services
from cluster.contracts import PLAN_BACKUP, BackupPlan, RunRef


@activity(PLAN_BACKUP)
def plan_backup(ref: RunRef) -> BackupPlan:
    """Stores the plan of the last run that deployed the network. A repeat returns the stored plan.

    Raises:
        Refused: DeploymentMissing, no earlier run deployed the cluster's network.
    """
    store = services().store
    plan = store.plan(ref) or keep_last_plan(store.need_record(ref.cluster)[0], ref)
    return BackupPlan(keep_controller=plan.spec.controller.keep)
