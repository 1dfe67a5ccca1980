"""`slipway mirror --check`: a mirror made by hand is right, or each fault in it is named."""

import hashlib
import json
from pathlib import Path

import pytest

from cli import mirror_check
from cli.__main__ import main
from dev.paths import ROOT
from tests.cli.mirrors import IMAGES, archive, image, make_mirror, make_release, write

type Output = pytest.CaptureFixture[str]

FILE = "{name: etcd, version: 3.6.14, url: etcd.tar.gz, sha256: " + "a" * 64 + "}"
ODD = {
    "": "must be a mapping with 'artifacts', is empty",
    "[]": "must be a mapping with 'artifacts', is a list",
    "artifacts: [": "not YAML that can be read",
    "\x00": "not YAML that can be read",
    "a: &a [*a]": "aliases are not accepted",
    "[" * 2000: "not YAML that can be read",
    "artifacts: 2026-99-99": "artifacts: should be a list",
    "artifacts: !!python/object:os.system {}": "not YAML that can be read",
    "artifacts: []": "artifacts: List should have at least 1 item ",
    "artifacts: {}": "artifacts: should be a list",
    "artifacts: [etcd]": "artifacts[0]: should be a mapping",
    "artifacts: [{name: etcd, version: 1.2, url: x, sha256: y}]": (
        "artifacts[0].version: must be text, is 1.2: write it in quotes"
    ),
    "artifacts: [{name: etcd, version: '1', url: x}]": "artifacts[0].sha256: is required",
    "artifacts: [{name: ../etc, version: '1', url: x, sha256: y}]": "artifacts[0].name: String",
    f"artifacts: [{FILE}, {FILE}]": "artifacts: named twice: etcd",
    f"artifacts: [{FILE}]\nkubernetes: null": "kubernetes: has no value; should be a mapping",
    f"artifacts: [{FILE}]\nkubernetes: []": "kubernetes: should be a mapping",
    f"artifacts: [{FILE}]\nkubernetes: {{1.36: {{}}}}": "the key 1.36 is not a string: quote it",
    f"artifacts: [{FILE}]\nkubernetes: {{'1.36': null}}": (
        "kubernetes.1.36: has no value; should be a mapping"
    ),
    f"artifacts: [{FILE}]\nkubernetes: {{'1.36': {{version: '1', artifacts: [{FILE}]}}}}": (
        "kubernetes.1.36.images: is required"
    ),
    f"artifacts: [{FILE}]\nartifacts: [{FILE}]": "the key 'artifacts' appears twice",
    **{
        f"artifacts: [{{name: etcd, version: '1', url: '{url}', sha256: {'a' * 64}}}]": (
            f"artifacts[0].url: the file name '{name}' may have letters, digits and . + _ ~ - only"
        )
        for url, name in {
            "etcd 1.tgz": "etcd 1.tgz",
            "https://example.com/etcd.tgz?raw=1": "etcd.tgz?raw=1",
            "etcd%2B1.tgz": "etcd%2B1.tgz",
            "..": "..",
            "etcd/": "",
        }.items()
    },
}


@pytest.mark.parametrize("flags", [["--check"], []], ids=["check", "fill"])
@pytest.mark.parametrize(("text", "fault"), ODD.items())
def test_an_odd_manifest_is_refused_with_its_file_and_field(
    tmp_path: Path, capsys: Output, text: str, fault: str, flags: list[str]
) -> None:
    path = tmp_path / "manifest.yml"
    path.write_text(text, encoding="utf-8")
    argv = [*flags, str(tmp_path)] if flags else ["--manifest", str(path), str(tmp_path / "new")]
    assert main(["mirror", *argv]) == 2
    errors = capsys.readouterr().err
    assert str(path) in errors
    assert fault in errors
    assert "Traceback" not in errors


def test_bytes_that_are_no_text_are_refused(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "manifest.yml").write_bytes(b"\xff\xfe\x00")
    assert main(["mirror", "--check", str(tmp_path)]) == 2
    assert "not YAML that can be read" in capsys.readouterr().err


