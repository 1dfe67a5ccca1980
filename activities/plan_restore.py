"""Activity plan_restore: examines the backup, finds how the cluster is reached, and stores that as
the run's plan."""

from activities.last_plan import keep_last_plan
from activities.registration import activity
from clients.errors import Refused
from clients.services import services
from cluster.contracts import PLAN_RESTORE, RestorePlan, RunRef
from planning.restorable import need_restorable


@activity(PLAN_RESTORE)
def plan_restore(ref: RunRef) -> RestorePlan:
    """Stores the plan of the last run that deployed the network. A repeat returns the stored plan.

    Raises:
        Refused: DeploymentMissing, or a code of `planning.restorable.need_restorable`.
    """
    store = services().store
    record, _ = store.need_record(ref.cluster)
    operation = record.operation
    if operation is None or operation.generation != ref.generation:
        raise Refused("BackupMissing", f"run {ref.generation} names no backup", place=ref.cluster)
    backup = need_restorable(store, record, operation.backup)
    plan = store.plan(ref) or keep_last_plan(record, ref)
    return RestorePlan(
        backup=backup.id, taken_at=backup.taken_at, keep_controller=plan.spec.controller.keep
    )
