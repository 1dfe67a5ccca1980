"""Runs checks whose programs come from npm, pinned by a lock file in a folder of `dev/`.

If npm cannot install them, the result is NOT RUN.
"""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.text import duration
from dev.packaging.dependencies import cache_directory
from dev.paths import ROOT
from lab import npm

SECONDS = 180
# The programs send no usage data and look for no newer version of themselves.
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


@dataclass(frozen=True)
class Tool:
    """A script of a package, and its arguments. In them, `{modules}` is replaced by the folder of
    packages, and `{root}` by the folder that is checked."""

    name: str
    script: str
    arguments: tuple[str, ...]

    def argv(self, modules: Path, places: Mapping[str, str]) -> list[str]:
        arguments = [argument.format(modules=modules, **places) for argument in self.arguments]
        return [str(npm.node()), str(modules / self.script), *arguments]


def install(folder: Path, name: str) -> Path:
    """Returns the folder of the packages that `folder` locks.

    Raises:
        NpmError: npm could not install them.
    """
    return npm.ensure(folder, name, cache_directory(), print)


def run_all(
    tools: Sequence[Tool],
    installed: Callable[[], Path],
    places: Mapping[str, str],
    lock: str,
    folder: Path = ROOT,
) -> list[tuple[bool, str]]:
    """Returns for each tool whether it did not fail, and a line for the summary: passed, FAILED, or
    NOT RUN with the reason. `lock`: the folder of the lock, for that reason. `folder`: where the
    tools run."""
    try:
        modules = installed()
    except (npm.NpmError, OSError) as error:
        print(f"{error}", flush=True)
        return [(True, f"{tool.name} NOT RUN (npm could not install {lock})") for tool in tools]
    return [run_tool(tool, modules, places, folder) for tool in tools]


def run_tool(
    tool: Tool, modules: Path, places: Mapping[str, str], folder: Path = ROOT
) -> tuple[bool, str]:
    """Runs one tool in a folder. Returns whether it passed, and a line with the result."""
    argv = tool.argv(modules, places)
    print(f"\n== {tool.name}: {Path(tool.script).name} {' '.join(argv[2:])}", flush=True)
    started = time.monotonic()
    done = subprocess.run(
        argv,
        cwd=folder,
        env=os.environ | QUIET,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    if done.returncode:
        print(done.stdout + done.stderr, flush=True)
    ended = "FAILED" if done.returncode else "passed"
    outcome = f"{tool.name} {ended} in {duration(time.monotonic() - started)}"
    print(f"-- {outcome}", flush=True)
    return done.returncode == 0, outcome
