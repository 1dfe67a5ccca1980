"""Chooses the versions of Kubernetes that a mirror holds.

The checksums and digests of another patch than the pinned one come from its publisher.
"""

import re
from collections.abc import Iterable
from typing import Any

import requests

from cli.exits import CommandError, Exit
from cli.images import digest_of
from cli.network_errors import reason

TIMEOUT = (10.0, 30.0)
VERSION = re.compile(r"(\d+\.\d+)(\.\d+)?")
SHA256 = re.compile(r"[0-9a-f]{64}")


def keep_only(manifest: dict[str, Any], versions: Iterable[str]) -> None:
    """Leaves the wanted versions of Kubernetes in the manifest: a minor as it is pinned, or a patch
    of one, which is pinned instead.

    Raises:
        CommandError: a version is not of a minor in the manifest, two are of the same one, or a
            checksum or digest is not available.
    """
    releases = manifest.get("kubernetes", {})
    wanted: dict[str, str] = {}
    for version in versions:
        found = VERSION.fullmatch(version)
        if not found or found[1] not in releases:
            text = (
                f"--kubernetes {version}: not {_or(releases)}, nor a patch as {_example(releases)}"
            )
            raise CommandError(Exit.REFUSED, text)
        if found[1] in wanted:
            text = f"--kubernetes {version}: {wanted[found[1]]} is asked for, too"
            raise CommandError(Exit.REFUSED, text)
        wanted[found[1]] = version
    manifest["kubernetes"] = {minor: releases[minor] for minor in releases if minor in wanted}
    for minor, version in wanted.items():
        if version not in (minor, releases[minor]["version"]):
            _move(releases[minor], version)


def _move(release: dict[str, Any], version: str) -> None:
    """Pins another patch. Checksums come from the `.sha256` files beside the programs, digests from
    the registry. Artifacts with a version of their own (CoreDNS, pause, crictl) stay unchanged."""
    old, release["version"] = release["version"], version
    for entry in release["artifacts"]:
        if entry["version"] == old:
            url = entry["url"].replace(f"v{old}", f"v{version}")
            entry |= {"version": version, "url": url, "sha256": _published(f"{url}.sha256")}
    for entry in release["images"]:
        if entry["version"] == old:
            image = entry["image"].replace(f"v{old}", f"v{version}")
            entry |= {"version": version, "image": image, "digest": digest_of(image)}


def _or(minors: Iterable[str]) -> str:
    return " or ".join(minors) or "in the manifest, which has no Kubernetes"


def _example(minors: Iterable[str]) -> str:
    return f"{[*minors, '1.36'][0]}.9"


def _published(url: str) -> str:
    try:
        answer = requests.get(url, timeout=TIMEOUT)
        answer.raise_for_status()
    except requests.RequestException as error:
        text = f"{url} cannot be fetched: {reason(error)}"
        raise CommandError(Exit.UNREACHABLE, text) from None
    found = answer.text.split()[:1]
    if not found or not SHA256.fullmatch(found[0]):
        raise CommandError(Exit.FAILED, f"{url} holds no SHA-256: {answer.text[:80]!r}")
    return found[0]
