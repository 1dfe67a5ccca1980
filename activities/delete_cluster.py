"""Activities of a removal: wait for the previous run, delete the resources, delete the secrets."""

from collections.abc import Callable

from activities.cluster_secrets import ClusterSecrets
from activities.ensure_group import OWNER_TAG
from activities.registration import Registered, activity
from clients.azure.arm import Resource
from clients.services import services
from cluster import names
from cluster.contracts import AWAIT_PREVIOUS_RUN, DELETE_RESOURCES, DELETE_SECRETS, RunRef
from cluster.outcomes import Outcome, cut

# Azure resource types in the order of deletion. A type that uses others is deleted before them. A
# type that is not listed is deleted last.
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
    """Returns the activity await_previous_run.

    Args:
        end_lost: writes the result of a run that the engine ended or lost without a result. Nothing
            else writes it.
    """

    @activity(AWAIT_PREVIOUS_RUN)
    def await_previous_run(removal: RunRef) -> Outcome:
        """Waits until every earlier run has a result.

        A run writes its result when it ends in order. Several runs may lack a result if an older
        version of the record was restored during a run.
        """
        store = services().store
        for ref in store.without_result(removal):
            end_lost(ref)
        if store.without_result(removal):
            return Outcome(state="wait", retry_after=services().settings.poll_seconds)
        return Outcome()

    return await_previous_run


# Without the durable engine it is unknown whether a run is lost.
await_previous_run = awaiting_runs(lambda _: None)


@activity(DELETE_RESOURCES)
def delete_resources(ref: RunRef) -> Outcome:
    """Deletes the cluster's resources.

    A resource group that Slipway created is deleted as a whole. In a group that existed before, or
    that others use too, only resources with the cluster's tag are deleted.
    """
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
    """Deletes the cluster's secrets. The vault keeps them recoverable for its retention time."""
    record, _ = services().store.need_record(ref.cluster)
    chunks = sorted({(slot.pool, names.host_key_chunk(slot.index)) for slot in record.slots})
    for name in ClusterSecrets(record.name, record.uid).secret_names(chunks):
        services().vault.delete(name)
    services().store.blobs.delete_prefix(names.public_keys_blob(record.name))
    return Outcome()
