"""Activity prune_backups: removes the backups beyond those that the spec keeps."""

from activities.controller_ssh import controller
from activities.registration import activity
from activities.take_backup import remove_snapshots
from clients.services import services
from cluster.backups import superfluous
from cluster.contracts import PRUNE_BACKUPS, PruneResult, RunRef

IDS_TOLD = 20


@activity(PRUNE_BACKUPS)
def prune_backups(ref: RunRef) -> PruneResult:
    """Keeps the newest backups that are whole, and removes the older ones.

    Snapshots of earlier runs that nothing describes are removed too: their runs failed. A backup
    that cannot be read, or whose snapshot is another one than described, counts as none of those to
    keep, and is removed when it is older than all of them and they are as many as the spec keeps.
    """
    plan, store = services().store.need_plan(ref), services().store
    record, _ = store.need_record(ref.cluster)
    found = store.backups(plan.cluster, plan.uid)
    whole = [backup for backup in found if backup.id.isdecimal() and store.is_whole(backup)]
    with controller(plan) as connection:
        notes = remove_snapshots(connection)
    keep = max(1, store.spec(record).backups.keep)
    surplus = {backup.id for backup in superfluous(whole, keep)}
    kept = [int(backup.id) for backup in whole if backup.id not in surplus]
    # While there are fewer, what counts as not whole here may still be good: another version wrote
    # it, or a copy of the account has no MD5.
    oldest = min(kept) if len(kept) >= keep else 0
    rest = {backup.id for backup in found} | store.snapshots(plan.cluster, plan.uid)
    gone = sorted(one for one in rest if one in surplus or (one.isdecimal() and int(one) < oldest))
    for backup in gone:
        store.remove_backup(plan.cluster, plan.uid, backup)
    return PruneResult(count=len(gone), removed=tuple(gone[:IDS_TOLD]), notes=notes)
