"""The command package: makes a zip of exactly what runs in Azure. The same commit gives the same
bytes.

With --with-packages the zip also contains the dependencies. Without it, the platform installs
requirements.txt when the zip is deployed (docs/decisions/0015-package.md).
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from cli.exits import CommandError, Exit
from cli.files import refuse_form
from dev.packaging import tree
from dev.packaging.archive import File, pack
from dev.packaging.bytecode import compiled
from dev.packaging.dependencies import AZURE_PYTHON, for_azure
from dev.packaging.proof import prove

BACKENDS = ("azureStorage", "durableTaskScheduler")
SCHEDULER = {
    "type": "azureManaged",
    "connectionStringName": "DURABLE_TASK_SCHEDULER_CONNECTION_STRING",
}


def package(args: argparse.Namespace) -> int:
    """Writes the zip. Returns exit code 2 if the tree differs from its commit, 1 if the app cannot
    be indexed."""
    refuse_form(args.output)
    _require_azures_python()
    commit = tree.head()
    changed = tree.changed()
    if changed and not args.allow_dirty:
        text = "\n".join(f"  {line}" for line in changed)
        raise CommandError(
            Exit.REFUSED,
            f"these differ from commit {commit[:12]}; commit them, or give --allow-dirty, "
            f"which takes tracked files as they are and leaves out untracked ones:\n{text}",
        )
    files = package_files(
        tree.written_tree() if changed else commit, args.backend, with_packages=args.with_packages
    )
    if args.list:
        _print_list(files, args.json)
        return Exit.OK
    data = pack(files)
    kind = f"{'-dirty' if changed else ''}{'-with-packages' if args.with_packages else ''}"
    output = Path(args.output or f"slipway-{commit[:12]}{kind}.zip")
    # Removes an earlier package, so that it is not mistaken for this one if a later step fails.
    _remove(output)
    functions = prove(data)
    _write(output, data)
    document = {
        "path": str(output),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "commit": commit,
        "changed": changed,
        "backend": args.backend,
        "withPackages": args.with_packages,
        "files": dict(Counter(_top(file.path) for file in files)),
        "functions": functions,
    }
    print(json.dumps(document) if args.json else _told(document))
    return Exit.OK


def _require_azures_python() -> None:
    here, there = sys.version_info[:2], AZURE_PYTHON
    if here != there:
        wanted, found = (".".join(map(str, version)) for version in (there, here))
        raise CommandError(
            Exit.REFUSED,
            f"package needs Python {wanted}, which Azure runs; this is {found}. Compiled files and "
            f"the proof would be of another version. Install {wanted}, remove .venv, run it again.",
        )


def package_files(commit: str, backend: str, *, with_packages: bool) -> list[File]:
    """Returns all files of the package, sorted by path."""
    files = [hosted(file, backend) for file in tree.read_files(commit)]
    # Playbooks are not compiled, because they run with the controller's Python.
    files += compiled(
        [file for file in _python(files) if not file.path.startswith("playbooks/")], strict=True
    )
    if with_packages:
        (lock,) = (file.data.decode() for file in files if file.path == "requirements.txt")
        packages = for_azure(lock)
        files += packages + compiled(_python(packages), strict=False)
    return sorted(files, key=lambda file: file.path)


def _python(files: list[File]) -> list[File]:
    return [file for file in files if file.path.endswith(".py")]


def hosted(file: File, backend: str) -> File:
    """Returns host.json changed for the backend. The platform's scaling reads this file, not the
    settings."""
    if file.path != "host.json" or backend == "azureStorage":
        return file
    document = json.loads(file.data)
    document["extensions"]["durableTask"]["storageProvider"] = SCHEDULER
    return replace(file, data=(json.dumps(document, indent=2) + "\n").encode())


def _remove(output: Path) -> None:
    """Removes the output file. Raises CommandError now, before the work is done, if the file cannot
    be written."""
    try:
        output.unlink(missing_ok=True)
        with tempfile.TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        raise _unwritable(output, error) from error


def _write(output: Path, data: bytes) -> None:
    part = output.with_name(f"{output.name}.part")
    try:
        part.write_bytes(data)
        part.replace(output)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _unwritable(output, error) from error


def _unwritable(output: Path, error: OSError) -> CommandError:
    text = f"cannot write {output}: {error.strerror}; name another file with --output"
    return CommandError(Exit.FAILED, text)


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
        f"deploy  --build-remote {'false' if document['withPackages'] else 'true'}",
    ]
    return "\n".join(lines)
