#!/usr/bin/python
"""Downloads files, checks their SHA-256, and installs or unpacks them."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url

DOCUMENTATION = """
module: slipway_artifacts
short_description: Download files, check their SHA-256, and install or unpack them
description:
  - A file or directory that has the right checksum is not downloaded again.
  - Nothing is installed before its checksum is verified.
  - An archive is unpacked beside its directory, which is then replaced as a whole.
options:
  artifacts:
    description: The files and archives.
    type: list
    elements: dict
    required: true
    suboptions:
      url: {description: Address of the file or archive., type: str, required: true}
      sha256: {description: Its SHA-256 in hexadecimal digits., type: str, required: true}
      path: {description: Path of the installed file., type: path}
      mode: {description: Mode of the installed file., type: str, default: "0644"}
      unpack: {description: Directory that the tar archive becomes., type: path}
      strip: {description: Leading folders to remove from its paths., type: int, default: 0}
  timeout:
    description: Seconds that an attempt waits for data.
    type: int
    default: 60
author: [Slipway]
"""
EXAMPLES = """
- name: Install kubectl
  slipway_artifacts:
    artifacts:
      - url: http://10.0.0.4:8480/kubectl
        sha256: "..."
        path: /usr/local/bin/kubectl
        mode: "0755"
"""
RETURN = """
fetched:
  description: Addresses of the downloaded files.
  type: list
  returned: always
"""

ARGUMENTS = {
    "artifacts": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "mutually_exclusive": [("path", "unpack")],
        "required_one_of": [("path", "unpack")],
        "options": {
            "url": {"type": "str", "required": True},
            "sha256": {"type": "str", "required": True},
            "path": {"type": "path"},
            "mode": {"type": "str", "default": "0644"},
            "unpack": {"type": "path"},
            "strip": {"type": "int", "default": 0},
        },
    },
    "timeout": {"type": "int", "default": 60},
}
AT_ONCE = 3
ATTEMPTS, PAUSE_SECONDS = 3, 2.0
PIECE = 1 << 20
# A file in each unpacked directory: the checksum of its archive.
MARK = ".slipway-sha256"


class ArtifactError(Exception):
    """A file cannot be downloaded or unpacked, or has another checksum; the message says which."""


def ensure(wanted: dict, timeout: int, dry: bool) -> str | None:
    """Installs one file or directory. Returns its address, or None if it was installed before.

    Args:
        wanted: an element of the module's `artifacts`.
        timeout: seconds that an attempt waits for data.
        dry: whether to change nothing.

    Raises:
        ArtifactError: see there.
        OSError: the file cannot be written.
    """
    if _is_installed(wanted):
        return None
    if dry:
        return wanted["url"]
    target = Path(wanted["path"] or wanted["unpack"])
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".slipway-") as temporary:
        part = Path(temporary) / "part"
        _fetch(wanted, part, timeout)
        if wanted["unpack"]:
            _unpack(wanted, part, target, Path(temporary) / "tree")
        else:
            part.chmod(int(wanted["mode"], 8))
            part.replace(target)
    return wanted["url"]


def _is_installed(wanted: dict) -> bool:
    if wanted["unpack"]:
        mark = Path(wanted["unpack"]) / MARK
        return mark.is_file() and mark.read_text(encoding="ascii").strip() == wanted["sha256"]
    path = Path(wanted["path"])
    if not path.is_file() or path.is_symlink():
        return False
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != wanted["sha256"]:
            return False
    return path.stat().st_mode & 0o7777 == int(wanted["mode"], 8)


def _fetch(wanted: dict, part: Path, timeout: int) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            found = _download(wanted["url"], part, timeout)
            break
        except OSError as error:
            if attempt == ATTEMPTS:
                raise ArtifactError(f"{wanted['url']} cannot be fetched: {error}") from None
            time.sleep(PAUSE_SECONDS)
    if found != wanted["sha256"]:
        raise ArtifactError(f"{wanted['url']} has the SHA-256 {found}, expected {wanted['sha256']}")


def _download(url: str, part: Path, timeout: int) -> str:
    digest = hashlib.sha256()
    with open_url(url, timeout=timeout) as answer, part.open("wb") as file:
        while piece := answer.read(PIECE):
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def _unpack(wanted: dict, archive: Path, target: Path, tree: Path) -> None:
    tree.mkdir(mode=0o755)
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                parts = Path(member.name).parts[wanted["strip"] :]
                if parts:
                    # The filter refuses members outside of the tree, and ignores their owners.
                    named = member.replace(name=str(Path(*parts)), deep=False)
                    tar.extract(named, tree, filter="data")
    except tarfile.TarError as error:
        raise ArtifactError(f"{wanted['url']} cannot be unpacked: {error}") from None
    tree.chmod(0o755)
    (tree / MARK).write_text(wanted["sha256"] + "\n", encoding="ascii")
    shutil.rmtree(target, ignore_errors=True)
    tree.replace(target)


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    # The directories above what is installed, and those that an archive does not list, have no mode
    # of their own.
    os.umask(0o022)
    wanted, timeout = module.params["artifacts"], module.params["timeout"]
    fetched, faults = [], []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for result in [pool.submit(ensure, one, timeout, module.check_mode) for one in wanted]:
            try:
                url = result.result()
            except (ArtifactError, OSError) as error:
                faults.append(str(error))
            else:
                fetched += [url] if url else []
    if faults:
        module.fail_json(msg="; ".join(faults), fetched=fetched)
    module.exit_json(changed=bool(fetched), fetched=fetched)


if __name__ == "__main__":
    main()
