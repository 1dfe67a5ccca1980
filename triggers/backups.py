"""Takes and lists backups of a cluster."""

from http import HTTPStatus

import azure.functions as func
from azure.durable_functions import SyncDurableFunctionsClient

from clients.services import services
from cluster import names
from cluster.access import AppRole
from cluster.api_backups import BackupList, BackupSummary
from cluster.backups import Backup
from cluster.record import ClusterRecord
from cluster.roles import ETCD
from cluster.spec import Backups
from runs.backup_claims import claim_backup
from triggers.access import current
from triggers.clusters import accepted, claim_context
from triggers.endpoint import endpoint
from triggers.problems import ProblemError
from triggers.requests import cluster_name, known_record, not_found, reply


@endpoint(needs=AppRole.OPERATOR)
def post_backup(req: func.HttpRequest, client: SyncDurableFunctionsClient) -> func.HttpResponse:
    """Starts a backup, or joins the one that runs."""
    name = cluster_name(req)
    _require_etcd(known_record(name))
    claim = claim_backup(claim_context(client), name, current().name)
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


def _require_etcd(record: ClusterRecord) -> None:
    """Raises ProblemError if the cluster is being removed, if nothing was built, or if the play of
    its spec ends before etcd."""
    if record.is_tombstone:
        raise not_found(record.name)
    if record.operation and record.operation.kind == "delete":
        text = "its last operation removes it; send its spec to keep it, or DELETE again"
        raise ProblemError(HTTPStatus.CONFLICT, f"cluster '{record.name}' is being removed", text)
    built = record.built is not None and any(slot.role == ETCD for slot in record.slots)
    if not built or "etcd" not in services().store.spec(record).stages:
        text = "no run has set up its etcd; send its spec, whose playbook.through must not end "
        text += "before etcd"
        raise ProblemError(HTTPStatus.CONFLICT, f"'{record.name}' has nothing to back up", text)
