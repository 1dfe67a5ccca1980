"""Requests about backups: what they start, list and refuse."""

import hashlib
from typing import Any

import pytest

from cluster import names
from cluster.backups import Backup
from cluster.record import Access, ClaimedOperation
from tests.triggers.sample_answers import SPEC, Installation, ask, installation
from tests.triggers.test_node_removal import filled
from triggers import backups, clusters, operation_list

REMOVAL = ClaimedOperation(
    generation=1,
    kind="delete",
    instance_id="demo-000001",
    started_at="2026-11-29T12:00:00+00:00",
    finished=True,
)


def keep(app: Installation, uid: str, number: int, **fields: Any) -> None:
    described = {"id": f"{number:06d}", "cluster": "demo", "uid": uid, "bytes": 5, **fields}
    app.store.keep_backup(Backup(**described))


def test_a_backup_is_an_operation_that_a_second_request_joins() -> None:
    with installation() as app:
        before = filled(app)
        first = ask(backups.post_backup, app.client)
        again = ask(backups.post_backup, app.client)
        assert (first["status"], first["body"]["joined"]) == (202, False)
        assert again["body"] == first["body"] | {"joined": True}
        assert first["body"]["operation"].endswith(f"/operations/{before.generation + 1}")
        detail = ask(clusters.get_cluster, app.client)["body"]
        assert detail["kind"] == "backup"
        listed = ask(operation_list.list_operations, app.client)["body"]["operations"]
        assert listed[0]["kind"] == "backup"


def test_backups_are_listed_newest_first_and_one_that_cannot_be_read_is_left_out() -> None:
    with installation() as app:
        uid = filled(app).uid
        keep(app, uid, 2, revision=7, taken_at="2026-11-30T12:00:00Z")
        keep(app, uid, 9)
        app.store.blobs.write(names.backup_blob("demo", uid, "000005"), b"[")
        keep(app, "another0", 3)
        answer = ask(backups.list_backups)
        assert answer["status"] == 200
        found = answer["body"]["backups"]
        assert [one["id"] for one in found] == ["000009", "000002"]
        assert (found[1]["revision"], found[1]["takenAt"]) == (7, "2026-11-30T12:00:00Z")
        assert found[1]["blob"] == f"backups/demo/{uid}/000002.db"
        assert answer["body"]["keep"] == 14


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"built": None}, 409),
        ({"slots": ()}, 409),
        ({"spec": SPEC | {"playbook": {"through": "runtime"}}}, 409),
        ({"state": "failed", "operation": REMOVAL}, 409),
        ({"state": "deleted"}, 404),
    ],
)
def test_what_has_no_etcd_is_not_backed_up(changes: dict[str, Any], status: int) -> None:
    with installation() as app:
        before = filled(app, **changes)
        assert ask(backups.post_backup, app.client)["status"] == status
        assert app.store.need_record("demo")[0].generation == before.generation


def test_the_backups_of_a_record_without_a_spec_are_listed() -> None:
    with installation() as app:
        uid = filled(app, spec={}).uid
        keep(app, uid, 2)
        answer = ask(backups.list_backups)
        assert (answer["status"], answer["body"]["keep"]) == (200, 14)
        assert [one["id"] for one in answer["body"]["backups"]] == ["000002"]


def restore(app: Installation, backup: str) -> dict[str, Any]:
    return ask(backups.post_restore, app.client, backup=backup)


def keep_whole(app: Installation, uid: str, number: int, **fields: Any) -> None:
    """Keeps a backup with its snapshot."""
    digest = hashlib.md5(b"12345", usedforsecurity=False).hexdigest()
    keep(app, uid, number, md5=digest, **fields)
    app.store.blobs.write(names.snapshot_blob("demo", uid, f"{number:06d}"), b"12345")


def test_a_restore_is_an_operation_that_the_same_request_joins() -> None:
    with installation() as app:
        before = filled(app)
        keep_whole(app, before.uid, 2, kubernetes=before.built_kubernetes)
        keep_whole(app, before.uid, 1, kubernetes=before.built_kubernetes)
        first, again = restore(app, "000002"), restore(app, "000002")
        assert (first["status"], first["body"]["joined"]) == (202, False)
        assert again["body"] == first["body"] | {"joined": True}
        other = restore(app, "000001")
        assert (other["status"], other["body"]["title"]) == (409, "another operation is running")
        assert ask(clusters.get_cluster, app.client)["body"]["kind"] == "restore"
        listed = ask(operation_list.list_operations, app.client)["body"]["operations"]
        assert listed[0]["kind"] == "restore"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"md5": "0" * 32}, "BackupDamaged"),
        ({"bytes": 4}, "BackupDamaged"),
        ({"uid": "another0"}, "BackupOfAnother"),
        ({"id": "000003"}, "BackupOfAnother"),
        ({"kubernetes": "1.34"}, "BackupUnfit"),
        ({"kubernetes": "1.37"}, "BackupUnfit"),
        ({"kubernetes": "2.36"}, "BackupUnfit"),
        ({"kubernetes": ""}, "BackupUnfit"),
        ({"kubernetes": "1.35"}, ""),
        ({"kubernetes": "1.36"}, ""),
    ],
)
def test_a_backup_that_cannot_be_restored_is_refused_before_anything_is_claimed(
    fields: dict[str, Any], code: str
) -> None:
    with installation() as app:
        before = filled(app, access=Access(kubeconfig="demo-kubeconfig"))
        assert before.built_kubernetes == "1.36"
        digest = hashlib.md5(b"12345", usedforsecurity=False).hexdigest()
        described = {"id": "000002", "cluster": "demo", "uid": before.uid, "kubernetes": "1.36"}
        described |= {"bytes": 5, "md5": digest}
        document = Backup.model_validate(described | fields).model_dump_json().encode()
        app.store.blobs.write(names.backup_blob("demo", before.uid, "000002"), document)
        app.store.blobs.write(names.snapshot_blob("demo", before.uid, "000002"), b"12345")
        answer = restore(app, "000002")
        assert answer["status"] == (409 if code else 202)
        assert answer["body"].get("code", "") == code
        claimed = app.store.need_record("demo")[0].generation != before.generation
        assert claimed is not bool(code)


@pytest.mark.parametrize("backup", ["000009", "x", "../000002", "0000000000002", ""])
def test_a_backup_that_the_cluster_does_not_have_is_not_found(backup: str) -> None:
    with installation() as app:
        before = filled(app)
        keep_whole(app, "another0", 9)
        assert restore(app, backup)["status"] == 404
        assert app.store.need_record("demo")[0].generation == before.generation


def test_a_backup_that_this_version_cannot_read_is_not_restored() -> None:
    with installation() as app:
        before = filled(app)
        app.store.blobs.write(names.backup_blob("demo", before.uid, "000002"), b"[")
        answer = restore(app, "000002")
        assert (answer["status"], answer["body"]["code"]) == (409, "UnreadableDocument")


def test_a_cluster_that_is_being_removed_is_not_restored() -> None:
    with installation() as app:
        before = filled(app, state="failed", operation=REMOVAL)
        keep_whole(app, before.uid, 2)
        assert restore(app, "000002")["status"] == 409
