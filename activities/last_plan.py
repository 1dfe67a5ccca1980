"""The plan of an operation that deploys nothing: that of the last run that deployed the network."""

from clients.errors import Refused
from clients.services import services
from cluster.contracts import RunRef
from cluster.plan import Plan
from cluster.record import ClusterRecord, PlannedNode
from cluster.roles import CONTROL_PLANE
from cluster.slots import leaving_members
from planning.inspection import existing_machines
from planning.play_scope import begin_run
from runs.deployed_networks import deployed_networks
from runs.node_states import states_before

SHOWN_STATES = ("ready", "failed")
# What an earlier run created, removed or replaced.
NOTHING: dict[str, object] = {
    "missing": (),
    "deployments": (),
    "leaving": (),
    "returning": (),
    "turn": 0,
    "rebuilt": (),
    "outdated": (),
    "settled": (),
}


def keep_last_plan(record: ClusterRecord, ref: RunRef, *, full: bool = False) -> Plan:
    """Stores that plan as the run's, with nothing to create or to remove, and returns it.

    Args:
        full: a play of the run runs every stage on every machine. It upgrades no packages, because
            that would restart services on all machines at once, at a time that nobody chose.

    The states of the nodes go with it: the newest runs are asked for them, and such an operation
    hears of none. The plan comes last: a repeat that finds it does nothing more.

    Raises:
        Refused: DeploymentMissing, no earlier run deployed the cluster's network.
    """
    store = services().store
    made = _last_plan(record, ref).model_copy(update={"full": full, "package_upgrades": False})
    states = states_before(store, record, ref, "")
    known = {name: state for name, state in states.items() if state in SHOWN_STATES}
    store.add_node_states(ref, known)
    # What the stages were applied from stays known to the runs that follow.
    begin_run(made)
    return store.keep_plan(ref, made)


def _last_plan(record: ClusterRecord, ref: RunRef) -> Plan:
    """Returns the plan. `deployed` is the number of the run whose deployments it uses."""
    for plan, _ in deployed_networks(services(), record, ref.generation - 1):
        if plan is not None:
            own = {"generation": ref.generation, "deployed": plan.network_generation}
            slots = _slots(record, plan.group) or plan.slots
            spec = services().store.spec(record)
            return plan.model_copy(update={"spec": spec, "slots": slots, **own, **NOTHING})
    text = f"no operation of {ref.cluster} has a plan whose network was deployed"
    raise Refused("DeploymentMissing", text, place=ref.cluster)


def _slots(record: ClusterRecord, group: str) -> tuple[PlannedNode, ...]:
    """Returns the slots of machines that do not leave, and of control planes that a replacement
    marked and has not deleted: their API servers still run."""
    running: frozenset[str] = frozenset()
    if leaving_members(record):
        running = frozenset(existing_machines(group, record.name))
    return tuple(
        slot
        for slot in record.slots
        if not slot.leaving or (slot.role == CONTROL_PLANE and slot.name in running)
    )
