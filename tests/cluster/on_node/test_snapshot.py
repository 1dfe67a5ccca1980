"""The program that takes, checks and uploads a snapshot on an etcd member.

`etcdctl` is a script that answers as etcd's own does, or as the test says; storage is a loopback
server. The real ones are in `tests/lab/test_backups.py`.
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cluster.on_node import etcd_member, program

CONTENT = bytes(range(256)) * 4
SNAPSHOT = CONTENT + hashlib.sha256(CONTENT).digest()
SIGNATURE = "sig=very-secret"
# Writes each call down, then does what the file of the subcommand's name says.
ETCDCTL = """#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/calls"
case "$*" in
  *"endpoint health"*) [ ! -e "$here/unhealthy" ] || { cat "$here/unhealthy" >&2; exit 1; } ;;
  *"endpoint status"*) cat "$here/status" ;;
  *"snapshot save"*) for last; do :; done; cp "$here/content" "$last" ;;
  *"snapshot status"*)
    [ ! -e "$here/broken" ] || { echo broken >&2; exit 1; }
    cat "$here/checked" ;;
esac
"""


class Storage:
    """Takes one blob. `refuses`: the status and the code of a refusal."""

    def __init__(self) -> None:
        self.blob: bytes | None = None
        self.headers: dict[str, str] = {}
        self.refuses: tuple[int, str] | None = None
        self.paths: list[str] = []
        storage = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                storage.paths.append(self.path)
                status, code = storage.refuses or (201, "")
                if storage.refuses is None:
                    storage.blob, storage.headers = (
                        data,
                        {k.lower(): v for k, v in self.headers.items()},
                    )
                self.send_response(status)
                if code:
                    self.send_header("x-ms-error-code", code)
                self.send_header("Content-Length", "0")
                self.end_headers()

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
    def __init__(self, folder: Path) -> None:
        self.folder, self.snapshots = folder, folder / "snapshots"
        (folder / "etcdctl").write_text(ETCDCTL, encoding="utf-8")
        (folder / "etcdctl").chmod(0o755)
        status = {
            "Status": {"version": "3.6.14", "dbSize": len(SNAPSHOT), "header": {"revision": 41}}
        }
        checked = {"hash": 4242, "revision": 42, "totalKey": 17, "totalSize": len(SNAPSHOT)}
        self.write("status", json.dumps([status]))
        self.write("checked", json.dumps(checked))
        (folder / "content").write_bytes(SNAPSHOT)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def calls(self, words: str) -> int:
        path = self.folder / "calls"
        return path.read_text("utf-8").count(words) if path.exists() else 0

    def run(self, action: str, **request: Any) -> "subprocess.CompletedProcess[str]":
        places = {"directory": str(self.snapshots), "pki": "/pki", "etcdctl": self.etcdctl}
        sent = {"action": action, "id": "000002", "most": 1 << 30, **places, **request}
        return subprocess.run(
            [sys.executable, "-c", program("snapshot")],
            input=json.dumps(sent),
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"HTTP_PROXY": "http://127.0.0.1:9"},
        )

    @property
    def etcdctl(self) -> str:
        return str(self.folder / "etcdctl")

    def save(self) -> dict[str, Any]:
        done = self.run("save")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def member(tmp_path: Path) -> Member:
    return Member(tmp_path)


def test_a_snapshot_is_described_by_its_content_and_by_what_etcd_says(member: Member) -> None:
    found = member.save()
    assert found.pop("takenAt").endswith("Z")
    assert found == {
        "etcd": "3.6.14",
        "revision": 42,
        "keys": 17,
        "hash": 4242,
        "checkedBy": "etcdctl",
        "bytes": len(SNAPSHOT),
        "sha256": hashlib.sha256(SNAPSHOT).hexdigest(),
        "md5": hashlib.md5(SNAPSHOT, usedforsecurity=False).hexdigest(),
    }
    files = [member.snapshots, *member.snapshots.iterdir()]
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


def test_a_repeat_takes_no_second_snapshot(member: Member) -> None:
    first = member.save()
    (member.folder / "content").write_bytes(b"something else")
    assert member.save() == first
    assert member.calls("snapshot save") == 1


@pytest.mark.parametrize("left", ["", "{", "[]", "{}", '{"bytes": "5"}'])
def test_a_description_that_a_power_cut_left_is_made_again(member: Member, left: str) -> None:
    first = member.save()
    (member.snapshots / "000002.json").write_text(left)
    assert member.save()["sha256"] == first["sha256"]
    assert member.calls("snapshot save") == 2


@pytest.mark.parametrize("action", ["save", "remove"])
def test_a_link_in_place_of_the_directory_is_not_followed(
    member: Member, tmp_path: Path, action: str
) -> None:
    """etcd's user may write where the directory is."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").write_text("of somebody else")
    member.snapshots.symlink_to(victim)
    done = member.run(action)
    assert (done.returncode, "is not a directory of" in done.stderr) == (1, True)
    assert [path.name for path in victim.iterdir()] == ["file"]


def test_the_next_backup_removes_what_an_earlier_one_left(member: Member) -> None:
    member.save()
    assert member.run("save", id="000003").returncode == 0
    names = {path.name for path in member.snapshots.iterdir()}
    assert names == {"lock", "000003.db", "000003.json"}


