"""Archives that strangers made: their names are read, or they count as empty; none is a crash."""

import hashlib
import io
import json
import lzma
import tarfile
from pathlib import Path
from typing import Any

import pytest

from cli.archives import files_in, image_names
from tests.cli.mirrors import archive

NAME = "registry.k8s.io/pause:3.10.2"


def tar_of(**kinds: bytes) -> bytes:
    """Members without content, each of the given kind. Links lead to themselves."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, kind in kinds.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, name
            tar.addfile(member)
    return buffer.getvalue()


def saved(*images: Any) -> bytes:
    return archive(**{"manifest.json": json.dumps(images).encode()})


def oci(annotations: Any) -> bytes:
    index = {"manifests": [{"annotations": annotations}]}
    return archive(**{"index.json": json.dumps(index).encode()})


def damaged(data: bytes) -> bytes:
    """Bytes in the middle are others."""
    middle = len(data) // 2
    return (
        data[:middle]
        + bytes(byte ^ 0xFF for byte in data[middle : middle + 8])
        + data[middle + 8 :]
    )


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (saved({"RepoTags": [NAME, "other:1"]}, {"RepoTags": None}), {NAME, "other:1"}),
        (archive(**{"./manifest.json": json.dumps([{"RepoTags": [NAME]}]).encode()}), {NAME}),
        (oci({"io.containerd.image.name": NAME}), {NAME}),
        (oci({"org.opencontainers.image.ref.name": NAME}), {NAME}),
        (
            oci({"io.containerd.image.name": NAME, "org.opencontainers.image.ref.name": "a:1"}),
            {NAME},
        ),
        # containerd makes up a name for an image that has only a tag.
        (oci({"org.opencontainers.image.ref.name": "3.10.2"}), set[str]()),
    ],
)
def test_names_are_those_under_which_containerd_imports(
    tmp_path: Path, data: bytes, names: set[str]
) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(data)
    assert image_names(path) == names


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        saved({"RepoTags": NAME}),
        saved({"RepoTags": [1, None, ["a"]]}),
        saved(NAME, 3, None),
        oci(None),
        oci([NAME]),
        oci({"io.containerd.image.name": 3}),
        oci({"io.containerd.image.name": [NAME]}),
        archive(**{"index.json": b'{"manifests": {"a": 1}}'}),
        archive(**{"manifest.json": b"[" * 100_000}),
        archive(**{"manifest.json": b"\xff"}),
        tar_of(**{"manifest.json": tarfile.SYMTYPE}),
        tar_of(**{"manifest.json": tarfile.DIRTYPE}),
    ],
)
def test_an_archive_without_names_holds_none(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(data)
    assert image_names(path) == set()


def test_a_damaged_archive_is_not_readable(tmp_path: Path) -> None:
    path = tmp_path / "etcd.tar.xz"
    noise = hashlib.shake_256(b"noise").digest(100_000)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name in ("etcd", "etcdctl"):
            member = tarfile.TarInfo(name)
            member.size = len(noise)
            tar.addfile(member, io.BytesIO(noise))
    path.write_bytes(lzma.compress(plain.getvalue()))
    assert files_in(path, 0) == {"etcd", "etcdctl"}
    path.write_bytes(damaged(lzma.compress(plain.getvalue())))
    assert files_in(path, 0) is None
    assert image_names(path) == set()


def test_folders_are_removed_as_the_play_removes_them(tmp_path: Path) -> None:
    path = tmp_path / "etcd.tar"
    path.write_bytes(archive(**{"./a/etcd": b"", "b//etcdctl": b"", "/c/other": b""}))
    assert files_in(path, 1) == {"etcd", "etcdctl", "c/other"}


def test_only_files_and_links_count_as_programs(tmp_path: Path) -> None:
    path = tmp_path / "etcd.tar"
    kinds = {"etcd": tarfile.DIRTYPE, "etcdctl": tarfile.FIFOTYPE, "etcdutl": tarfile.SYMTYPE}
    path.write_bytes(tar_of(**kinds))
    assert files_in(path, 0) == {"etcdutl"}
