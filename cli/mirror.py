"""The command `slipway mirror`: fills a directory with everything that a cluster's machines
download."""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests
import yaml

from cli.exits import CommandError, Exit
from cli.files import sha256_of
from cli.images import archive_of
from cli.manifest import read_document
from cli.mirror_check import check
from cli.network_errors import reason
from cli.paths import MANIFEST
from cli.pins import keep_only
from cli.text import clean, counted, duration

TIMEOUT = (10.0, 60.0)
PIECE = 1 << 20

type Entry = dict[str, Any]


def mirror(arguments: argparse.Namespace) -> int:
    """Downloads what is missing, checks everything, and writes the manifest last."""
    directory, source = Path(arguments.directory).resolve(), Path(arguments.manifest or MANIFEST)
    if arguments.check:
        return _check(directory, arguments.kubernetes, as_json=arguments.json)
    wanted = read_document(source)
    if arguments.kubernetes:
        keep_only(wanted, arguments.kubernetes)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(Exit.REFUSED, f"{directory}: {error.strerror}") from None
    held = _held(directory)
    for entry in wanted["artifacts"]:
        _file(entry, directory)
    for release in wanted.get("kubernetes", {}).values():
        for entry in release["artifacts"]:
            _file(entry, directory)
        for entry in release["images"]:
            _image(entry, directory, held)
    text = yaml.safe_dump(wanted, sort_keys=False)
    part = directory / ".manifest.yml.part"
    part.write_text(text, encoding="utf-8")
    part.replace(directory / "manifest.yml")
    digest = hashlib.sha256(text.encode()).hexdigest()
    if arguments.json:
        print(json.dumps({"directory": str(directory), "manifestSha256": digest}))
    else:
        print(f"{directory} is complete. Serve it over HTTP, and name it in the spec:")
        print(f"  artifacts:\n    url: https://…\n    manifestSha256: {digest}")
    return Exit.OK


def _check(directory: Path, versions: Sequence[str], *, as_json: bool) -> int:
    faults, notes = check(directory, versions)
    if as_json:
        print(json.dumps({"directory": str(directory), "faults": faults, "notes": notes}))
    else:
        for text in (*(f"fault: {fault}" for fault in faults), *(f"note: {n}" for n in notes)):
            print(clean(text))
        print(
            f"{directory}: {counted(len(faults), 'fault')}"
            if faults
            else f"{directory} is a sound mirror"
        )
    return Exit.FAILED if faults else Exit.OK


def _held(directory: Path) -> dict[str, Entry]:
    """Returns the images of an earlier manifest by digest. Their archives are kept, because an
    archive that is made again has other bytes."""
    if not (directory / "manifest.yml").exists():
        return {}
    releases = read_document(directory / "manifest.yml").get("kubernetes", {}).values()
    images = [image for release in releases for image in release["images"]]
    return {image["digest"]: image for image in images if "digest" in image}


def _file(entry: Entry, directory: Path) -> None:
    """Stores a file where the play expects it. In the manifest, its URL is replaced by its name."""
    name = entry["url"].rpartition("/")[2]
    target = directory / entry["name"] / entry["version"] / name
    started = time.monotonic()
    if sha256_of(target) == entry["sha256"]:
        _say(f"{entry['name']} {entry['version']}: is there")
    else:
        _download(entry["url"], target, entry["sha256"])
        _say(
            f"{entry['name']} {entry['version']}: fetched in {duration(time.monotonic() - started)}"
        )
    entry["url"] = name


def _image(entry: Entry, directory: Path, held: dict[str, Entry]) -> None:
    """Stores an image as an archive with a checksum. The entry keeps its digest, so that a later
    run finds the archive."""
    if "url" in entry:
        _file(entry, directory)
        return
    name = f"{entry['name']}-{entry['version']}.tar"
    target = directory / entry["name"] / entry["version"] / name
    known = held.get(entry["digest"], {}).get("sha256")
    started = time.monotonic()
    if known and sha256_of(target) == known:
        _say(f"{entry['image']}: is there")
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{name}.part")
        # A killed run may have left this file. skopeo does not write to an existing archive.
        part.unlink(missing_ok=True)
        try:
            archive_of(entry["image"], entry["digest"], part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        _say(f"{entry['image']}: pulled in {duration(time.monotonic() - started)}")
    entry |= {"url": name, "sha256": sha256_of(target)}
    # Two releases may have the same image: the second finds the archive of the first.
    held[entry["digest"]] = entry


def _download(url: str, target: Path, expected: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part, digest = target.with_name(f".{target.name}.part"), hashlib.sha256()
    try:
        with requests.get(url, stream=True, timeout=TIMEOUT) as answer, part.open("wb") as file:
            answer.raise_for_status()
            for piece in answer.iter_content(PIECE):
                digest.update(piece)
                file.write(piece)
        if digest.hexdigest() != expected:
            text = f"{url} has the SHA-256 {digest.hexdigest()}, expected {expected}"
            raise CommandError(Exit.FAILED, text)
        part.replace(target)
    except requests.RequestException as error:
        text = f"{url} cannot be fetched: {reason(error)}\nComplete files are kept: run it again."
        raise CommandError(Exit.UNREACHABLE, text) from None
    finally:
        part.unlink(missing_ok=True)


def _say(text: str) -> None:
    print(f"  {clean(text)}", file=sys.stderr, flush=True)
