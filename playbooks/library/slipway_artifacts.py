#!/usr/bin/python
"""Files from outside of the distribution: each fetched once, checked, and put or unpacked."""

from __future__ import annotations

import hashlib
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
short_description: Fetch files, check their SHA-256, and put or unpack them
description:
  - What is there with the right checksum is not fetched again.
  - Nothing is put in place before its checksum is right.
  - An archive is unpacked beside its directory, which is then replaced as a whole.
options:
  artifacts:
    description: What is wanted.
    type: list
    elements: dict
    required: true
    suboptions:
      url: {description: Where it is fetched from., type: str, required: true}
      sha256: {description: Its checksum., type: str, required: true}
      path: {description: The file that it becomes., type: path}
      mode: {description: The mode of that file., type: str, default: "0644"}
      unpack: {description: The directory that a tar archive becomes., type: path}
      strip: {description: Leading folders of the archive that are left out., type: int, default: 0}
  timeout:
    description: Seconds without an answer before an attempt is given up.
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
  description: Addresses of what was not there.
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
# Beside what was unpacked: the checksum of the archive that it came from.
MARK = ".slipway-sha256"


class ArtifactError(Exception):
    """What is wrong with one of the files, in words for a user."""


def ensure(wanted: dict, timeout: int, dry: bool) -> str | None:
    """The address that was fetched, or nothing where all was there."""
    if _is_there(wanted):
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


def _is_there(wanted: dict) -> bool:
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
                    # The filter keeps members inside of the tree, and gives them to this user.
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
