"""Whether a backup can be restored into its cluster, as far as the records and storage say."""

from clients.errors import Refused
from clients.store import Store
from cluster.backups import Backup
from cluster.record import ClusterRecord


def need_restorable(store: Store, record: ClusterRecord, backup: str) -> Backup:
    """Returns the description of the backup.

    Raises:
        Refused: BackupMissing, UnreadableDocument, BackupOfAnother, BackupDamaged (storage has
            another snapshot than the described one, or none), BackupUnfit.
    """
    found = store.backup(record.name, record.uid, backup)
    if found is None:
        text = f"cluster '{record.name}' has no backup '{backup}'"
        raise Refused("BackupMissing", text, place=backup)
    if (found.id, found.cluster, found.uid) != (backup, record.name, record.uid):
        text = f"its description is that of backup {found.id} of {found.cluster} ({found.uid})"
        raise Refused("BackupOfAnother", text, place=backup)
    if not store.is_whole(found):
        text = "storage has no snapshot of the described size and MD5"
        raise Refused("BackupDamaged", text, place=backup)
    if text := _misfit(found.kubernetes, record.built_kubernetes):
        raise Refused("BackupUnfit", text, place=backup)
    return found


def _misfit(taken: str, built: str) -> str:
    """Returns why an API server of the built minor cannot read the objects, or "".

    It can read those of its own minor and of the one before.
    """
    if taken == built:
        return ""
    if not taken:
        return f"the backup has no Kubernetes, and the cluster has {built}"
    if not built:
        return f"the backup is of Kubernetes {taken}, and the cluster has none"
    before, now = (_numbers(version) for version in (taken, built))
    if before and now and before[0] == now[0] and now[1] - before[1] == 1:
        return ""
    return f"the backup is of Kubernetes {taken}, and the cluster has {built}"


def _numbers(version: str) -> tuple[int, int] | None:
    major, _, minor = version.partition(".")
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else None
