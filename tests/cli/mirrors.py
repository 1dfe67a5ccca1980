"""A mirror in a directory, small and sound: what a test breaks in it is what the check names."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import yaml

VERSION = "1.36.2"


def images_of(version: str) -> dict[str, str]:
    return {
        **{
            name: f"registry.k8s.io/{name}:v{version}"
            for name in (
                "kube-apiserver",
                "kube-controller-manager",
                "kube-scheduler",
                "kube-proxy",
            )
        },
        "coredns": "registry.k8s.io/coredns/coredns:v1.14.2",
        "metrics-server": "registry.k8s.io/metrics-server/metrics-server:v0.8.1",
        "headlamp": "ghcr.io/headlamp-k8s/headlamp:v0.45.0",
        "pause": "registry.k8s.io/pause:3.10.2",
    }


IMAGES = images_of(VERSION)
# Any program of this machine's will do: it lists no images.
PROGRAM = Path("/bin/true").read_bytes()


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def image(name: str) -> bytes:
    return archive(**{"manifest.json": json.dumps([{"RepoTags": [name]}]).encode()})


def _file(directory: Path, name: str, version: str, file: str, data: bytes) -> dict[str, str]:
    path = directory / name / version / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    return {"name": name, "version": version, "url": file, "sha256": digest}


def make_release(directory: Path, version: str) -> dict[str, Any]:
    """Writes the files of one minor, and gives its part of the manifest."""
    return {
        "version": version,
        "artifacts": [
            *(
                _file(directory, name, version, name, PROGRAM)
                for name in ("kubeadm", "kubelet", "kubectl")
            ),
            _file(directory, "crictl", "1.36.0", "crictl.tar.gz", archive(crictl=b"")),
        ],
        "images": [
            _file(directory, name, version, f"{name}.tar", image(full)) | {"image": full}
            for name, full in images_of(version).items()
        ],
    }


def make_mirror(directory: Path) -> dict[str, Any]:
    """Writes it, and gives its manifest."""
    containerd = ("bin/containerd", "bin/containerd-shim-runc-v2", "bin/ctr")
    plugins = ("./bridge", "./host-local", "./loopback", "./portmap")
    etcd = ("etcd-v3.6.14/etcd", "etcd-v3.6.14/etcdctl")
    archives = {
        ("containerd", "2.3.4", "containerd.tar.gz"): containerd,
        ("cni-plugins", "1.9.1", "cni.tgz"): plugins,
        ("etcd", "3.6.14", "etcd.tar.gz"): etcd,
        ("flannel", "0.28.2", "flannel.tar.gz"): ("flanneld",),
    }
    manifest: dict[str, Any] = {
        "artifacts": [
            *(
                _file(directory, *where, archive(**dict.fromkeys(names, b"")))
                for where, names in archives.items()
            ),
            _file(directory, "runc", "1.4.3", "runc.amd64", PROGRAM),
        ],
        "kubernetes": {"1.36": make_release(directory, VERSION)},
    }
    write(directory, manifest)
    return manifest


def write(directory: Path, manifest: dict[str, Any]) -> None:
    text = yaml.safe_dump(manifest, sort_keys=False)
    (directory / "manifest.yml").write_text(text, encoding="utf-8")
