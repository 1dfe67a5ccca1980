"""The command `slipway mirror --check DIR`: checks that a directory is a mirror from which machines
can be set up.

It downloads nothing. The layout and the formats are described in docs/outside.md.
"""

import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from cli.archives import files_in, image_names
from cli.files import sha256_of
from cli.manifest import Entry, File, Image, Release, read_manifest
from cli.paths import ARTIFACT_DEFAULTS
from cluster.add_ons import images_of_add_ons

# The members that the play uses of each archive, and the number of folders above them.
MEMBERS: dict[str, tuple[int, tuple[str, ...]]] = {
    "containerd": (0, ("bin/containerd", "bin/containerd-shim-runc-v2", "bin/ctr")),
    "cni-plugins": (0, ("bridge", "host-local", "loopback", "portmap")),
    "etcd": (1, ("etcd", "etcdctl")),
    "flannel": (0, ("flanneld",)),
    "crictl": (0, ("crictl",)),
}
PROGRAMS = ("runc", "kubeadm", "kubelet", "kubectl")
# The marks of a Linux executable for x86-64.
ELF, MACHINE, X86_64 = b"\x7fELF", slice(18, 20), b"\x3e\x00"
SECONDS = 60


def check(directory: Path, versions: Iterable[str] = ()) -> tuple[list[str], list[str]]:
    """Returns the faults, and notes on what the mirror does not contain. A wanted version of
    Kubernetes, a minor or a patch, that it does not have is a fault. Raises CommandError if its
    manifest cannot be read."""
    manifest = read_manifest(directory / "manifest.yml")
    stages = yaml.safe_load(ARTIFACT_DEFAULTS.read_text(encoding="utf-8"))
    faults = [fault for entry in manifest.artifacts for fault in _file(entry, directory)]
    of_stage: dict[str, list[str]] = stages["artifacts_of_stage"]
    of_release = set(of_stage["control-plane"])
    held = {entry.name for entry in manifest.artifacts}
    wanted = {name for names in of_stage.values() for name in names} - of_release
    notes = [f"no {name}: no stage that needs it can run" for name in sorted(wanted - held)]
    notes += [f"unknown field, not used: {name}" for name in manifest.model_extra or {}]
    if not manifest.kubernetes:
        notes.append("no kubernetes: a play must end before it (playbook.through: etcd)")
    has = {minor: release.version for minor, release in manifest.kubernetes.items()}
    held_versions = ", ".join(has.values()) or "none"
    faults += [
        f"no Kubernetes {version}: the mirror has {held_versions}"
        for version in versions
        if version not in {*has, *has.values()}
    ]
    for minor, release in manifest.kubernetes.items():
        names = of_release, set(stages["artifacts_image_names"])
        faults += [f"kubernetes.{minor}: {fault}" for fault in _release(release, directory, *names)]
        notes += [f"kubernetes.{minor}: {note}" for note in _without_add_ons(release)]
    return faults, notes


def _release(
    release: Release, directory: Path, programs: set[str], images: set[str]
) -> Iterator[str]:
    for kind, wanted, entries in (
        ("artifacts", programs, release.artifacts),
        ("images", images, release.images),
    ):
        missing = wanted - {entry.name for entry in entries}
        if missing:
            yield f"{kind}: no {', '.join(sorted(missing))}"
    for entry in release.artifacts:
        yield from _file(entry, directory)
    for image in release.images:
        yield from _image(image, directory)
    kubeadm = next((entry for entry in release.artifacts if entry.name == "kubeadm"), None)
    if kubeadm and not list(_file(kubeadm, directory)):
        yield from _unlisted(release, path_of(kubeadm, kubeadm.url, directory))


def _without_add_ons(release: Release) -> Iterator[str]:
    """Yields a note for each add-on that a cluster of this mirror cannot have."""
    held = {image.name for image in release.images}
    for field, image in images_of_add_ons():
        if image not in held:
            yield f"no image {image}: a spec must say {field}: false"


def path_of(entry: Entry, url: str, directory: Path) -> Path:
    """Returns the path where the play expects the file."""
    return directory / entry.name / entry.version / entry.file_name(url)


def _sound(entry: Entry, url: str, sha256: str, directory: Path) -> Iterator[str]:
    path = path_of(entry, url, directory)
    shown = path.relative_to(directory)
    if not path.is_file():
        yield f"{shown}: not there"
        return
    found = sha256_of(path)
    if found != sha256:
        yield f"{shown}: its SHA-256 is {found}, the manifest has {sha256}"


def _file(entry: File, directory: Path) -> Iterator[str]:
    faults = list(_sound(entry, entry.url, entry.sha256, directory))
    yield from faults
    if faults:
        return
    path = path_of(entry, entry.url, directory)
    if entry.name in PROGRAMS:
        with path.open("rb") as file:
            start = file.read(20)
        if start[:4] != ELF or start[MACHINE] != X86_64:
            yield f"{path.relative_to(directory)}: not a program for Linux on x86-64"
    elif entry.name in MEMBERS:
        strip, wanted = MEMBERS[entry.name]
        held = files_in(path, strip)
        if held is None:
            yield f"{path.relative_to(directory)}: not a tar archive"
            return
        missing = [name for name in wanted if name not in held]
        if missing:
            below = "in one folder" if strip else "at its top"
            yield f"{path.relative_to(directory)}: no {', '.join(missing)} {below}"


def _image(image: Image, directory: Path) -> Iterator[str]:
    if not image.url or not image.sha256:
        yield f"images: {image.name} has no url and sha256: without internet it must be an archive"
        return
    faults = list(_sound(image, image.url, image.sha256, directory))
    yield from faults
    if faults:
        return
    path = path_of(image, image.url, directory)
    names = image_names(path)
    if image.image not in names:
        held = ", ".join(sorted(names)) or "no image"
        yield f"{path.relative_to(directory)}: holds {held}; the manifest has {image.image}"


def _unlisted(release: Release, kubeadm: Path) -> Iterator[str]:
    """Yields a fault for each image that this kubeadm needs and the manifest does not list. etcd
    does not run as a pod here."""
    listed = listed_images(kubeadm, release.version.partition("+")[0])
    if isinstance(listed, str):
        yield listed
        return
    held = {image.image for image in release.images}
    for name in listed:
        if "/etcd:" not in name and name not in held:
            yield f"images: kubeadm {release.version} asks for {name}, which is not there"


def listed_images(kubeadm: Path, version: str) -> list[str] | str:
    """Returns the images that kubeadm lists, or the reason why it cannot be run. The list is empty
    if kubeadm does not run on this platform."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return []
    argv = ["config", "images", "list", f"--kubernetes-version=v{version}"]
    with tempfile.TemporaryDirectory(prefix="slipway-kubeadm-") as name:
        # The mirror's file may not be executable.
        program = Path(name) / "kubeadm"
        shutil.copyfile(kubeadm, program)
        program.chmod(0o755)
        try:
            done = subprocess.run(
                [str(program), *argv],
                cwd=name,
                env={},
                capture_output=True,
                text=True,
                check=False,
                timeout=SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"kubeadm cannot be run: {error}"
    if done.returncode:
        return f"kubeadm {' '.join(argv)} failed: {done.stderr.strip()[-300:]}"
    return done.stdout.split()
