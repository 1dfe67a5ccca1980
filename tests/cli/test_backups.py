"""The commands backup, backups and restore."""

import json

import pytest

from cli.__main__ import main
from tests.cli.conversation import CLUSTER, EVENTS, OPERATION, Conversation, Said, cluster

type Output = pytest.CaptureFixture[str]
BACKUPS = f"{CLUSTER}/backups"
ACCEPTED = {"name": "shop", "operation": OPERATION, "location": OPERATION, "joined": False}
ONE = {
    "id": "000012",
    "takenAt": "2026-11-30T12:00:00Z",
    "member": "shop-etcd-0",
    "kubernetes": "1.36",
    "etcd": "3.6.14",
    "revision": 48211,
    "keys": 5120,
    "bytes": 20971552,
    "sha256": "ab" * 32,
    "blob": "backups/shop/1f0c2ab4/000012.db",
    "encrypted": "a field of a newer version",
}


def test_backup_follows_the_operation_to_its_end(talk: Conversation, capsys: Output) -> None:
    talk.says("POST", BACKUPS, Said(202, ACCEPTED))
    talk.says("GET", OPERATION, Said(200, {"status": "succeeded"}))
    talk.says("GET", EVENTS, Said(200, {"generation": 1, "events": [], "next": 0}))
    talk.says("GET", CLUSTER, cluster("ready"))
    assert main(["backup", "shop"]) == 0
    assert "shop is ready" in capsys.readouterr().out


def test_backup_says_that_it_joined_one(talk: Conversation, capsys: Output) -> None:
    talk.says("POST", BACKUPS, Said(202, ACCEPTED | {"joined": True}))
    assert main(["backup", "shop", "--no-wait"]) == 0
    assert "joined it" in capsys.readouterr().err


def test_a_busy_cluster_is_not_backed_up(talk: Conversation, capsys: Output) -> None:
    talk.says("POST", BACKUPS, Said(409, {"title": "another operation is running"}))
    assert main(["backup", "shop"]) != 0
    assert "another operation is running" in capsys.readouterr().err


def test_backups_are_a_table_or_the_documents_as_the_api_sent_them(
    talk: Conversation, capsys: Output
) -> None:
    document = {"name": "shop", "keep": 14, "backups": [ONE]}
    talk.says("GET", BACKUPS, Said(200, document))
    assert main(["backups", "shop"]) == 0
    out = capsys.readouterr().out
    assert all(text in out for text in ("000012", "2026-11-30 12:00:00", "48211", "20.0 MiB"))
    assert "ababab" not in out
    assert main(["backups", "shop", "-o", "wide"]) == 0
    assert "ab" * 32 in capsys.readouterr().out
    assert main(["backups", "shop", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == document


def test_without_backups_the_command_that_takes_one_is_named(
    talk: Conversation, capsys: Output
) -> None:
    talk.says("GET", BACKUPS, Said(200, {"name": "shop", "keep": 14, "backups": []}))
    assert main(["backups", "shop"]) == 0
    assert "slipway backup shop" in capsys.readouterr().out


RESTORE = f"{BACKUPS}/000012/restore"


def test_restore_follows_the_operation_to_its_end(talk: Conversation, capsys: Output) -> None:
    talk.says("POST", RESTORE, Said(202, ACCEPTED))
    talk.says("GET", OPERATION, Said(200, {"status": "succeeded"}))
    talk.says("GET", EVENTS, Said(200, {"generation": 1, "events": [], "next": 0}))
    talk.says("GET", CLUSTER, cluster("ready"))
    assert main(["restore", "shop", "--backup", "000012", "--yes"]) == 0
    assert "shop is ready" in capsys.readouterr().out


def test_restore_says_that_it_joined_one(talk: Conversation, capsys: Output) -> None:
    talk.says("POST", RESTORE, Said(202, ACCEPTED | {"joined": True}))
    assert main(["restore", "shop", "--backup", "000012", "--yes", "--no-wait"]) == 0
    assert "joined it" in capsys.readouterr().err


def test_restore_asks_before_it_sends_anything(talk: Conversation, capsys: Output) -> None:
    assert main(["restore", "shop", "--backup", "000012"]) != 0
    assert "--yes" in capsys.readouterr().err


def test_restore_needs_the_backup_by_its_id(capsys: Output) -> None:
    with pytest.raises(SystemExit):
        main(["restore", "shop", "--yes"])
    assert "--backup" in capsys.readouterr().err


def test_a_backup_that_is_refused_is_told(talk: Conversation, capsys: Output) -> None:
    talk.says("POST", RESTORE, Said(409, {"title": "backup 000012 of 'shop' cannot be restored"}))
    assert main(["restore", "shop", "--backup", "000012", "--yes"]) != 0
    assert "cannot be restored" in capsys.readouterr().err
