"""The command test: runs all static checks, then the tests. Any failure fails the whole."""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cli.exits import Exit
from cli.text import duration
from dev import api_checks, audit, check_summary, page_checks, scan
from dev.paths import APP_PACKAGES, ROOT
from dev.variables import ARTIFACTS, CONFORMANCE, EVERYTHING
from lab.cli.privileges import is_root, sudo

BIN = Path(sys.executable).parent
# Of the tests (dev/distribution.py says what stays together).
PROCESSES = 2


@dataclass(frozen=True)
class Check:
    name: str
    argv: tuple[str, ...]


CHECKS = (
    Check("formatting", ("ruff", "format", "--check", ".")),
    Check("lint", ("ruff", "check", ".")),
    Check("types", ("pyright",)),
    Check("import arrows", ("lint-imports",)),
    # Covers what runs in Azure. Each exception is marked in its line of code, with the reason.
    Check("security", ("bandit", "--quiet", "--recursive", "function_app.py", *APP_PACKAGES)),
    Check("playbooks", ("ansible-lint", "--offline", "--profile", "production", "playbooks/")),
)


def run_checks(arguments: list[str]) -> int:
    """Runs the checks and the tests. `arguments` are pytest's, except `--all`, `--artifacts
    DIR` and `--conformance DIR`. pytest's closing line is the last one of the output. The result of
    each check, and whether the full cluster ran, are above it."""
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    own.add_argument("--all", action="store_true")
    own.add_argument("--artifacts")
    own.add_argument("--conformance")
    options, chosen = own.parse_known_args(arguments)
    everything = options.all
    if everything:
        os.environ[EVERYTHING] = "1"
    if options.artifacts:
        os.environ[ARTIFACTS] = str(Path(options.artifacts).resolve())
    if options.conformance:
        os.environ[CONFORMANCE] = str(Path(options.conformance).resolve())
    ended = _static_checks()
    _banner("tests" if everything else "tests (the long ones too: --all)")
    tested = _run(_pytest(everything, chosen, [outcome for _, outcome in ended]))
    return Exit.OK if tested == 0 and all(passed for passed, _ in ended) else Exit.FAILED


def _static_checks() -> list[tuple[bool, str]]:
    """Returns for each check whether it did not fail, and a line with the result. Those of `CHECKS`
    run beside the others, and their output comes after that of the others."""
    with ThreadPoolExecutor(1) as beside:
        running = [beside.submit(_run_check, check) for check in CHECKS]
        try:
            others = [
                *page_checks.run_page_checks(),
                *api_checks.run_api_checks(),
                scan.run_scan(),
                audit.run_audit(BIN),
            ]
            ended: list[tuple[bool, str]] = []
            for check in running:
                passed, outcome, output = check.result()
                print(f"{output}-- {outcome}", flush=True)
                ended.append((passed, outcome))
        except BaseException:
            beside.shutdown(wait=False, cancel_futures=True)
            raise
    return ended + others


def _run_check(check: Check) -> tuple[bool, str, str]:
    """Runs a check. Returns whether it passed, a line with the result, and its output."""
    started = time.monotonic()
    done = subprocess.run(
        [str(BIN / check.argv[0]), *check.argv[1:]], cwd=ROOT, env=_environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    took = duration(time.monotonic() - started)
    outcome = f"{check.name} {'FAILED' if done.returncode else 'passed'} in {took}"
    title = f"\n== {check.name}: {' '.join(check.argv)}\n"
    return done.returncode == 0, outcome, title + done.stdout


def _pytest(everything: bool, chosen: list[str], outcomes: list[str]) -> list[str]:
    """Returns pytest's command line. Tests with machines need root: sudo is used if available,
    otherwise they are skipped with a message."""
    wanted = [] if everything else ["not long"]
    prefix: list[str] = []
    if not is_root():
        prefix = sudo()
        if not prefix:
            print(
                "not root, and sudo is not available: the tests that create machines are left out"
            )
            wanted.append("not lab")
    if is_root() or prefix:
        for whose, packages in (("the lab", "PACKAGES"), ("the page", "BROWSER_PACKAGES")):
            set_up = f"from lab.cli import setup as s; s.ensure_packages(print, s.{packages})"
            if _run([*prefix, sys.executable, "-c", set_up]):
                print(
                    f"the Debian packages for {whose} could not be installed; its tests will fail"
                )
    marks = ["-m", " and ".join(wanted)] if wanted else []
    # All short tests are divided; a selection, and long tests, run in one process without `-n`.
    divided = [] if everything or chosen else ["-n", str(PROCESSES)]
    summary = ["-p", check_summary.__name__, f"{check_summary.OPTION}={'\n'.join(outcomes)}"]
    return [*prefix, sys.executable, "-m", "pytest", *summary, *divided, *marks, *chosen]


def _run(argv: list[str]) -> int:
    with subprocess.Popen(argv, cwd=ROOT, env=_environment()) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # The program was interrupted too: it removes what its tests have made.
            process.wait()
            raise


def _environment() -> dict[str, str]:
    environment = os.environ | {
        # The tools find each other on PATH.
        "PATH": f"{BIN}:{os.environ.get('PATH', os.defpath)}",
        # The environment already has pyright's program and node. Looking for newer ones would need
        # a network.
        "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
        # The playbooks' own configuration, which has the path of the roles.
        "ANSIBLE_CONFIG": str(ROOT / "playbooks/ansible.cfg"),
    }
    if not sys.stdout.isatty():
        environment["NO_COLOR"] = "1"
    environment.pop("PYRIGHT_PYTHON_FORCE_VERSION", None)
    return environment


def _banner(text: str) -> None:
    print(f"\n== {text}", flush=True)
