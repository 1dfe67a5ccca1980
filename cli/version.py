"""The option --version: the version that runs, and in a checkout also the commit."""

import argparse
import subprocess
import tomllib
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from cli.paths import ROOT

DISTRIBUTION = "slipway-cli"


class VersionAction(argparse.Action):
    """Like argparse's own, but asks git only if the option is given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        del namespace, values, option_string
        print(version_text())
        parser.exit()


def version_text() -> str:
    """Returns `slipway 0.1.0`, or in a git checkout `slipway 0.1.0 (commit 0123456789ab)`."""
    project = ROOT / "pyproject.toml"
    if not project.is_file():
        return f"slipway {metadata.version(DISTRIBUTION)}"
    document = tomllib.loads(project.read_text(encoding="utf-8"))
    commit = _commit()
    return f"slipway {document['project']['version']}" + (f" (commit {commit})" if commit else "")


def _commit() -> str:
    """Returns the commit, with `-dirty` if tracked files differ from it, or an empty string if git
    is not available."""
    if not (ROOT / ".git").exists():
        return ""
    argv = ["git", "describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()
