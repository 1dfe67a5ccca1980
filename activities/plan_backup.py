"""Activity plan_backup: finds how the cluster is reached, and stores that as the run's plan."""

from activities.registration import activity
from clients.controller_login import network_outputs
from clients.errors import Refused
from clients.services import services
from cluster.contracts import PLAN_BACKUP, BackupPlan, RunRef
from cluster.plan import Plan
from cluster.record import ClusterRecord
from runs.node_states import states_before

# How many earlier runs are asked for a plan whose network was deployed.
EARLIER_RUNS = 50
SHOWN_STATES = ("ready", "failed")


@activity(PLAN_BACKUP)
def plan_backup(ref: RunRef) -> BackupPlan:
    """Stores the plan of the last run that deployed the network, with nothing to create or to
    remove. A repeat returns the stored plan.

    The states of the nodes go with it: the newest runs are asked for them, and a backup hears of
    none.

    Raises:
        Refused: DeploymentMissing, no earlier run deployed the cluster's network.
    """
    store = services().store
    plan = store.plan(ref)
    if plan is None:
        record, _ = store.need_record(ref.cluster)
        made = _plan_of(record, ref)
        states = states_before(store, record, ref, "")
        known = {name: state for name, state in states.items() if state in SHOWN_STATES}
        store.add_node_states(ref, known)
        # The plan comes last: a repeat that finds it does nothing more.
        plan = store.keep_plan(ref, made)
    return BackupPlan(keep_controller=plan.spec.controller.keep)


def _plan_of(record: ClusterRecord, ref: RunRef) -> Plan:
    """Returns the plan. Its generation is that of the deployments, which have it in their names."""
    oldest = max(0, ref.generation - 1 - EARLIER_RUNS)
    for generation in range(ref.generation - 1, oldest, -1):
        found = services().store.plan(RunRef(cluster=ref.cluster, generation=generation))
        if found is None or found.uid != record.uid:
            continue
        if network_outputs(services(), found.cluster, found.group, found.generation):
            nothing = {"missing": (), "deployments": (), "leaving": (), "returning": ()}
            return found.model_copy(update={"spec": services().store.spec(record), **nothing})
    text = f"no run of {ref.cluster} has a plan whose network was deployed"
    raise Refused("DeploymentMissing", text, place=ref.cluster)
