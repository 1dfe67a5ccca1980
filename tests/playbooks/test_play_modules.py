"""The play's own modules, called by the real Ansible on this machine."""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.testing.serving import Files, serving

LIBRARY = Path(__file__).parents[2] / "playbooks/library"


def call(module: str, arguments: dict[str, Any], *flags: str) -> dict[str, Any]:
    argv = [str(Path(sys.executable).with_name("ansible")), "--inventory", "localhost,"]
    argv += ["--connection", "local", "--module-path", str(LIBRARY), "--module-name", module]
    argv += ["--extra-vars", f"ansible_python_interpreter={sys.executable}"]
    argv += ["all", *flags, "--args", json.dumps(arguments)]
    done = subprocess.run(argv, capture_output=True, check=False, text=True)
    _, found, answer = done.stdout.partition("=> ")
    assert found, done.stdout + done.stderr
    return {"failed": "FAILED!" in done.stdout, **json.loads(answer)}


class Server(Files):
    url: str

    def put(self, name: str, data: bytes) -> None:
        self.files[f"/{name}"] = ("application/octet-stream", data)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    with serving(made) as url:
        made.url = url
        yield made


def wanted(server: Server, name: str, data: bytes, **more: Any) -> dict[str, Any]:
    server.put(name, data)
    url = f"{server.url}/{name}"
    return {"url": url, "sha256": hashlib.sha256(data).hexdigest(), **more}


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.uid = len(data), 0o755, 4711
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def test_a_tree_is_made_once_and_repaired_where_it_differs(tmp_path: Path) -> None:
    user = {"owner": str(os.getuid()), "group": str(os.getgid())}
    tree = {
        "directories": [{"path": str(tmp_path / "a/b"), "mode": "0700", **user}],
        "files": [
            {"path": str(tmp_path / "a/b/f"), "content": "é\n", "mode": "0600", **user},
            {"path": str(tmp_path / "a/g"), "content": "", **user},
        ],
        "links": [{"path": str(tmp_path / "l"), "to": "a/g"}],
    }
    dry = call("slipway_tree", {"directories": tree["directories"]}, "--check")
    assert dry["changed"]
    assert not (tmp_path / "a").exists()

    first = call("slipway_tree", tree)
    assert len(first["paths"]) == 4
    assert (tmp_path / "a/b/f").read_bytes() == "é\n".encode()
    assert (tmp_path / "a/b/f").stat().st_mode & 0o7777 == 0o600
    assert (tmp_path / "l").readlink() == Path("a/g")
    assert not call("slipway_tree", tree)["changed"]

    (tmp_path / "a/b").chmod(0o755)
    (tmp_path / "a/g").write_text("by hand")
    again = call("slipway_tree", tree)
    assert again["paths"] == [str(tmp_path / "a/b"), str(tmp_path / "a/g")]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "f", "g", "l"]


def test_a_tree_does_not_put_a_file_where_a_directory_is(tmp_path: Path) -> None:
    answer = call("slipway_tree", {"files": [{"path": str(tmp_path), "content": "x"}]})
    assert answer["failed"]
    assert answer["msg"] == f"{tmp_path} exists and is a directory"


def test_files_are_fetched_once(tmp_path: Path, server: Server) -> None:
    program = wanted(server, "tool", b"#!tool", path=str(tmp_path / "tool"), mode="0755")
    packed = archive({"v1/bin/x": b"x", "v1/README": b"r"})
    unpacked = wanted(server, "x.tgz", packed, unpack=str(tmp_path / "x/1"), strip=1)
    first = call("slipway_artifacts", {"artifacts": [program, unpacked]})
    assert first["changed"], first
    assert sorted(server.asked) == ["/tool", "/x.tgz"]
    assert (tmp_path / "tool").stat().st_mode & 0o777 == 0o755
    member = tmp_path / "x/1/bin/x"
    assert (member.read_bytes(), member.stat().st_uid) == (b"x", os.getuid())

    assert not call("slipway_artifacts", {"artifacts": [program, unpacked]})["changed"]
    assert len(server.asked) == 2

    (tmp_path / "tool").write_bytes(b"altered")
    assert call("slipway_artifacts", {"artifacts": [program, unpacked]})["fetched"] == [
        program["url"]
    ]
    assert (tmp_path / "tool").read_bytes() == b"#!tool"


def test_what_is_altered_or_missing_is_named_and_not_put(tmp_path: Path, server: Server) -> None:
    altered = wanted(server, "altered", b"right", path=str(tmp_path / "altered"))
    server.put("altered", b"wrong")
    missing = wanted(server, "missing", b"", path=str(tmp_path / "missing"))
    del server.files["/missing"]
    answer = call("slipway_artifacts", {"artifacts": [altered, missing], "timeout": 5})
    assert answer["failed"]
    assert (
        f"{altered['url']} has the SHA-256 {hashlib.sha256(b'wrong').hexdigest()}" in answer["msg"]
    )
    assert f"{missing['url']} cannot be fetched: HTTP Error 404" in answer["msg"]
    assert list(tmp_path.iterdir()) == []


def test_an_archive_does_not_leave_its_directory(tmp_path: Path, server: Server) -> None:
    bad = wanted(server, "x.tgz", archive({"../../x": b"x"}), unpack=str(tmp_path / "in/x"))
    answer = call("slipway_artifacts", {"artifacts": [bad]})
    assert answer["failed"]
    assert "cannot be unpacked" in answer["msg"]
    assert not (tmp_path / "in/x").exists()
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("umask", [0o027, 0o077])
def test_directories_above_what_is_made_are_open_whatever_the_umask(
    tmp_path: Path, server: Server, umask: int
) -> None:
    """An archive need not list its directories."""
    packed = wanted(server, "x.tgz", archive({"v1/bin/x": b"x"}), unpack=str(tmp_path / "a/b/x"))
    single = wanted(server, "tool", b"t", path=str(tmp_path / "c/d/tool"), mode="0755")
    user = {"owner": str(os.getuid()), "group": str(os.getgid())}
    before = os.umask(umask)
    try:
        assert not call("slipway_artifacts", {"artifacts": [packed, single]})["failed"]
        tree = {"directories": [{"path": str(tmp_path / "e/f/g"), **user}]}
        assert not call("slipway_tree", tree)["failed"]
    finally:
        os.umask(before)
    made = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert len(made) == 10
    assert {oct(path.stat().st_mode & 0o777) for path in made} == {"0o755"}
