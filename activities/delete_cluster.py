"""Activities of a removal: the run before, the resources, the secrets."""

from collections.abc import Callable

from activities.cluster_secrets import ClusterSecrets
from activities.ensure_group import OWNER_TAG
from activities.registration import Registered, activity
from clients.azure.arm import Resource
from clients.services import services
from cluster import names
from cluster.contracts import AWAIT_PREVIOUS_RUN, DELETE_RESOURCES, DELETE_SECRETS, RunRef
from cluster.outcomes import Outcome, cut

# What uses others goes first; a type that is not named goes last.
ORDER = (
    "microsoft.compute/virtualmachines",
    "microsoft.network/networkinterfaces",
    "microsoft.compute/disks",
    "microsoft.compute/availabilitysets",
    "microsoft.network/loadbalancers",
    "microsoft.network/virtualnetworks",
    "microsoft.network/natgateways",
    "microsoft.network/publicipaddresses",
    "microsoft.network/networksecuritygroups",
)


def awaiting_runs(end_lost: Callable[[RunRef], None]) -> Registered:
    """The activity await_previous_run. `end_lost` writes the result of a run that the engine ended
    or lost without one: nobody else would."""

    @activity(AWAIT_PREVIOUS_RUN)
    def await_previous_run(removal: RunRef) -> Outcome:
        """A run writes its result when it has ended in order. Several may be without one where the
        record was restored to an older version while one ran."""
        store = services().store
        for ref in store.without_result(removal):
            end_lost(ref)
        if store.without_result(removal):
            return Outcome(state="wait", retry_after=services().settings.poll_seconds)
        return Outcome()

    return await_previous_run


# Without the durable engine nobody can say that a run is lost.
await_previous_run = awaiting_runs(lambda _: None)


@activity(DELETE_RESOURCES)
def delete_resources(ref: RunRef) -> Outcome:
    """Our own group goes whole; in a group that was found, or that somebody else uses too, only
    what carries the cluster's tag."""
    record, _ = services().store.need_record(ref.cluster)
    group = services().groups.get(record.group) if record.group else None
    if group is None:
        return Outcome()
    wait = Outcome(state="wait", retry_after=services().settings.poll_seconds)
    if group.provisioning_state == "Deleting":
        return wait
    owned = record.group_owned and group.tags.get(OWNER_TAG) == ref.cluster
    resources = services().resources
    foreign = resources.foreign(record.group, names.CLUSTER_TAG, ref.cluster) if owned else []
    if owned and not foreign:
        services().groups.begin_delete(record.group)
        return wait
    found = resources.list(record.group, names.CLUSTER_TAG, ref.cluster)
    if not found:
        return Outcome(notes=(_kept(record.group, foreign),) if foreign else ())
    layers = [resource.type.lower() for resource in found]
    first = next((kind for kind in ORDER if kind in layers), layers[0])
    for resource in found:
        if resource.type.lower() == first:
            resources.begin_delete(resource.id)
    return wait


def _kept(group: str, foreign: list[Resource]) -> str:
    shown = ", ".join(resource.name for resource in foreign[:5])
    text = f"resource group {group} is kept: it has {len(foreign)} resources of others: {shown}"
    return cut(text, 300)


@activity(DELETE_SECRETS)
def delete_secrets(ref: RunRef) -> Outcome:
    """Soft-deleted: the vault keeps them recoverable for its retention time."""
    record, _ = services().store.need_record(ref.cluster)
    chunks = sorted({(slot.pool, names.host_key_chunk(slot.index)) for slot in record.slots})
    for name in ClusterSecrets(record.name, record.uid).secret_names(chunks):
        services().vault.delete(name)
    services().store.blobs.delete_prefix(names.public_keys_blob(record.name))
    return Outcome()
