"""Selects the source from which the lab's machines download containerd, etcd and other
artifacts."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from cli.exits import CommandError, Exit
from cli.manifest import read_manifest
from cli.mirror_check import check
from cli.paths import MANIFEST
from cluster.faults import SpecRefusedError
from cluster.spec_rules import parse_spec
from lab import control
from lab.host import ENGINES
from lab.mirror import fill

# Machines trust the same certificate authorities as this host.
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
TIMEOUT = (10.0, 60.0)
# The last stage for which Debian's packages suffice. They do not include Kubernetes.
FILLED_THROUGH = "etcd"
PROBE_TIMEOUT = (3.0, 10.0)

type Report = Callable[[str], None]


@dataclass(frozen=True)
class Supply:
    """A source of artifacts.

    `named` is a value for a spec's `artifacts`. `mirror` is a directory that the lab serves.
    `filled` holds versions by name, if the mirror was filled here from Debian's packages. If all
    are empty, the spec's own artifacts or the official files are used.
    """

    mirror: dict[str, str] | None = None
    named: dict[str, str] | None = None
    filled: dict[str, str] = field(default_factory=dict[str, str])

    def options(self, engine: str = ENGINES[0]) -> control.LabOptions:
        settings = {"SLIPWAY_DEFAULT_ARTIFACTS": json.dumps(self.named)} if self.named else {}
        return control.LabOptions(engine=engine, mirror=self.mirror, settings=settings)


def find_supply(argument: str | None, spec: dict[str, Any], report: Report) -> Supply:
    """Returns the source: the given directory or URL; otherwise the spec's own; otherwise the
    official files if they can be reached; otherwise a mirror filled from Debian's packages. Raises
    CommandError."""
    if not argument:
        if spec.get("artifacts") or official_answers(MANIFEST):
            return Supply()
        return _filled(report)
    if argument.startswith(("http://", "https://")):
        url = argument.rstrip("/")
        return Supply(named={"url": url, "manifestSha256": _sha256(_fetch(f"{url}/manifest.yml"))})
    directory = Path(argument).resolve()
    faults, notes = check(directory, _minors(spec, directory))
    if faults:
        text = "\n".join(f"  {fault}" for fault in faults)
        raise CommandError(Exit.REFUSED, f"--artifacts {argument} is no sound mirror:\n{text}")
    for note in notes:
        report(f"{argument}: {note}")
    return Supply(mirror=_served(directory, _sha256((directory / "manifest.yml").read_bytes())))


def _minors(spec: dict[str, Any], directory: Path) -> tuple[str, ...]:
    """Returns the minor of Kubernetes that the mirror must have. None if the play ends before
    Kubernetes, or if the mirror has no Kubernetes at all, of which its check makes a note. None
    without a spec, or with one that has faults, which the API tells."""
    if not read_manifest(directory / "manifest.yml").kubernetes:
        return ()
    try:
        parsed = parse_spec(spec)
    except SpecRefusedError:
        return ()
    return (parsed.kubernetes.minor,) if "control-plane" in parsed.stages else ()


def official_answers(manifest: Path) -> bool:
    """Returns whether every file and registry of the manifest can be reached from here without a
    proxy, as from the machines."""
    read = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    entries = list(read["artifacts"])
    for release in read.get("kubernetes", {}).values():
        entries += release["artifacts"] + release["images"]
    registries = {entry["image"].partition("/")[0] for entry in entries if "digest" in entry}
    urls = [entry["url"] for entry in entries if "url" in entry]
    with requests.Session() as session:
        session.trust_env = False
        if AUTHORITIES.exists():
            session.verify = str(AUTHORITIES)
        return all(
            _answers(session, url) for url in [*urls, *(f"https://{r}/v2/" for r in registries)]
        )


def _answers(session: requests.Session, url: str) -> bool:
    try:
        return session.head(url, timeout=PROBE_TIMEOUT, allow_redirects=True).ok
    except requests.RequestException:
        return False


def _filled(report: Report) -> Supply:
    made = fill(control.CACHE, report)
    text = (made.directory / "manifest.yml").read_text(encoding="utf-8")
    entries = yaml.safe_load(text)["artifacts"]
    return Supply(
        mirror=_served(made.directory, made.manifest_sha256) | {"through": FILLED_THROUGH},
        filled={entry["name"]: entry["version"].partition("+")[0] for entry in entries},
    )


def _served(directory: Path, digest: str) -> dict[str, str]:
    return {"directory": str(directory), "manifestSha256": digest}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _fetch(url: str) -> bytes:
    try:
        response = requests.get(url, timeout=TIMEOUT)
        response.raise_for_status()
    except requests.RequestException as error:
        raise CommandError(Exit.REFUSED, f"--artifacts: cannot fetch {url}: {error}") from None
    return response.content
