"""package: a zip of exactly what runs in Azure, the same bytes for the same commit.

It holds no wheels: the platform installs requirements.txt when the zip is deployed
(docs/decisions/0015-package.md).
"""

import argparse
import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cli.exits import CommandError, Exit
from cli.package_proof import prove
from cli.root import ROOT

# What the host reads, what Python imports, and what the code reads beside `__file__`.
PARTS = (
    "function_app.py",
    "host.json",
    "requirements.txt",
    "activities",
    "arm/cluster",
    "clients",
    "cluster",
    "orchestrators",
    "playbooks",
    "triggers",
)
BACKENDS = ("azureStorage", "durableTaskScheduler")
SCHEDULER = {
    "type": "azureManaged",
    "connectionStringName": "DURABLE_TASK_SCHEDULER_CONNECTION_STRING",
}
# Of git's variables, those that say which repository it is about.
LEADING = frozenset(
    f"GIT_{name}"
    for name in (
        "ALTERNATE_OBJECT_DIRECTORIES", "COMMON_DIR", "DIR", "INDEX_FILE", "NAMESPACE",
        "OBJECT_DIRECTORY", "PREFIX", "WORK_TREE",
    )
)  # fmt: skip
AZURE_PYTHON = (3, 13)
# The first moment that a zip can name.
TIME = (1980, 1, 1, 0, 0, 0)
UNIX = 3


@dataclass(frozen=True)
class File:
    """`path` is relative to the root; `mode` is 0o644 or 0o755."""

    path: str
    mode: int
    data: bytes


def package(args: argparse.Namespace) -> int:
    """Exit code 2 where the tree is not what its commit says; 1 where the app does not index."""
    top = Path(_git("rev-parse", "--show-toplevel").decode().removesuffix("\n"))
    if top.resolve() != ROOT.resolve():
        text = f"{ROOT} is no repository of its own but a part of {top}: package from a clone"
        raise CommandError(Exit.REFUSED, text)
    commit = _git("rev-parse", "--verify", "HEAD").decode().strip()
    changed = _changed()
    if changed and not args.allow_dirty:
        text = "\n".join(f"  {line}" for line in changed)
        raise CommandError(
            Exit.REFUSED,
            f"these differ from commit {commit[:12]}; commit them, or give --allow-dirty, "
            f"which takes tracked files as they are and leaves out untracked ones:\n{text}",
        )
    files = read_files(_written_tree() if changed else commit, args.backend)
    if args.list:
        _print_list(files, args.json)
        return Exit.OK
    data = pack(files)
    output = Path(args.output or f"slipway-{commit[:12]}{'-dirty' if changed else ''}.zip")
    # Whatever fails from here on, no earlier package is taken for this one.
    output.unlink(missing_ok=True)
    functions = prove(data)
    if sys.version_info[:2] != AZURE_PYTHON:
        here, there = (".".join(map(str, v)) for v in (sys.version_info[:2], AZURE_PYTHON))
        print(f"proved with Python {here}; Azure runs {there}", file=sys.stderr)
    _write(output, data)
    document = {
        "path": str(output),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "commit": commit,
        "changed": changed,
        "backend": args.backend,
        "files": dict(Counter(_top(file.path) for file in files)),
        "functions": functions,
    }
    print(json.dumps(document) if args.json else _told(document))
    return Exit.OK


def read_files(tree: str, backend: str) -> list[File]:
    """The files of a commit or tree, sorted by path, as git has them: neither umask nor line ends
    of a checkout count. Raises CommandError where a part is missing or is no plain file."""
    found: list[File] = []
    for entry in _git("ls-tree", "-r", "-z", "--full-tree", tree, "--", *PARTS).split(b"\0"):
        if not entry:
            continue
        head, path = entry.decode().split("\t", 1)
        mode, kind, name = head.split()
        if kind != "blob" or mode not in ("100644", "100755"):
            raise CommandError(Exit.REFUSED, f"{path}: mode {mode}; only plain files are packed")
        found.append(File(path, int(mode[-3:], 8), _git("cat-file", "blob", name)))
    for part in PARTS:
        if not any(file.path == part or file.path.startswith(f"{part}/") for file in found):
            raise CommandError(Exit.REFUSED, f"{part}: git tracks nothing there")
    return sorted((_hosted(file, backend) for file in found), key=lambda file: file.path)


def pack(files: list[File]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in files:
            info = zipfile.ZipInfo(file.path, TIME)
            info.create_system = UNIX
            info.external_attr = (stat.S_IFREG | file.mode) << 16
            archive.writestr(info, file.data, zipfile.ZIP_DEFLATED, compresslevel=9)
    return buffer.getvalue()


def _hosted(file: File, backend: str) -> File:
    """host.json as the backend wants it: the platform's scaling reads that file, no setting."""
    if file.path != "host.json" or backend == "azureStorage":
        return file
    document = json.loads(file.data)
    document["extensions"]["durableTask"]["storageProvider"] = SCHEDULER
    return replace(file, data=(json.dumps(document, indent=2) + "\n").encode())


def _changed() -> list[str]:
    """A line for each path that the commit does not hold as it is: `M host.json`, `?? new.py`."""
    told = _git("status", "--porcelain", "--untracked-files=all", "--no-renames", "--", *PARTS)
    return [line.strip() for line in told.decode().splitlines()]


def _written_tree() -> str:
    """The tracked files as they are now, as a tree in git; the index stays as it is."""
    with tempfile.TemporaryDirectory() as directory:
        index = Path(directory) / "index"
        shutil.copyfile(ROOT / _git("rev-parse", "--git-path", "index").decode().strip(), index)
        _git("add", "--update", "--", *PARTS, index=index)
        return _git("write-tree", index=index).decode().strip()


def _git(*argv: str, index: Path | None = None) -> bytes:
    # A hook's variables would lead to the repository that it runs for.
    environment = {name: value for name, value in os.environ.items() if name not in LEADING}
    if index:
        environment["GIT_INDEX_FILE"] = str(index)
    try:
        done = subprocess.run(
            ["git", *argv], cwd=ROOT, env=environment, capture_output=True, check=False
        )
    except FileNotFoundError:
        text = "git is not on PATH; a package holds what git tracks"
        raise CommandError(Exit.FAILED, text) from None
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip()
        raise CommandError(Exit.FAILED, f"git {argv[0]} in {ROOT}: {told}")
    return done.stdout


def _write(output: Path, data: bytes) -> None:
    part = output.with_name(f"{output.name}.part")
    try:
        part.write_bytes(data)
        part.replace(output)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CommandError(Exit.FAILED, f"cannot write {output}: {error.strerror}") from error


def _top(path: str) -> str:
    return path.split("/", maxsplit=1)[0] if "/" in path else "."


def _print_list(files: list[File], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"files": [file.path for file in files]}))
    else:
        print("\n".join(file.path for file in files))


def _told(document: dict[str, Any]) -> str:
    lines = [
        f"{document['path']}: {document['bytes']} bytes, for {document['backend']}",
        f"sha256 {document['sha256']}",
        f"commit {document['commit']}{' and what was changed since' * bool(document['changed'])}",
        "files   " + ", ".join(f"{top} {n}" for top, n in document["files"].items()),
        f"indexed {len(document['functions'])} functions: {', '.join(document['functions'])}",
    ]
    return "\n".join(lines)
