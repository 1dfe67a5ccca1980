"""Activities of a removal: wait for the previous run, delete the resources, delete the secrets."""

from collections.abc import Callable

from activities.cluster_secrets import ClusterSecrets
from activities.group_removal import GroupRemoval
from activities.registration import Registered, activity
from clients.services import services
from cluster import names
from cluster.contracts import AWAIT_PREVIOUS_RUN, DELETE_RESOURCES, DELETE_SECRETS, RunRef
from cluster.outcomes import Outcome, cut
from cluster.ownership import Owner


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
    """Deletes the cluster's resources, from every group that a plan of it ever named.

    A resource group that Slipway created for it is deleted as a whole. In a group that existed
    before, or that others use too, only resources with the cluster's own tags are deleted.
    """
    record, _ = services().store.need_record(ref.cluster)
    owner = Owner(record.name, record.uid, services().settings.installation)
    # Before anything was built, the planned names may be those of somebody else's resources.
    nodes = [slot.name for slot in record.slots] if record.built is not None else []
    removal = GroupRemoval(ref, owner, nodes)
    notes: list[str] = []
    for group in record.every_group:
        deleted = record.group_deleted and group.lower() == record.group.lower()
        step = removal.step(group, deleted=deleted)
        notes += step.notes
        if step.waits:
            wait = services().settings.poll_seconds
            return Outcome(state="wait", retry_after=wait, notes=tuple(notes))
    return Outcome(notes=tuple(notes))


@activity(DELETE_SECRETS)
def delete_secrets(ref: RunRef) -> Outcome:
    """Deletes the cluster's secrets and its backups, which are of no use without them. Vault and
    storage keep them recoverable for their retention times."""
    record, _ = services().store.need_record(ref.cluster)
    secrets = ClusterSecrets(record.name, record.uid)
    chunks = sorted({(slot.pool, names.host_key_chunk(slot.index)) for slot in record.slots})
    kept: list[str] = []
    for name in dict.fromkeys((*record.secrets, *secrets.secret_names(chunks))):
        if secrets.owns(name):
            services().vault.delete(name)
        else:
            kept.append(name)
    services().store.blobs.delete_prefix(names.public_keys_blob(record.name))
    services().store.blobs.delete_prefix(names.backups_folder(record.name, record.uid))
    if not kept:
        return Outcome()
    text = f"{len(kept)} secrets are kept, since they do not have the cluster's tags: "
    return Outcome(notes=(cut(text + ", ".join(kept), 300),))
