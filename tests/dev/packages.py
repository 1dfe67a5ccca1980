"""This tree as a repository of its own, clones of it, and the command that packages one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dev.paths import ROOT

NOT_COPIED = (".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis", "docs", "*.zip")
# The author's settings do not count, and a commit's identity is not asked for.
GIT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{
        f"GIT_{who}_{what}": "a@b.c"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    },
}


def git(directory: Path, *argv: str, umask: int = 0o022) -> None:
    subprocess.run(
        ["git", *argv],
        cwd=directory,
        env=os.environ | GIT,
        umask=umask,
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This tree as it is, committed."""
    directory = tmp_path_factory.mktemp("package") / "origin"
    shutil.copytree(ROOT, directory, ignore=shutil.ignore_patterns(*NOT_COPIED))
    git(directory, "init", "--quiet")
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "-m", "as it is")
    return directory


def clone(origin: Path, directory: Path, umask: int = 0o022) -> Path:
    git(directory.parent, "clone", "--quiet", str(origin), str(directory), umask=umask)
    return directory


def package(tree: Path, *argv: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-P", "-m", "dev", "package", *argv],
        cwd=tree.parent,
        env=os.environ | GIT | {"PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )
