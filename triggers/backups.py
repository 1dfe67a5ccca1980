"""Takes, lists and restores backups of a cluster."""

import json
import re
from http import HTTPStatus

import azure.functions as func
from azure.durable_functions import SyncDurableFunctionsClient

from clients.errors import Refused
from clients.services import services
from clients.stored_documents import UNREADABLE
from cluster import names
from cluster.access import AppRole
from cluster.api_backups import BackupList, BackupSummary
from cluster.backups import Backup
from cluster.record import ClusterRecord
from cluster.roles import ETCD
from cluster.spec import Backups
from planning.restorable import need_restorable
from runs.backup_claims import claim_backup, claim_restore
from triggers.access import current
from triggers.clusters import accepted, claim_context
from triggers.endpoint import endpoint
from triggers.problems import ProblemError
from triggers.requests import cluster_name, known_record, not_found, reply

BACKUP_ID = re.compile("[0-9]{1,12}")
SHOWN_CHARACTERS = 60


@endpoint(needs=AppRole.OPERATOR)
def post_backup(req: func.HttpRequest, client: SyncDurableFunctionsClient) -> func.HttpResponse:
    """Starts a backup, or joins the one that runs."""
    name = cluster_name(req)
    _require_etcd(known_record(name), "back up")
    claim = claim_backup(claim_context(client), name, current().name)
    if claim is None:
        raise not_found(name)
    return accepted(claim)


@endpoint(needs=AppRole.OPERATOR)
def post_restore(req: func.HttpRequest, client: SyncDurableFunctionsClient) -> func.HttpResponse:
    """Starts the restore of a backup, or joins it. Everything that was written since the backup is
    lost then."""
    name, backup = cluster_name(req), req.route_params.get("backup", "")
    record = known_record(name)
    _require_etcd(record, "restore into")
    _require_restorable(record, backup)
    claim = claim_restore(claim_context(client), name, current().name, backup)
    if claim is None:
        raise not_found(name)
    return accepted(claim)


@endpoint(needs=AppRole.READER)
def list_backups(req: func.HttpRequest) -> func.HttpResponse:
    """Returns the backups of the cluster, the newest first."""
    record, store = known_record(cluster_name(req)), services().store
    found = store.backups(record.name, record.uid)
    return reply(
        BackupList(
            name=record.name,
            keep=(store.spec(record).backups if record.spec else Backups()).keep,
            backups=tuple(_summary(record, backup) for backup in found),
        )
    )


def _summary(record: ClusterRecord, backup: Backup) -> BackupSummary:
    shown = backup.model_dump(include=set(BackupSummary.model_fields))
    return BackupSummary(**shown, blob=names.snapshot_blob(record.name, record.uid, backup.id))


def _require_restorable(record: ClusterRecord, backup: str) -> None:
    """Raises ProblemError if the backup does not exist, or cannot be restored into the cluster."""
    if not BACKUP_ID.fullmatch(backup):
        shown = json.dumps(backup[:SHOWN_CHARACTERS])[1:-1]
        text = f"cluster '{record.name}' has no backup '{shown}'"
        raise ProblemError(HTTPStatus.NOT_FOUND, text)
    try:
        need_restorable(services().store, record, backup)
    except Refused as refusal:
        if refusal.code == "BackupMissing":
            raise ProblemError(HTTPStatus.NOT_FOUND, refusal.message) from None
        if refusal.code != UNREADABLE and not refusal.code.startswith("Backup"):
            raise
        title = f"backup {backup} of '{record.name}' cannot be restored"
        raise ProblemError(HTTPStatus.CONFLICT, title, refusal.message, code=refusal.code) from None


def _require_etcd(record: ClusterRecord, what: str) -> None:
    """Raises ProblemError if the cluster is being removed, if nothing was built, or if the play of
    its spec ends before etcd."""
    if record.is_tombstone:
        raise not_found(record.name)
    if record.operation and record.operation.kind == "delete":
        text = "its last operation removes it; send its spec to keep it, or DELETE again"
        raise ProblemError(HTTPStatus.CONFLICT, f"cluster '{record.name}' is being removed", text)
    built = record.built is not None and any(slot.role == ETCD for slot in record.slots)
    if not built or "etcd" not in services().store.spec(record).stages:
        text = (
            "no operation has set up its etcd; send its spec, whose playbook.through must not end "
        )
        text += "before etcd"
        raise ProblemError(HTTPStatus.CONFLICT, f"'{record.name}' has nothing to {what}", text)
