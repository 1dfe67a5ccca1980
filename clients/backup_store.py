"""Reads, writes and removes the backups of clusters."""

import logging

from clients.azure.blobs import Conflict, StoredContent
from clients.errors import Refused
from clients.record_store import RecordStore, to_json
from clients.stored_documents import read_document
from cluster import names
from cluster.backups import Backup, newest_first

log = logging.getLogger("slipway.store")


class BackupStore(RecordStore):
    """The backups: for each, a snapshot and, written after it, a document that describes it."""

    def backup(self, cluster: str, uid: str, backup: str) -> Backup | None:
        """Returns what describes a backup, or None if there is no such backup.

        Raises:
            Refused: UnreadableDocument.
        """
        name = names.backup_blob(cluster, uid, backup)
        found = self.blobs.read(name)
        return read_document(Backup, found[0], name) if found else None

    def keep_backup(self, backup: Backup) -> None:
        """Writes what describes a backup. The first description is kept."""
        name = names.backup_blob(backup.cluster, backup.uid, backup.id)
        try:
            self.blobs.write(name, to_json(backup), if_none_match=True)
        except Conflict:
            log.info("%s exists already", name)

    def backups(self, cluster: str, uid: str) -> list[Backup]:
        """Returns the cluster's backups, the newest first. One whose description this version
        cannot read is left out, and the log names it."""
        found: list[Backup] = []
        for backup in self._ids(cluster, uid, ".json"):
            try:
                described = self.backup(cluster, uid, backup)
            except Refused as refusal:
                log.warning("%s", refusal.message)
                continue
            if described is not None:
                found.append(described.model_copy(update={"id": backup}))
        return newest_first(found)

    def is_whole(self, backup: Backup) -> bool:
        """Returns whether storage has the snapshot as it is described."""
        name = names.snapshot_blob(backup.cluster, backup.uid, backup.id)
        return self.blobs.stored_content(name) == StoredContent(backup.bytes, backup.md5)

    def snapshots(self, cluster: str, uid: str) -> set[str]:
        """Returns the ids of all snapshots, with and without a description."""
        return set(self._ids(cluster, uid, ".db"))

    def newest_backup(self, cluster: str, uid: str) -> int:
        """Returns the highest number of a backup of which anything is stored, or 0."""
        folder = names.backups_folder(cluster, uid)
        listed = (name.removeprefix(folder).partition(".")[0] for name in self.blobs.list(folder))
        return max((int(name) for name in listed if name.isdecimal()), default=0)

    def remove_backup(self, cluster: str, uid: str, backup: str) -> None:
        """Deletes a backup: the description first, so that what is left is no backup."""
        self.blobs.delete(names.backup_blob(cluster, uid, backup))
        self.blobs.delete(names.snapshot_blob(cluster, uid, backup))

    def _ids(self, cluster: str, uid: str, ending: str) -> list[str]:
        folder = names.backups_folder(cluster, uid)
        listed = (name.removeprefix(folder) for name in self.blobs.list(folder))
        return [name.removesuffix(ending) for name in listed if name.endswith(ending)]
