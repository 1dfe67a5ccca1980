"""Activity take_backup: a snapshot of etcd, from a member straight into blob storage.

The program `cluster/on_node/snapshot.py` takes, checks and uploads it on the member, which gets an
address for this one blob on standard input. The app compares what storage has with what the member
sent, and writes the description last.
"""

import json
from typing import Any

from activities.controller_ssh import Controller, controller
from activities.node_programs import (
    ETCD_PLACES,
    TEXT_CHARACTERS,
    Request,
    etcd_members,
    run_program,
    text_of,
)
from activities.registration import activity
from clients.azure.blobs import StoredContent
from clients.errors import Refused, Transient
from clients.services import services
from clients.ssh.controller import Completed
from cluster import names
from cluster.backups import Backup
from cluster.contracts import TAKE_BACKUP, BackupResult, RunRef
from cluster.on_node.etcd_member import BUSY, TOO_LARGE
from cluster.outcomes import cut
from cluster.record import PlannedNode

# The largest blob that one request may put (Azure Storage, "Put Blob").
MOST_BYTES = 5000 * 1024 * 1024
# Seconds. How long the address is valid; storage looks at it when an upload begins.
ADDRESS_SECONDS = 900.0
SAVE_SECONDS, UPLOAD_SECONDS, REMOVE_SECONDS = 170.0, 200.0, 20.0
# Where the program finds etcd, and where it keeps a snapshot: on etcd's own disk.
PLACES = ETCD_PLACES | {"directory": "/var/lib/etcd/slipway-backups"}


@activity(TAKE_BACKUP)
def take_backup(ref: RunRef) -> BackupResult:
    """Takes the run's backup. A repeat continues: it finds the snapshot on the member, the blob in
    storage, or the whole backup.

    Raises:
        Transient: no etcd member is healthy, or the snapshot could not be uploaded.
        Refused: BackupTooLarge.
    """
    plan, store = services().store.need_plan(ref), services().store
    backup = store.backup(plan.cluster, plan.uid, names.backup_id(ref.generation))
    if backup is None:
        record, _ = store.need_record(ref.cluster)
        with controller(plan) as connection:
            backup = _take(connection, names.backup_id(ref.generation), record.built_kubernetes)
        store.keep_backup(backup)
    return BackupResult(
        id=backup.id,
        member=backup.member,
        bytes=backup.bytes,
        revision=backup.revision,
        keys=backup.keys,
    )


def remove_snapshots(connection: Controller) -> tuple[str, ...]:
    """Deletes what is left of snapshots on the members. Returns a note for each member that could
    not be asked."""
    notes: list[str] = []
    for slot in etcd_members(connection.plan):
        try:
            _run(connection, slot, {"action": "remove"}, REMOVE_SECONDS)
        except (Transient, Refused) as error:
            notes.append(cut(f"a snapshot may be left on {slot.name}: {error}", TEXT_CHARACTERS))
    return tuple(notes)


def _take(connection: Controller, backup: str, kubernetes: str) -> Backup:
    slot, saved = _save(connection, backup)
    plan = connection.plan
    described = Backup(
        id=backup,
        cluster=plan.cluster,
        uid=plan.uid,
        taken_at=saved["takenAt"],
        member=slot.name,
        kubernetes=kubernetes,
        etcd=saved["etcd"],
        revision=saved["revision"],
        keys=saved["keys"],
        hash=saved["hash"],
        checked_by=saved["checkedBy"],
        bytes=saved["bytes"],
        sha256=saved["sha256"],
        md5=saved["md5"],
    )
    _upload(connection, slot, described)
    return described


def _save(connection: Controller, backup: str) -> tuple[PlannedNode, dict[str, Any]]:
    """Returns the first healthy member and what it says of its snapshot."""
    faults: list[str] = []
    for slot in etcd_members(connection.plan):
        request = {
            "action": "save",
            "id": backup,
            "endpoint": f"https://{slot.address}:2379",
            "most": MOST_BYTES,
        }
        try:
            done = _run(connection, slot, request, SAVE_SECONDS)
        except (Transient, Refused) as error:
            faults.append(f"{slot.name}: {error}")
            continue
        if done.exit == 0:
            return slot, json.loads(done.stdout)
        text = f"{slot.name}: {text_of(done)}"
        if done.exit == TOO_LARGE:
            raise Refused("BackupTooLarge", text, place=slot.name)
        if done.exit == BUSY:
            raise Transient(text)
        faults.append(text)
    raise Transient(cut(f"no snapshot of etcd: {'; '.join(faults)}", TEXT_CHARACTERS))


def _upload(connection: Controller, slot: PlannedNode, backup: Backup) -> None:
    """Lets the member upload its snapshot, unless storage has it.

    Raises:
        Transient: storage does not have it afterwards.
    """
    blobs, name = services().store.blobs, names.snapshot_blob(backup.cluster, backup.uid, backup.id)
    wanted = StoredContent(backup.bytes, backup.md5)
    there = blobs.stored_content(name)
    if there == wanted:
        return
    if there is not None:
        # An earlier execution uploaded another member's snapshot, which nothing describes.
        blobs.delete(name)
    proxy = connection.plan.spec.proxy
    request = {
        "action": "upload",
        "id": backup.id,
        "url": blobs.upload_url(name, ADDRESS_SECONDS),
        "proxy": (proxy.for_https or "") if proxy else "",
        "noProxy": ",".join(proxy.no_proxy) if proxy else "",
    }
    done = _run(connection, slot, request, UPLOAD_SECONDS)
    if done.exit != 0:
        raise Transient(cut(f"{slot.name}: {text_of(done)}", TEXT_CHARACTERS))
    if blobs.stored_content(name) != wanted:
        raise Transient(f"{slot.name}: storage has other bytes than the snapshot; it is sent again")


def _run(connection: Controller, slot: PlannedNode, request: Request, seconds: float) -> Completed:
    return run_program(connection, slot, "snapshot", PLACES | request, seconds)
