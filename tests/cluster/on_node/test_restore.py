"""The program that puts a snapshot in the place of a member's data.

etcd's tools and systemctl are scripts that write their calls down; storage is a loopback server.
The real ones are in `tests/lab/test_restores.py`.
"""

import getpass
import hashlib
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cluster.on_node import etcd_member, program, restore

SNAPSHOT = bytes(range(256)) * 64
SIGNATURE = "sig=very-secret"
TOOL = """#!/bin/sh
here=$(dirname "$0")
echo "$(basename "$0") $*" >> "$here/calls"
case "$*" in
  *--help*) cat "$here/usage" ;;
  version) echo "etcdctl version: $(cat "$here/version")" ;;
  *"snapshot restore"*)
    [ ! -e "$here/broken" ] || { echo "hash mismatch" >&2; exit 1; }
    mkdir -p "$5/member/wal"; cp "$3" "$5/member/db" ;;
  *"endpoint health"*) [ ! -e "$here/unhealthy" ] || { echo "no leader" >&2; exit 1; } ;;
  *"endpoint status"*) cat "$here/status" ;;
esac
"""
USAGE = "--bump-revision uint  --mark-compacted"


class Storage:
    """Has one blob. `cut`: after so many bytes, the next download breaks off."""

    def __init__(self) -> None:
        self.blob, self.cut, self.refuses = SNAPSHOT, 0, 0
        self.ranges: list[str] = []
        storage = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range", "")
                storage.ranges.append(asked)
                start = int(asked.removeprefix("bytes=").rstrip("-") or 0)
                data = storage.blob[start:]
                self.send_response(storage.refuses or (206 if asked else 200))
                if storage.refuses:
                    self.send_header("x-ms-error-code", "AuthenticationFailed")
                    data = b""
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: storage.cut] if storage.cut else data)
                storage.cut = 0

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/slipway/000002.db?{SIGNATURE}"


@pytest.fixture
def storage() -> Iterator[Storage]:
    made = Storage()
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    yield made
    made.server.shutdown()
    made.server.server_close()


class Member:
    """A machine whose etcd has data."""

    def __init__(self, folder: Path, storage: Storage) -> None:
        self.folder, self.data, self.own = folder, folder / "member-data", folder / "own"
        self.storage = storage
        for name in ("etcdctl", "etcdutl", "systemctl"):
            (folder / name).write_text(TOOL, "utf-8")
            (folder / name).chmod(0o755)
        self.write("usage", USAGE)
        self.write("version", "3.6.14")
        status = {"header": {"cluster_id": 7, "revision": 1000000042}}
        self.write("status", json.dumps([{"Status": status}]))
        (self.data / "member/wal").mkdir(parents=True)
        self.write("member-data/member/db", "old")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def calls(self, words: str) -> int:
        path = self.folder / "calls"
        return path.read_text("utf-8").count(words) if path.exists() else 0

    def run(self, action: str, number: int = 7, **request: Any) -> subprocess.CompletedProcess[str]:
        sent = {
            "action": action,
            "restore": number,
            "id": "000002",
            "url": self.storage.url,
            "bytes": len(SNAPSHOT),
            "sha256": hashlib.sha256(SNAPSHOT).hexdigest(),
            "version": "3.6.13",
            "name": "demo-etcd-0",
            "peer": "https://10.0.2.4:2380",
            "members": "demo-etcd-0=https://10.0.2.4:2380",
            "token": "demo-7",
            "bump": 1000,
            "owner": getpass.getuser(),
            "endpoint": "https://10.0.2.4:2379",
            "directory": str(self.own),
            "data": str(self.data),
            "pki": "/pki",
            "etcdctl": str(self.folder / "etcdctl"),
            "systemctl": str(self.folder / "systemctl"),
            **request,
        }
        return subprocess.run(
            [sys.executable, "-c", program("restore")],
            input=json.dumps(sent),
            capture_output=True,
            text=True,
            check=False,
        )

    def does(self, action: str, number: int = 7, **request: Any) -> dict[str, Any]:
        done = self.run(action, number, **request)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @property
    def holds(self) -> bytes:
        return (self.data / "member/db").read_bytes()


