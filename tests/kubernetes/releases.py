"""The mirror of --artifacts, and the mirror of a later release in its folder `next`."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.variables import ARTIFACTS
from lab.testing.machines import serve_directory
from tests.lab.conftest import SITE


def first_release() -> str:
    """Returns the newest minor of the mirror."""
    return _newest(Path(os.environ[ARTIFACTS]))[0]


def with_next_release(spec: dict[str, Any], directory: Path) -> dict[str, Any]:
    """Returns the spec with the release of the other mirror. That mirror is served, and its log is
    written to the directory."""
    folder = Path(os.environ[ARTIFACTS]) / "next"
    if not (folder / "manifest.yml").is_file():
        pytest.skip(f"NOT RUN: {folder} is no mirror of a later release")
    text = (folder / "manifest.yml").read_bytes()
    _, version = _newest(folder)
    url = serve_directory(folder, SITE.host, directory / "log")
    mirror = {"url": url, "manifestSha256": hashlib.sha256(text).hexdigest()}
    return spec | {"kubernetes": {"version": version}, "artifacts": mirror}


def _newest(folder: Path) -> tuple[str, str]:
    """Returns the newest minor of a mirror's manifest, and its patch release."""
    minors = yaml.safe_load((folder / "manifest.yml").read_bytes())["kubernetes"]
    minor = max(minors, key=lambda name: [int(part) for part in name.split(".")])
    return minor, minors[minor]["version"]
