"""Static checks of the page's modules: types, lint and format.

TypeScript's compiler and Biome come from npm, pinned by the lock file in `dev/page`. If they cannot
be installed, the result is NOT RUN. The unit tests are `tests/view/test_units.py`.

Usage: .venv/bin/python -m dev.page_checks [--fix] from the repository's root. `--fix` formats the
modules and applies safe fixes.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from dev import npm_tools
from dev.npm_tools import Tool
from dev.paths import ROOT

FOLDER = Path(__file__).with_name("page")
CHECKED = ("triggers/page", "tests/view/modules")

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
    return npm_tools.run_all(TOOLS, install, {"root": str(ROOT)}, "dev/page", ROOT)


def install() -> Path:
    """Returns the folder of the installed packages."""
    return npm_tools.install(FOLDER, "page-checks")


def run_tool(tool: Tool, modules: Path, root: Path | None = None) -> tuple[bool, str]:
    """Runs one tool on the modules in `root`, by default this checkout. Returns whether it passed,
    and a line with the result."""
    root = root or ROOT
    return npm_tools.run_tool(tool, modules, {"root": str(root)}, root)


def main(arguments: list[str]) -> int:
    """Runs the checks. Returns 1 if one fails or could not run."""
    parser = argparse.ArgumentParser(prog="python -m dev.page_checks")
    parser.add_argument("--fix", action="store_true", help="format, and fix what is safe to fix")
    if parser.parse_args(arguments).fix:
        run_tool(replace(FORMATTER, arguments=(*FORMATTER.arguments, "--write")), install())
    return 0 if all(line.partition(" passed")[1] for _, line in run_page_checks()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
