"""What a lab needs before it is up: Debian packages, and a mirror of artifacts."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests

from cli.exits import CommandError, Exit
from lab import control
from lab.machines import PACKAGES
from lab.mirror import fill

# The host's own address on the lab's bridge: machines reach it, and nobody else does.
MIRROR_ADDRESS = "198.18.0.1"
TIMEOUT = (10.0, 60.0)

type Report = Callable[[str], None]


def running_lab() -> control.LabInfo:
    """The lab on this machine.

    Raises:
        CommandError: there is none, or it is not this user's to read.
    """
    found = control.read_info()
    if found:
        return found
    if control.STATE.exists() and not os.access(control.STATE, os.R_OK | os.X_OK):
        text = f"only root may read the lab's key in {control.STATE}: use sudo"
    else:
        text = "no lab is up: './slipway lab up' starts one"
    raise CommandError(Exit.UNREACHABLE, f"{text}, or set SLIPWAY_URL and SLIPWAY_KEY")


def ensure_packages(report: Report) -> None:
    """Installs what is missing of the lab's Debian packages; package lists only where needed."""
    missing = [name for name in PACKAGES if not _installed(name)]
    if not missing:
        return
    if not shutil.which("apt-get"):
        text = f"the lab needs these Debian packages, and there is no apt-get: {', '.join(missing)}"
        raise CommandError(Exit.FAILED, text)
    report(f"installing {', '.join(missing)} (once)")
    install = ["install", "-y", "--no-install-recommends", *missing]
    done = _apt(install)
    if done.returncode:
        report("refreshing the package lists")
        _apt(["update"])
        done = _apt(install)
    if done.returncode:
        text = f"apt-get could not install {', '.join(missing)}:\n{done.stdout[-1500:]}"
        raise CommandError(Exit.FAILED, text)


def _installed(package: str) -> bool:
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}", package],
        capture_output=True,
        check=False,
        text=True,
    )
    return done.stdout == "installed"


def _apt(arguments: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *arguments],
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
    )


@dataclass(frozen=True)
class Supply:
    """Where machines take artifacts from. `named` is a spec's `artifacts`; `mirror` is a directory
    that the lab serves; `filled`: made here, from Debian's packages."""

    mirror: dict[str, str] | None = None
    named: dict[str, str] | None = None
    filled: bool = False

    def options(self) -> control.LabOptions:
        settings = {"SLIPWAY_DEFAULT_ARTIFACTS": json.dumps(self.named)} if self.named else {}
        return control.LabOptions(mirror=self.mirror, settings=settings)


def find_supply(argument: str | None, report: Report) -> Supply:
    """From a directory or URL, or filled from Debian's packages where there is neither."""
    if not argument:
        filled = fill(control.CACHE, report)
        return Supply(mirror=_served(filled.directory, filled.manifest_sha256), filled=True)
    if argument.startswith(("http://", "https://")):
        url = argument.rstrip("/")
        return Supply(named={"url": url, "manifestSha256": _sha256(_fetch(f"{url}/manifest.yml"))})
    directory = Path(argument).resolve()
    try:
        manifest = (directory / "manifest.yml").read_bytes()
    except OSError as error:
        text = f"--artifacts {argument}: no manifest.yml: {error.strerror}"
        raise CommandError(Exit.REFUSED, text) from None
    return Supply(mirror=_served(directory, _sha256(manifest)))


def _served(directory: Path, digest: str) -> dict[str, str]:
    return {"directory": str(directory), "address": MIRROR_ADDRESS, "manifestSha256": digest}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _fetch(url: str) -> bytes:
    try:
        response = requests.get(url, timeout=TIMEOUT)
        response.raise_for_status()
    except requests.RequestException as error:
        raise CommandError(Exit.REFUSED, f"--artifacts: cannot fetch {url}: {error}") from None
    return response.content


def save_run(info: control.LabInfo, cluster: str, target: Path) -> list[str]:
    """Copies the record of the cluster's last run from the lab's blobs; returns the files."""
    from azure.storage.blob import ContainerClient  # noqa: PLC0415 -- slow, and only used here

    saved: set[str] = set()
    prefix = f"clusters/{cluster}/runs/"
    with ContainerClient.from_connection_string(info.info["storage"], "slipway") as container:
        for blob in container.list_blobs(name_starts_with=prefix):
            name = blob.name.rpartition("/")[2]
            if name in ("events.jsonl", "plan.json", "result.json") or name.endswith(".log"):
                (target / name).write_bytes(container.download_blob(blob.name).readall())
                saved.add(name)
    return sorted(saved)
