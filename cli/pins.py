"""Pins another patch version of Kubernetes, with checksums and digests from its publisher."""

import re
from typing import Any

import requests

from cli.exits import CommandError, Exit
from cli.images import digest_of

TIMEOUT = (10.0, 30.0)
VERSION = re.compile(r"(\d+\.\d+)\.\d+")
SHA256 = re.compile(r"[0-9a-f]{64}")


def move_to(manifest: dict[str, Any], version: str) -> None:
    """Pins `version` in the manifest. Checksums come from the `.sha256` files beside the programs,
    digests from the registry. Artifacts with a version of their own (CoreDNS, pause, crictl) stay
    unchanged.

    Raises:
        CommandError: the version is not a patch of a minor version in the manifest, or a checksum
            or digest is not available.
    """
    found = VERSION.fullmatch(version)
    minors = manifest.get("kubernetes", {})
    if not found or found[1] not in minors:
        text = f"--kubernetes {version}: not a version of {', '.join(minors)}, such as 1.36.7"
        raise CommandError(Exit.REFUSED, text)
    release = minors[found[1]]
    old, release["version"] = release["version"], version
    for entry in release["artifacts"]:
        if entry["version"] == old:
            url = entry["url"].replace(f"v{old}", f"v{version}")
            entry |= {"version": version, "url": url, "sha256": _published(f"{url}.sha256")}
    for entry in release["images"]:
        if entry["version"] == old:
            image = entry["image"].replace(f"v{old}", f"v{version}")
            entry |= {"version": version, "image": image, "digest": digest_of(image)}


def _published(url: str) -> str:
    try:
        answer = requests.get(url, timeout=TIMEOUT)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise CommandError(Exit.UNREACHABLE, f"{url} cannot be fetched: {error}") from None
    found = answer.text.split()[:1]
    if not found or not SHA256.fullmatch(found[0]):
        raise CommandError(Exit.FAILED, f"{url} holds no SHA-256: {answer.text[:80]!r}")
    return found[0]
