"""test: every static check, then the tests. Runs all; any failure fails the whole."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cli.exits import Exit
from cli.root import ROOT, is_root, sudo
from cli.text import duration

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Check:
    name: str
    argv: tuple[str, ...]
    needs: str = ""


CHECKS = (
    Check("formatting", ("ruff", "format", "--check", ".")),
    Check("lint", ("ruff", "check", ".")),
    Check("types", ("pyright",)),
    Check("import arrows", ("lint-imports",)),
    Check(
        "playbooks",
        ("ansible-lint", "--offline", "--profile", "production", "playbooks/"),
        needs="playbooks",
    ),
)


def run_checks(arguments: list[str]) -> int:
    """`arguments` are pytest's, but for `--all`. In success pytest's closing line is the last."""
    failed = [check.name for check in CHECKS if not _passes(check)]
    everything = "--all" in arguments
    chosen = [argument for argument in arguments if argument != "--all"]
    _banner("tests" if everything else "tests (the long ones too: --all)")
    if _run(_pytest(everything, chosen)):
        failed.append("tests")
    if failed:
        print(f"\nslipway test: FAILED: {', '.join(failed)}", flush=True)
    return Exit.FAILED if failed else Exit.OK


def _passes(check: Check) -> bool:
    _banner(f"{check.name}: {' '.join(check.argv)}")
    if check.needs and not (ROOT / check.needs).exists():
        print(f"there is no {check.needs}/ to check")
        return False
    started = time.monotonic()
    code = _run([str(BIN / check.argv[0]), *check.argv[1:]])
    took = duration(time.monotonic() - started)
    print(f"-- {check.name} {'FAILED' if code else 'passed'} in {took}", flush=True)
    return code == 0


def _pytest(everything: bool, chosen: list[str]) -> list[str]:
    """Machines need root: with sudo where it is at hand; else their tests are left out, aloud."""
    wanted = [] if everything else ["not long"]
    prefix: list[str] = []
    if not is_root():
        prefix = sudo()
        if not prefix:
            print("not root, and no sudo at hand: the tests that make machines are left out")
            wanted.append("not lab")
    if is_root() or prefix:
        set_up = "from cli.lab_setup import ensure_packages; ensure_packages(print)"
        if _run([*prefix, sys.executable, "-c", set_up]):
            print("the lab's Debian packages could not be installed; its tests will fail")
    marks = ["-m", " and ".join(wanted)] if wanted else []
    return [*prefix, sys.executable, "-m", "pytest", *marks, *chosen]


def _run(argv: list[str]) -> int:
    environment = os.environ | {
        # The tools call each other by name.
        "PATH": f"{BIN}:{os.environ.get('PATH', os.defpath)}",
        # pyright comes with its program and with node; asking for newer ones needs a network.
        "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
        # Where the playbooks' own configuration says that roles are.
        "ANSIBLE_CONFIG": str(ROOT / "playbooks/ansible.cfg"),
    }
    environment.pop("PYRIGHT_PYTHON_FORCE_VERSION", None)
    return subprocess.run(argv, cwd=ROOT, env=environment, check=False).returncode


def _banner(text: str) -> None:
    print(f"\n== {text}", flush=True)
