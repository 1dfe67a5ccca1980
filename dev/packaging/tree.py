"""The app's files in git. Content and modes come from git's objects, not from the checkout."""

import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cli.exits import CommandError, Exit
from dev.packaging.archive import File
from dev.paths import APP_PACKAGES, ROOT

# What the host reads, what Python imports, and what the code reads relative to `__file__`.
PARTS = (
    "function_app.py",
    "host.json",
    "requirements.txt",
    "arm/cluster",
    "playbooks",
    *APP_PACKAGES,
)
# The variables of git that select a repository.
LEADING = frozenset(
    f"GIT_{name}"
    for name in (
        "ALTERNATE_OBJECT_DIRECTORIES", "COMMON_DIR", "DIR", "INDEX_FILE", "NAMESPACE",
        "OBJECT_DIRECTORY", "PREFIX", "WORK_TREE",
    )
)  # fmt: skip


def head() -> str:
    """Returns the commit of the checkout. Raises CommandError if the checkout is part of another
    repository."""
    top = Path(_git("rev-parse", "--show-toplevel").decode().removesuffix("\n"))
    if top.resolve() != ROOT.resolve():
        text = f"{ROOT} is not a repository but a folder of {top}: package from a clone"
        raise CommandError(Exit.REFUSED, text)
    return _git("rev-parse", "--verify", "HEAD").decode().strip()


def changed() -> list[str]:
    """Returns a line for each path that differs from the commit: `M host.json`, `?? new.py`."""
    output = _git("status", "--porcelain", "--untracked-files=all", "--no-renames", "--", *PARTS)
    return [line.strip() for line in output.decode().splitlines()]


def written_tree() -> str:
    """Writes the tracked files in their present state as a tree object, and returns its id. The
    index stays unchanged."""
    with tempfile.TemporaryDirectory() as directory:
        index = Path(directory) / "index"
        shutil.copyfile(ROOT / _git("rev-parse", "--git-path", "index").decode().strip(), index)
        _git("add", "--update", "--", *PARTS, index=index)
        return _git("write-tree", index=index).decode().strip()


def read_files(tree: str) -> list[File]:
    """Returns the files of a commit or tree as git stores them, independent of umask and line
    endings. Raises CommandError if a part is missing or is not a plain file."""
    found: dict[str, tuple[int, str]] = {}
    for entry in _git("ls-tree", "-r", "-z", "--full-tree", tree, "--", *PARTS).split(b"\0"):
        if not entry:
            continue
        head, path = entry.decode().split("\t", 1)
        mode, kind, name = head.split()
        if kind != "blob" or mode not in ("100644", "100755"):
            raise CommandError(Exit.REFUSED, f"{path}: mode {mode}; only plain files are packed")
        found[path] = int(mode[-3:], 8), name
    for part in PARTS:
        if not any(path == part or path.startswith(f"{part}/") for path in found):
            raise CommandError(Exit.REFUSED, f"{part}: git tracks nothing there")
    contents = _blobs([name for _, name in found.values()])
    return [
        File(path, mode, data)
        for (path, (mode, _)), data in zip(found.items(), contents, strict=True)
    ]


def _blobs(names: list[str]) -> Iterator[bytes]:
    """Yields the content of each object. git writes `NAME blob SIZE`, a line end, the bytes, and a
    line end."""
    output = io.BytesIO(_git("cat-file", "--batch", given="".join(f"{name}\n" for name in names)))
    for _ in names:
        yield output.read(int(output.readline().split()[2]))
        output.read(1)


def _git(*argv: str, index: Path | None = None, given: str = "") -> bytes:
    # In a git hook, these variables would select the hook's repository.
    environment = {name: value for name, value in os.environ.items() if name not in LEADING}
    if index:
        environment["GIT_INDEX_FILE"] = str(index)
    try:
        done = subprocess.run(
            ["git", *argv],
            cwd=ROOT,
            env=environment,
            input=given.encode(),
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        text = "git is not on PATH; a package contains the files that git tracks"
        raise CommandError(Exit.FAILED, text) from None
    if done.returncode:
        output = done.stderr.decode(errors="replace").strip()
        raise CommandError(Exit.FAILED, f"git {argv[0]} in {ROOT}: {output}")
    return done.stdout