@pytest.fixture
def member(tmp_path: Path, storage: Storage) -> Member:
    return Member(tmp_path, storage)


def test_the_new_data_are_made_beside_the_old_ones_while_etcd_runs(member: Member) -> None:
    assert member.does("prepare") == {"tool": "etcdutl", "etcd": "3.6.14"}
    (made,) = [
        line
        for line in (member.folder / "calls").read_text("utf-8").splitlines()
        if "--data-dir" in line
    ]
    assert "--bump-revision 1000 --mark-compacted" in made
    assert "--initial-cluster-token demo-7" in made
    assert (member.holds, member.calls("systemctl")) == (b"old", 0)
    assert member.does("look") == {"restored": False}
    assert not (member.own / "000002.db").exists()
    assert member.own.stat().st_mode & 0o077 == 0


def test_a_repeat_fetches_and_makes_nothing_again(member: Member) -> None:
    first = member.does("prepare")
    assert member.does("prepare") == first
    assert (len(member.storage.ranges), member.calls("--data-dir")) == (1, 1)
    member.does("replace")
    assert member.does("prepare") == first
    assert (len(member.storage.ranges), member.calls("--data-dir")) == (1, 1)


def test_a_transfer_that_broke_off_goes_on_where_it_ended(member: Member) -> None:
    member.storage.cut = 1000
    assert member.run("prepare").returncode == 1
    member.does("prepare")
    assert member.storage.ranges == ["", "bytes=1000-"]


def test_another_snapshot_than_the_described_one_is_refused(member: Member) -> None:
    member.storage.blob = b"x" + SNAPSHOT[1:]
    done = member.run("prepare")
    assert (done.returncode, "SHA-256" in done.stderr) == (restore.DAMAGED, True)
    assert member.calls("--data-dir") == 0


def test_what_an_earlier_transfer_left_is_not_the_snapshots_fault(member: Member) -> None:
    member.own.mkdir(mode=0o700)
    (member.own / "000002.db").write_bytes(b"y" * 1000)
    assert member.run("prepare").returncode == 1
    member.does("prepare")


@pytest.mark.parametrize("version", ["3.5.16", "3.4.30"])
def test_the_tool_that_is_missing_is_named(member: Member, version: str) -> None:
    (member.folder / "etcdutl").unlink()
    member.write("usage", "NAME: snapshot - Manages etcd node snapshots")
    member.write("version", version)
    done = member.run("prepare")
    assert done.returncode == restore.NO_TOOL
    assert all(word in done.stderr for word in ("etcdutl", version, "--bump-revision"))
    assert not member.storage.ranges


def test_an_etcdctl_that_can_restore_will_do(member: Member) -> None:
    (member.folder / "etcdutl").unlink()
    assert member.does("prepare")["tool"] == "etcdctl"


def test_a_machine_without_etcd_says_so(member: Member) -> None:
    done = member.run("prepare", etcdctl=str(member.folder / "missing"))
    assert (done.returncode, "not installed" in done.stderr) == (restore.NO_TOOL, True)


@pytest.mark.parametrize(
    ("installed", "taken", "fits"),
    [
        ("3.6.14", "3.6.1", True),
        ("3.6.14", "3.5.16", True),
        ("3.6.14", "3.4.30", False),
        ("3.5.16", "3.6.0", False),
        ("4.0.0", "3.6.0", False),
        ("3.6.14", "", False),
        ("3.6.14", "3", False),
    ],
)
def test_the_etcd_of_the_machine_must_be_able_to_read_the_snapshot(
    member: Member, installed: str, taken: str, fits: bool
) -> None:
    member.write("version", installed)
    assert member.run("prepare", version=taken).returncode == (0 if fits else restore.UNFIT)


def test_a_tool_that_fails_leaves_everything_as_it_was(member: Member) -> None:
    member.write("broken", "")
    done = member.run("prepare")
    assert (done.returncode, "hash mismatch" in done.stderr) == (1, True)
    assert (member.holds, member.calls("systemctl")) == (b"old", 0)
    assert member.run("replace").returncode == etcd_member.MISSING
    assert member.holds == b"old"


