"""`slipway mirror` against a publisher on loopback: files, checksums, and a registry that the real
skopeo talks to."""

import gzip
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
import yaml

from dev.paths import ROOT
from lab.testing.machines import ensure_packages
from lab.testing.serving import Files, serving

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Publisher(Files):
    """A registry's manifests and blobs are files like all others."""

    def __init__(self) -> None:
        super().__init__()
        self.files["/v2/"] = ("application/json", b"{}")
        self.host = ""

    def file(self, path: str, data: bytes) -> dict[str, str]:
        self.files[path] = ("application/octet-stream", data)
        return {"url": f"http://{self.host}{path}", "sha256": sha256(data)}

    def image(self, name: str, tag: str, content: bytes) -> dict[str, str]:
        """An image for two platforms, one layer each; answers its name and the index's digest."""
        manifests = [self._platform(name, arch, content) for arch in ("arm64", "amd64")]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
        data = json.dumps(index).encode()
        for reference in (tag, f"sha256:{sha256(data)}"):
            self.files[f"/v2/{name}/manifests/{reference}"] = (INDEX, data)
        return {"image": f"{self.host}/{name}:{tag}", "digest": f"sha256:{sha256(data)}"}

    def _platform(self, name: str, arch: str, content: bytes) -> dict[str, Any]:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            info = tarfile.TarInfo("program")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        layer = gzip.compress(buffer.getvalue(), mtime=0)
        diff = f"sha256:{sha256(buffer.getvalue())}"
        config = {"architecture": arch, "os": "linux", "config": {}}
        config["rootfs"] = {"type": "layers", "diff_ids": [diff]}
        blobs = [json.dumps(config).encode(), layer]
        kinds = ["config.v1+json", "layer.v1.tar+gzip"]
        described = [
            {"mediaType": f"application/vnd.oci.image.{kind}", "size": len(blob), "digest": digest}
            for kind, blob in zip(kinds, blobs, strict=True)
            for digest in [f"sha256:{sha256(blob)}"]
        ]
        for blob in blobs:
            kind = "application/octet-stream"
            self.files[f"/v2/{name}/blobs/sha256:{sha256(blob)}"] = (kind, blob)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described[0]}
        data = json.dumps(manifest | {"layers": described[1:]}).encode()
        digest = f"sha256:{sha256(data)}"
        self.files[f"/v2/{name}/manifests/{digest}"] = (MANIFEST, data)
        platform = {"architecture": arch, "os": "linux"}
        return {"mediaType": MANIFEST, "size": len(data), "digest": digest, "platform": platform}


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    ensure_packages(print, ("skopeo",))
    made = Publisher()
    with serving(made) as url:
        made.host = url.removeprefix("http://")
        yield made


def manifest(publisher: Publisher, version: str = "1.36.2") -> dict[str, Any]:
    url = f"/release/v{version}/kubelet"
    kubelet = {"name": "kubelet", "version": version, **publisher.file(url, version.encode())}
    publisher.file(f"{url}.sha256", kubelet["sha256"].encode())
    proxy = publisher.image("kube-proxy", f"v{version}", version.encode())
    pause = publisher.image("pause", "3.10.2", b"pause")
    return {
        "artifacts": [{"name": "etcd", "version": "3.6.14", **publisher.file("/etcd", b"etcd")}],
        "kubernetes": {
            "1.36": {
                "version": version,
                "artifacts": [kubelet],
                "images": [
                    {"name": "kube-proxy", "version": version, **proxy},
                    {"name": "pause", "version": "3.10.2", **pause},
                ],
            }
        },
    }


