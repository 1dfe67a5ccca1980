"""Fills a mirror of artifacts for container runtime and etcd from Debian's packages.

It is for networks that cannot reach the release hosts. It has the same layout as a mirror of the
official files, its own manifest, and versions that name their origin.
"""

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from lab.fabric import FabricError
from lab.machines.image import ensure_image

PACKAGES = ("containerd", "runc", "containernetworking-plugins", "etcd-server", "etcd-client")
CONTAINERD = ("containerd", "containerd-shim-runc-v2", "ctr")

type Report = Callable[[str], None]


@dataclass(frozen=True)
class Mirror:
    directory: Path
    manifest_sha256: str


def fill(cache: Path, report: Report) -> Mirror:
    """Returns the mirror. If it is missing, it is filled through the machine image's package
    lists."""
    base = ensure_image(cache, report)
    target = cache / f"mirror-{base.name}"
    if not (target / "manifest.yml").exists():
        report("filling a mirror for runtime and etcd from Debian's packages (once)")
        with tempfile.TemporaryDirectory(dir=cache, prefix=".mirror-") as temporary:
            part = Path(temporary)
            versions = _download(base, part)
            _build(part, versions)
            shutil.rmtree(target, ignore_errors=True)
            (part / "mirror").replace(target)
    digest = hashlib.sha256((target / "manifest.yml").read_bytes()).hexdigest()
    return Mirror(target, digest)


def _download(base: Path, part: Path) -> dict[str, str]:
    """Downloads packages of the machines' Debian release through the image's sources, and unpacks
    them without installing. Returns versions by package."""
    debs = part / "debs"
    debs.mkdir()
    (part / "lists/partial").mkdir(parents=True)
    options = {
        "Dir::State::lists": part / "lists",
        "Dir::State::status": base / "var/lib/dpkg/status",
        "Dir::Etc::sourcelist": base / "etc/apt/sources.list",
        "Dir::Etc::sourceparts": base / "etc/apt/sources.list.d",
        "Dir::Etc::trustedparts": base / "etc/apt/trusted.gpg.d",
        "Dir::Cache": part / "cache",
        "APT::Sandbox::User": "root",
    }
    keyrings = base / "usr/share/keyrings"
    flags = [flag for key, value in options.items() for flag in ("-o", f"{key}={value}")]
    environment = os.environ | {"APT_CONFIG": "/dev/null"}
    if keyrings.is_dir():
        flags += ["-o", f"Dir::Etc::trusted={keyrings / 'debian-archive-keyring.gpg'}"]
    for command in (["update", "-qq"], ["download", "-qq", *PACKAGES]):
        done = subprocess.run(
            ["apt-get", *flags, *command],
            cwd=debs, env=environment, check=False, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise FabricError(f"apt-get {command[0]}: {done.stderr.strip()[-800:]}")
    versions: dict[str, str] = {}
    for deb in debs.glob("*.deb"):
        name, version = deb.name.split("_")[:2]
        versions[name] = version.replace("%3a", "").partition("~ds")[0].partition("-")[0]
        subprocess.run(["dpkg-deb", "--extract", str(deb), str(part / "root")], check=True)
    return versions


def _build(part: Path, versions: dict[str, str]) -> None:
    root, mirror = part / "root/usr", part / "mirror"
    etcd = f"{versions['etcd-server']}+debian"
    containerd = f"{versions['containerd']}+debian"
    runc = f"{versions['runc'].partition('+')[0]}+debian"
    plugins = f"{versions['containernetworking-plugins']}+debian"
    files: dict[tuple[str, str, str], bytes] = {
        ("containerd", containerd, f"containerd-{containerd}-linux-amd64.tar.gz"): _archive(
            {f"bin/{name}": root / "bin" / name for name in CONTAINERD}
        ),
        ("runc", runc, "runc.amd64"): (root / "sbin/runc").read_bytes(),
        ("cni-plugins", plugins, f"cni-plugins-linux-amd64-v{plugins}.tgz"): _archive(
            {path.name: path for path in (root / "lib/cni").iterdir()}
        ),
        ("etcd", etcd, f"etcd-v{etcd}-linux-amd64.tar.gz"): _archive(
            {
                f"etcd-v{etcd}-linux-amd64/{name}": root / "bin" / name
                for name in ("etcd", "etcdctl")
            }
        ),
    }
    artifacts: list[dict[str, str]] = []
    for (name, version, file), data in files.items():
        path = mirror / name / version / file
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        artifacts.append({"name": name, "version": version, "url": file, "sha256": digest})
    text = yaml.safe_dump({"artifacts": artifacts}, sort_keys=True)
    (mirror / "manifest.yml").write_text(text, encoding="utf-8")


def _archive(members: dict[str, Path]) -> bytes:
    """Returns a tar.gz of the files. The same files always give the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in sorted(members):
            info = tarfile.TarInfo(name)
            info.size = members[name].stat().st_size
            info.mode = 0o755
            with members[name].open("rb") as file:
                tar.addfile(info, file)
    return gzip.compress(buffer.getvalue(), compresslevel=3, mtime=0)
