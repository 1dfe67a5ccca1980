"""A backup of a cluster: what describes it, and which ones are kept."""

from collections.abc import Iterable

from cluster.model import KeptContract


class Backup(KeptContract):
    """Describes a snapshot of etcd that was checked and uploaded. It lies beside the snapshot.

    Attributes:
        id: the number of the run that took it.
        taken_at: when the snapshot was taken, in UTC, by the member's clock.
        member: the etcd member that it was taken from.
        kubernetes: the minor of the cluster's Kubernetes.
        etcd: the version of the member.
        revision, keys: etcd's revision, and the number of keys with all their kept revisions.
        hash: the hash of the keys, as `etcdutl snapshot status` prints it.
        checked_by: the tool of etcd that read every page of it. "": the machine has none, so its
            digests were checked only; `keys` and `hash` are 0 then.
        bytes, sha256, md5: of the snapshot's file. The service compared the last with what it got.
    """

    id: str
    cluster: str = ""
    uid: str = ""
    taken_at: str = ""
    member: str = ""
    kubernetes: str = ""
    etcd: str = ""
    revision: int = 0
    keys: int = 0
    hash: int = 0
    checked_by: str = ""
    bytes: int = 0
    sha256: str = ""
    md5: str = ""


def newest_first(backups: Iterable[Backup]) -> list[Backup]:
    """Returns the backups in the order of their ids, which grow with each run."""
    return sorted(backups, key=lambda backup: backup.id.zfill(12), reverse=True)


def superfluous(backups: Iterable[Backup], keep: int) -> list[Backup]:
    """Returns the backups beyond the `keep` newest ones. The newest is never one of them."""
    return newest_first(backups)[max(1, keep) :]