class Mirror:
    """The command, with a registry on loopback allowed to speak plain HTTP."""

    def __init__(self, publisher: Publisher, folder: Path) -> None:
        self.directory, self._source = folder / "mirror", folder / "manifest.yml"
        self._home = folder / "home"
        conf = self._home / ".config/containers/registries.conf"
        conf.parent.mkdir(parents=True)
        conf.write_text(f'[[registry]]\nlocation = "{publisher.host}"\ninsecure = true\n')

    def fill(self, wanted: dict[str, Any], *flags: str) -> "subprocess.CompletedProcess[str]":
        self._source.write_text(yaml.safe_dump(wanted))
        argv = ["mirror", str(self.directory), "--manifest", str(self._source), "--json", *flags]
        environment = os.environ | {"HOME": str(self._home)}
        return subprocess.run(
            [sys.executable, "-m", "cli", *argv],
            cwd=ROOT, env=environment, capture_output=True, check=False, text=True,
        )  # fmt: skip

    def manifest(self) -> dict[str, Any]:
        return yaml.safe_load((self.directory / "manifest.yml").read_text())

    def image(self, entry: dict[str, Any]) -> bytes:
        """The program in an image's archive."""
        path = self.directory / entry["name"] / entry["version"] / entry["url"]
        assert sha256(path.read_bytes()) == entry["sha256"]
        with tarfile.open(path) as outer:
            listed = json.load(outer.extractfile("manifest.json"))  # pyright: ignore
            assert listed[0]["RepoTags"] == [entry["image"]]
            layer = outer.extractfile(listed[0]["Layers"][0])
            assert layer
            with tarfile.open(fileobj=io.BytesIO(layer.read())) as inner:
                program = inner.extractfile("program")
                assert program
                return program.read()


@pytest.fixture
def mirror(publisher: Publisher, tmp_path: Path) -> Mirror:
    return Mirror(publisher, tmp_path)


def test_all_is_fetched_checked_and_listed(publisher: Publisher, mirror: Mirror) -> None:
    done = mirror.fill(manifest(publisher))
    assert done.returncode == 0, done.stderr
    text = (mirror.directory / "manifest.yml").read_bytes()
    assert json.loads(done.stdout)["manifestSha256"] == sha256(text)
    made = mirror.manifest()
    assert (mirror.directory / "etcd/3.6.14/etcd").read_bytes() == b"etcd"
    assert made["artifacts"][0]["url"] == "etcd"
    proxy, pause = made["kubernetes"]["1.36"]["images"]
    assert (mirror.image(proxy), mirror.image(pause)) == (b"1.36.2", b"pause")
    assert not list(mirror.directory.rglob(".*"))


def test_what_is_there_is_not_fetched_again(publisher: Publisher, mirror: Mirror) -> None:
    assert mirror.fill(manifest(publisher)).returncode == 0
    before = (mirror.directory / "manifest.yml").read_bytes()
    publisher.asked.clear()
    assert mirror.fill(manifest(publisher)).returncode == 0
    assert publisher.asked == []
    assert (mirror.directory / "manifest.yml").read_bytes() == before


def test_an_altered_file_ends_it_by_name(publisher: Publisher, mirror: Mirror) -> None:
    wanted = manifest(publisher)
    publisher.file("/etcd", b"other")
    done = mirror.fill(wanted)
    assert done.returncode == 1
    assert f"{publisher.host}/etcd has the SHA-256 {sha256(b'other')}" in done.stderr
    assert not (mirror.directory / "manifest.yml").exists()
    assert not list(mirror.directory.rglob("*etcd*/*/*"))


def test_what_a_killed_pull_left_behind_is_in_nobodys_way(
    publisher: Publisher, mirror: Mirror
) -> None:
    left = mirror.directory / "pause/3.10.2/.pause-3.10.2.tar.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half of an archive")
    done = mirror.fill(manifest(publisher))
    assert done.returncode == 0, done.stderr
    assert mirror.image(mirror.manifest()["kubernetes"]["1.36"]["images"][1]) == b"pause"
    assert not left.exists()