def test_what_comes_with_slipway_is_a_manifest() -> None:
    mirror_check.read_manifest(ROOT / "playbooks/vars/manifest.yml")


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("version", "1.35.2", "kubernetes.1.36.version: 1.35.2 is no version of 1.36"),
        ("version", "v1.36.2", "kubernetes.1.36.version: v1.36.2 is no version of 1.36"),
        ("artifacts", "etcd", "kubernetes.1.36.artifacts: etcd is in 'artifacts', too"),
        ("images", "kubelet", "kubelet and kube-apiserver have the same file name, kubelet"),
    ],
)
def test_a_release_that_does_not_fit_is_refused_with_its_field(
    tmp_path: Path, capsys: Output, field: str, value: str, fault: str
) -> None:
    manifest = make_mirror(tmp_path)
    release = manifest["kubernetes"]["1.36"]
    if field == "version":
        release["version"] = value
    elif field == "artifacts":
        release["artifacts"].append(manifest["artifacts"][2] | {"name": value})
    else:
        release["images"][0]["url"] = value
    write(tmp_path, manifest)
    assert main(["mirror", "--check", str(tmp_path)]) == 2
    assert fault in capsys.readouterr().err


def test_a_misspelt_field_is_noted(tmp_path: Path, capsys: Output) -> None:
    manifest = make_mirror(tmp_path)
    manifest["kuberntes"] = manifest.pop("kubernetes")
    write(tmp_path, manifest)
    assert main(["mirror", "--check", str(tmp_path)]) == 0
    assert "note: unknown field, not used: kuberntes" in capsys.readouterr().out


def faults(directory: Path, capsys: Output) -> list[str]:
    code = main(["mirror", "--check", str(directory), "--json"])
    found: list[str] = json.loads(capsys.readouterr().out)["faults"]
    assert code == (1 if found else 0)
    return found


def test_a_sound_mirror_passes(tmp_path: Path, capsys: Output) -> None:
    make_mirror(tmp_path)
    assert faults(tmp_path, capsys) == []


@pytest.mark.parametrize("version", ["1.36", "1.36.2"])
def test_a_mirror_that_has_the_wanted_version_passes(
    tmp_path: Path, capsys: Output, version: str
) -> None:
    make_mirror(tmp_path)
    assert main(["mirror", "--check", str(tmp_path), "--kubernetes", version]) == 0
    assert "is a sound mirror" in capsys.readouterr().out


@pytest.mark.parametrize("version", ["1.35", "1.36.3", "1.3", "latest"])
def test_a_mirror_without_the_wanted_version_says_what_it_has(
    tmp_path: Path, capsys: Output, version: str
) -> None:
    make_mirror(tmp_path)
    assert main(["mirror", "--check", str(tmp_path), "--kubernetes", version]) == 1
    assert f"fault: no Kubernetes {version}: the mirror has 1.36.2\n" in capsys.readouterr().out


def test_a_mirror_of_two_minors_is_checked_for_both(tmp_path: Path, capsys: Output) -> None:
    manifest = make_mirror(tmp_path)
    manifest["kubernetes"]["1.35"] = make_release(tmp_path, "1.35.3")
    write(tmp_path, manifest)
    assert faults(tmp_path, capsys) == []
    (tmp_path / "kubelet/1.35.3/kubelet").unlink()
    assert faults(tmp_path, capsys) == ["kubernetes.1.35: kubelet/1.35.3/kubelet: not there"]


def test_without_kubernetes_it_says_how_far_a_play_goes(tmp_path: Path, capsys: Output) -> None:
    manifest = make_mirror(tmp_path)
    del manifest["kubernetes"]
    write(tmp_path, manifest)
    assert main(["mirror", "--check", str(tmp_path)]) == 0
    assert "playbook.through: etcd" in capsys.readouterr().out


