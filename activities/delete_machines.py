"""Activity delete_machines: deletes the machines of nodes that a run has emptied."""

from collections.abc import Iterable

from activities.deletion_requests import DeletionRequests
from activities.registration import activity
from clients.azure.arm import Resource
from clients.errors import Refused
from clients.services import services
from cluster.contracts import DELETE_MACHINES, RunRef
from cluster.outcomes import Outcome
from cluster.ownership import described
from cluster.plan import Plan
from cluster.planned_resources import PlannedResource, availability_set, machine_resources
from cluster.roles import ETCD
from planning.ownership import owner_of


@activity(DELETE_MACHINES)
def delete_machines(ref: RunRef) -> Outcome:
    """Requests what can be deleted next: VMs, then what is left of network interfaces and disks,
    and the availability set of a pool that is left out.

    Azure deletes a worker's interface and disk with its VM. A resource that was seen with the
    owner's tags is deleted by its id, also if it has lost them with its VM.

    Raises:
        Refused: ResourceOwnedByAnother, something else has the name of such a resource.
    """
    store = services().store
    plan, emptied = store.need_plan(ref), store.emptied_nodes(ref)
    wanted = {one.key for one in _resources(plan, emptied)}
    if not wanted:
        return Outcome()
    found = [one for one in services().resources.list(plan.group) if _key(one) in wanted]
    requests = DeletionRequests(ref)
    ours = _owned(plan, requests, found)
    if not ours:
        return Outcome()
    step = requests.delete_layer(plan.group, ours)
    wait = services().settings.poll_seconds
    return Outcome(state="wait", retry_after=wait, notes=step.notes)


def _resources(plan: Plan, emptied: set[str]) -> Iterable[PlannedResource]:
    for slot in plan.leaving:
        if slot.name in emptied:
            yield from machine_resources(slot.name, data_disk=slot.role == ETCD)
    for pool in plan.pools_left_out:
        if all(slot.name in emptied for slot in plan.leaving if slot.pool == pool):
            yield availability_set(plan.cluster, pool)


def _key(resource: Resource) -> tuple[str, str]:
    return resource.type.lower(), resource.name.lower()


def _owned(plan: Plan, requests: DeletionRequests, found: list[Resource]) -> list[Resource]:
    """Returns the resources that are the cluster's by their tags, or were when they were seen
    first."""
    owner, known = owner_of(plan), set(requests.progress.owned)
    foreign = [one for one in found if one.id not in known and not owner.owns(one.tags)]
    if foreign:
        first = foreign[0]
        text = f"{first.type} '{first.name}' in {plan.group} has the name of a part of a node that "
        text += f"is removed, and belongs to {described(first.tags)}; it was not deleted"
        raise Refused("ResourceOwnedByAnother", text, place=first.name)
    ids = tuple(sorted({one.id for one in found} | known))
    if set(ids) != known:
        requests.keep(owned=ids)
    return found
