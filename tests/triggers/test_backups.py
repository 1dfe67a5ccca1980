"""Requests about backups: what they start, list and refuse."""

from typing import Any

import pytest

from cluster import names
from cluster.backups import Backup
from cluster.record import ClaimedOperation
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