def test_an_image_without_its_digest_ends_it(publisher: Publisher, mirror: Mirror) -> None:
    wanted = manifest(publisher)
    wanted["kubernetes"]["1.36"]["images"][1]["digest"] = f"sha256:{'0' * 64}"
    done = mirror.fill(wanted)
    assert done.returncode == 4
    assert f"{publisher.host}/pause@sha256:000" in done.stderr


def test_another_patch_is_pinned_by_its_publishers_figures(
    publisher: Publisher, mirror: Mirror
) -> None:
    manifest(publisher, "1.36.9")
    done = mirror.fill(manifest(publisher), "--kubernetes", "1.36.9")
    assert done.returncode == 0, done.stderr
    release = mirror.manifest()["kubernetes"]["1.36"]
    assert release["version"] == "1.36.9"
    assert (mirror.directory / "kubelet/1.36.9/kubelet").read_bytes() == b"1.36.9"
    proxy, pause = release["images"]
    assert proxy["image"].endswith("/kube-proxy:v1.36.9")
    assert (mirror.image(proxy), pause["version"]) == (b"1.36.9", "3.10.2")


def two_minors(publisher: Publisher) -> dict[str, Any]:
    """Both have the same pause image, as two minors of the official manifest do."""
    wanted = manifest(publisher)
    wanted["kubernetes"]["1.35"] = manifest(publisher, "1.35.3")["kubernetes"]["1.36"]
    return wanted


def test_an_image_of_two_minors_is_pulled_once_and_fits_both(
    publisher: Publisher, mirror: Mirror
) -> None:
    done = mirror.fill(two_minors(publisher))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("/pause:3.10.2: pulled") == 1
    for minor, version in (("1.36", b"1.36.2"), ("1.35", b"1.35.3")):
        proxy, pause = mirror.manifest()["kubernetes"][minor]["images"]
        assert (mirror.image(proxy), mirror.image(pause)) == (version, b"pause")


def test_a_mirror_may_hold_one_minor_of_many(publisher: Publisher, mirror: Mirror) -> None:
    done = mirror.fill(two_minors(publisher), "--kubernetes", "1.35")
    assert done.returncode == 0, done.stderr
    assert list(mirror.manifest()["kubernetes"]) == ["1.35"]
    assert (mirror.directory / "kubelet/1.35.3/kubelet").read_bytes() == b"1.35.3"
    assert not (mirror.directory / "kubelet/1.36.2").exists()


def test_each_minor_may_be_another_patch(publisher: Publisher, mirror: Mirror) -> None:
    wanted = two_minors(publisher)
    manifest(publisher, "1.35.7")
    done = mirror.fill(wanted, "--kubernetes", "1.36.2", "--kubernetes", "1.35.7")
    assert done.returncode == 0, done.stderr
    releases = mirror.manifest()["kubernetes"]
    assert {minor: release["version"] for minor, release in releases.items()} == {
        "1.36": "1.36.2",
        "1.35": "1.35.7",
    }
    twice = mirror.fill(wanted, "--kubernetes", "1.36", "--kubernetes", "1.36.2")
    assert (twice.returncode, "1.36 is asked for, too" in twice.stderr) == (2, True)


@pytest.mark.parametrize("version", ["1.37.0", "1.37", "1", "latest", "1.36.2/../x", ""])
def test_a_version_that_is_no_minor_and_no_patch_is_refused(
    publisher: Publisher, mirror: Mirror, version: str
) -> None:
    done = mirror.fill(manifest(publisher), "--kubernetes", version)
    assert done.returncode == 2
    assert f"--kubernetes {version}: not 1.36, nor a patch as 1.36.9" in done.stderr
    assert publisher.asked == []


def test_a_version_that_is_not_published_is_named(publisher: Publisher, mirror: Mirror) -> None:
    done = mirror.fill(manifest(publisher), "--kubernetes", "1.36.8")
    assert done.returncode == 4
    assert "/release/v1.36.8/kubelet.sha256 cannot be fetched: 404" in done.stderr