def test_etcd_is_stopped_before_its_data_move_and_the_old_ones_are_kept(member: Member) -> None:
    member.does("prepare")
    assert member.does("replace") == {"aside": "member-data.before-restore-7"}
    assert member.calls("systemctl stop etcd") == 1
    assert member.holds == SNAPSHOT
    kept = member.folder / "member-data.before-restore-7/member/db"
    assert kept.read_bytes() == b"old"
    assert member.does("replace") == {"aside": "member-data.before-restore-7"}
    assert member.calls("systemctl stop etcd") == 1
    assert member.does("look") == {"restored": True}


def test_a_member_that_lost_its_data_has_none_to_keep(member: Member) -> None:
    shutil.rmtree(member.data)
    member.does("prepare")
    assert member.does("replace") == {"aside": ""}
    assert member.does("replace") == {"aside": ""}
    assert member.holds == SNAPSHOT


def test_a_kill_between_the_two_moves_goes_on(member: Member) -> None:
    member.does("prepare")
    member.data.rename(member.folder / "member-data.before-restore-7")
    assert member.does("replace") == {"aside": "member-data.before-restore-7"}
    assert member.holds == SNAPSHOT


def test_data_that_a_restarted_machine_made_meanwhile_do_not_hide_the_old_ones(
    member: Member,
) -> None:
    member.does("prepare")
    member.data.rename(member.folder / "member-data.before-restore-7")
    (member.data / "member").mkdir(parents=True)
    member.does("replace")
    assert member.holds == SNAPSHOT
    kept = member.folder / "member-data.before-restore-7/member/db"
    assert kept.read_bytes() == b"old"
    assert (member.folder / "member-data.before-restore-7-1").exists()


def test_etcd_starts_only_with_the_data_of_this_restore(member: Member) -> None:
    assert member.run("start").returncode == etcd_member.MISSING
    member.does("prepare")
    member.does("replace")
    assert member.run("start", 8).returncode == etcd_member.MISSING
    assert member.calls("systemctl start") == 0
    assert member.does("start") == {"cluster": "7", "revision": 1000000042}


def test_a_member_without_a_leader_is_not_healthy_yet(member: Member) -> None:
    member.does("prepare")
    member.does("replace")
    member.write("unhealthy", "")
    done = member.run("start")
    assert (done.returncode, "no leader" in done.stderr) == (1, True)


def test_an_undone_restore_leaves_the_old_data_and_starts_etcd(member: Member) -> None:
    member.does("prepare")
    member.data.rename(member.folder / "member-data.before-restore-7")
    assert member.does("undo") == {"restored": False}
    assert member.does("undo") == {"restored": False}
    assert member.holds == b"old"
    assert {path.name for path in member.own.iterdir()} == {"lock"}
    assert member.calls("systemctl start --no-block etcd") == 2


def test_a_member_without_data_is_not_started_by_an_undo(member: Member) -> None:
    shutil.rmtree(member.data)
    member.does("undo")
    assert member.calls("systemctl start") == 0


def test_data_of_the_restore_are_not_undone(member: Member) -> None:
    member.does("prepare")
    member.does("replace")
    assert member.does("undo") == {"restored": True}
    assert (member.holds, member.calls("systemctl start")) == (SNAPSHOT, 0)


def test_a_later_restore_replaces_the_data_of_an_earlier_one(member: Member) -> None:
    member.does("prepare")
    member.does("replace")
    member.does("prepare", 8, token="demo-8")
    assert member.does("replace", 8) == {"aside": "member-data.before-restore-8"}
    assert member.does("look", 8) == {"restored": True}
    assert member.does("look", 7) == {"restored": False}


def test_a_refusal_of_storage_is_told_without_the_address(member: Member) -> None:
    member.storage.refuses = 403
    done = member.run("prepare")
    assert "403 AuthenticationFailed" in done.stderr
    assert "very-secret" not in done.stderr + done.stdout


def test_a_snapshot_that_would_fill_the_disk_is_not_fetched(member: Member) -> None:
    done = member.run("prepare", bytes=1 << 60)
    assert (done.returncode, "does not fit" in done.stderr) == (1, True)
    assert not member.storage.ranges


def test_a_second_execution_at_the_same_time_is_told_so(member: Member) -> None:
    with etcd_member.alone(member.own):
        assert member.run("prepare").returncode == etcd_member.BUSY