def test_a_member_without_quorum_gives_no_snapshot(member: Member) -> None:
    member.write("unhealthy", "context deadline exceeded")
    done = member.run("save")
    assert (done.returncode, member.calls("snapshot save")) == (1, 0)
    assert "context deadline exceeded" in done.stderr


@pytest.mark.parametrize(
    "content", [SNAPSHOT[:-1], CONTENT, b"x" + SNAPSHOT[1:], SNAPSHOT[512:], b""]
)
def test_a_snapshot_that_is_not_whole_is_refused_and_taken_again(
    member: Member, content: bytes
) -> None:
    (member.folder / "content").write_bytes(content)
    done = member.run("save")
    assert done.returncode == 1
    assert "digest" in done.stderr
    (member.folder / "content").write_bytes(SNAPSHOT)
    assert member.save()["bytes"] == len(SNAPSHOT)


def test_a_snapshot_in_which_etcd_finds_faults_is_refused(member: Member) -> None:
    member.write("broken", "")
    done = member.run("save")
    assert (done.returncode, "broken" in done.stderr) == (1, True)


def test_a_snapshot_that_one_upload_cannot_have_is_refused(member: Member) -> None:
    done = member.run("save", most=len(SNAPSHOT) - 1)
    assert done.returncode == etcd_member.TOO_LARGE
    assert not (member.snapshots / "000002.db").exists()


def test_a_snapshot_that_would_fill_the_disk_is_not_taken(member: Member) -> None:
    member.write("status", json.dumps([{"Status": {"version": "3.6.14", "dbSize": 1 << 60}}]))
    done = member.run("save")
    assert (done.returncode, member.calls("snapshot save")) == (1, 0)
    assert "does not fit" in done.stderr


def test_the_tool_beside_etcdctl_checks_the_snapshot(member: Member) -> None:
    """From etcd 3.6 on, etcdctl cannot."""
    tool = member.folder / "etcdutl"
    tool.write_text('#!/bin/sh\necho \'{"hash": 1, "revision": 2, "totalKey": 3}\'\n', "utf-8")
    tool.chmod(0o755)
    found = member.save()
    assert (found["revision"], found["checkedBy"]) == (2, "etcdutl")
    assert member.calls("snapshot status") == 0


def test_without_a_tool_that_checks_the_digests_have_to_do(member: Member) -> None:
    """etcdctl of etcd 3.6 prints its help instead. The archive may lack etcdutl."""
    member.write("checked", "NAME:\n\tsnapshot - Manages etcd node snapshots\n")
    found = member.save()
    assert (found["checkedBy"], found["revision"], found["keys"]) == ("", 41, 0)


def test_a_second_execution_at_the_same_time_is_told_so(member: Member) -> None:
    member.save()
    with etcd_member.alone(member.snapshots):
        assert member.run("save").returncode == etcd_member.BUSY


def test_an_upload_has_the_digest_that_storage_compares(member: Member, storage: Storage) -> None:
    found = member.save()
    done = member.run("upload", url=storage.url)
    assert json.loads(done.stdout) == {"state": "uploaded"}
    assert storage.blob == SNAPSHOT
    assert base64.b64decode(storage.headers["content-md5"]).hex() == found["md5"]
    assert storage.headers["x-ms-blob-type"] == "BlockBlob"
    assert SIGNATURE in storage.paths[0]


@pytest.mark.parametrize(
    ("status", "code"), [(409, "BlobAlreadyExists"), (403, "UnauthorizedBlobOverwrite")]
)
def test_a_blob_that_exists_is_no_failure(
    member: Member, storage: Storage, status: int, code: str
) -> None:
    member.save()
    storage.refuses = (status, code)
    done = member.run("upload", url=storage.url)
    assert json.loads(done.stdout) == {"state": "exists"}


def test_a_refusal_is_told_without_the_address(member: Member, storage: Storage) -> None:
    member.save()
    storage.refuses = (403, "AuthenticationFailed")
    done = member.run("upload", url=storage.url)
    assert done.returncode == 1
    assert "403 AuthenticationFailed" in done.stderr
    assert "very-secret" not in done.stderr + done.stdout


def test_storage_that_does_not_answer_is_told_without_the_address(member: Member) -> None:
    member.save()
    done = member.run("upload", url=f"http://127.0.0.1:9/slipway/x?{SIGNATURE}")
    assert done.returncode == 1
    assert "could not be reached" in done.stderr
    assert "very-secret" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("direct", "through"),
    [("", True), ("127.0.0.1", False), (".0.0.1, other", False), ("7.0.0.1", True)],
)
def test_the_specs_proxy_is_used_unless_it_leaves_the_host_out(
    member: Member, storage: Storage, direct: str, through: bool
) -> None:
    member.save()
    proxy = "http://127.0.0.1:9"
    done = member.run("upload", url=storage.url, proxy=proxy, noProxy=direct)
    assert (done.returncode != 0) is through


def test_a_snapshot_that_is_gone_is_told_by_the_exit_code(member: Member, storage: Storage) -> None:
    assert member.run("upload", url=storage.url).returncode == etcd_member.MISSING


def test_nothing_is_left_after_the_end(member: Member) -> None:
    member.save()
    assert member.run("remove").returncode == 0
    assert member.run("remove").returncode == 0
    assert {path.name for path in member.snapshots.iterdir()} == {"lock"}
