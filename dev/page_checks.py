"""Static checks of the page's modules: types, lint and format.

TypeScript's compiler and Biome come from npm, pinned by the lock file in `dev/page`. If they cannot
be installed, the result is NOT RUN. The unit tests are `tests/view/test_units.py`.

Usage: .venv/bin/python -m dev.page_checks [--fix] from the repository's root. `--fix` formats the
modules and applies safe fixes.
"""

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from cli.text import duration
from dev.packaging.dependencies import cache_directory
from dev.paths import ROOT
from lab import npm

FOLDER = Path(__file__).with_name("page")
CHECKED = ("triggers/page", "tests/view/modules")
SECONDS = 180


@dataclass(frozen=True)
class Tool:
    """A script of a package, and its arguments. `{modules}` in them is replaced by the folder of
    packages."""

    name: str
    script: str
    arguments: tuple[str, ...]

    def argv(self, modules: Path, root: Path) -> list[str]:
        arguments = [argument.format(modules=modules, root=root) for argument in self.arguments]
        return [str(npm.node()), str(modules / self.script), *arguments]


TOOLS = (
    Tool(
        "page types",
        "typescript/bin/tsc",
        ("--project", "{root}/dev/page/tsconfig.json", "--typeRoots", "{modules}/@types"),
    ),
    Tool(
        "page lint and format",
        "@biomejs/biome/bin/biome",
        ("check", "--config-path={root}/dev/page/lint.json", "--error-on-warnings", *CHECKED),
    ),
)


FORMATTER = TOOLS[1]


def run_page_checks() -> list[tuple[bool, str]]:
    """Returns for each tool whether it did not fail, and a line for the summary: passed, FAILED, or
    NOT RUN with the reason."""
    try:
        modules = install()
    except (npm.NpmError, OSError) as error:
        print(f"{error}", flush=True)
        return [(True, f"{tool.name} NOT RUN (npm could not install dev/page)") for tool in TOOLS]
    return [run_tool(tool, modules) for tool in TOOLS]


def install() -> Path:
    """Returns the folder of the installed packages."""
    return npm.ensure(FOLDER, "page-checks", cache_directory(), print)


def run_tool(tool: Tool, modules: Path, root: Path | None = None) -> tuple[bool, str]:
    """Runs one tool on the modules in `root`, by default this checkout. Returns whether it passed,
    and a line with the result."""
    root = root or ROOT
    argv = tool.argv(modules, root)
    print(f"\n== {tool.name}: {Path(tool.script).name} {' '.join(argv[2:])}", flush=True)
    started = time.monotonic()
    done = subprocess.run(
        argv, cwd=root, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    if done.returncode:
        print(done.stdout + done.stderr, flush=True)
    ended = "FAILED" if done.returncode else "passed"
    outcome = f"{tool.name} {ended} in {duration(time.monotonic() - started)}"
    print(f"-- {outcome}", flush=True)
    return done.returncode == 0, outcome


def main(arguments: list[str]) -> int:
    """Runs the checks. Returns 1 if one fails or could not run."""
    parser = argparse.ArgumentParser(prog="python -m dev.page_checks")
    parser.add_argument("--fix", action="store_true", help="format, and fix what is safe to fix")
    if parser.parse_args(arguments).fix:
        run_tool(replace(FORMATTER, arguments=(*FORMATTER.arguments, "--write")), install())
    return 0 if all(line.partition(" passed")[1] for _, line in run_page_checks()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