def test_each_file_that_is_missing_or_altered_is_named(tmp_path: Path, capsys: Output) -> None:
    make_mirror(tmp_path)
    (tmp_path / "etcd/3.6.14/etcd.tar.gz").unlink()
    (tmp_path / "pause/1.36.2/pause.tar").write_bytes(b"other")
    missing, altered = faults(tmp_path, capsys)
    assert missing == "etcd/3.6.14/etcd.tar.gz: not there"
    assert altered.startswith("kubernetes.1.36: pause/1.36.2/pause.tar: its SHA-256 is")


@pytest.mark.parametrize(
    ("path", "data", "fault"),
    [
        (
            "etcd/3.6.14/etcd.tar.gz",
            archive(etcd=b"", etcdctl=b""),
            "no etcd, etcdctl in one folder",
        ),
        ("flannel/0.28.2/flannel.tar.gz", archive(**{"x/flanneld": b""}), "no flanneld at its top"),
        ("containerd/2.3.4/containerd.tar.gz", b"<html>", "not a tar archive"),
        ("runc/1.4.3/runc.amd64", b"#!/bin/sh\n", "not a program for Linux on x86-64"),
    ],
    # Archives hold the time when they were made.
    ids=["etcd", "flannel", "containerd", "runc"],
)
def test_an_archive_of_another_form_is_named(
    tmp_path: Path, capsys: Output, path: str, data: bytes, fault: str
) -> None:
    manifest = make_mirror(tmp_path)
    (tmp_path / path).write_bytes(data)
    for entry in manifest["artifacts"]:
        if path.startswith(f"{entry['name']}/"):
            entry["sha256"] = hashlib.sha256(data).hexdigest()
    write(tmp_path, manifest)
    assert faults(tmp_path, capsys) == [f"{path}: {fault}"]


def test_an_image_archive_holds_the_name_that_the_manifest_has(
    tmp_path: Path, capsys: Output
) -> None:
    manifest = make_mirror(tmp_path)
    data = image("mirror.example/pause:3.10.2")
    (tmp_path / "pause/1.36.2/pause.tar").write_bytes(data)
    entry = manifest["kubernetes"]["1.36"]["images"][-1]
    entry["sha256"] = hashlib.sha256(data).hexdigest()
    write(tmp_path, manifest)
    assert faults(tmp_path, capsys) == [
        "kubernetes.1.36: pause/1.36.2/pause.tar: holds mirror.example/pause:3.10.2; "
        "the manifest has registry.k8s.io/pause:3.10.2"
    ]


def test_an_image_by_digest_alone_needs_the_internet(tmp_path: Path, capsys: Output) -> None:
    manifest = make_mirror(tmp_path)
    entry = manifest["kubernetes"]["1.36"]["images"][0]
    del entry["url"], entry["sha256"]
    entry["digest"] = f"sha256:{'0' * 64}"
    write(tmp_path, manifest)
    (fault,) = faults(tmp_path, capsys)
    assert "kube-apiserver has no url and sha256" in fault


def test_images_are_compared_with_what_that_kubeadm_asks_for(
    tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_mirror(tmp_path)
    newer = "registry.k8s.io/pause:3.11"
    listed = [name for name in IMAGES.values() if "pause" not in name]
    listed += [newer, "registry.k8s.io/etcd:3.6.8-0"]
    monkeypatch.setattr(mirror_check, "listed_images", lambda *_: listed)
    assert faults(tmp_path, capsys) == [
        f"kubernetes.1.36: images: kubeadm 1.36.2 asks for {newer}, which is not there"
    ]


def test_a_kubeadm_that_fails_is_named(tmp_path: Path, capsys: Output) -> None:
    manifest = make_mirror(tmp_path)
    data = Path("/bin/false").read_bytes()
    (tmp_path / "kubeadm/1.36.2/kubeadm").write_bytes(data)
    entry = manifest["kubernetes"]["1.36"]["artifacts"][0]
    entry["sha256"] = hashlib.sha256(data).hexdigest()
    write(tmp_path, manifest)
    (fault,) = faults(tmp_path, capsys)
    assert "kubeadm config images list --kubernetes-version=v1.36.2 failed" in fault
