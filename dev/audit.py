"""Runs pip-audit on the packages that run in Azure. pip-audit queries a vulnerability service. If
the service cannot be reached, the result is NOT RUN, never passed."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from cli.text import duration
from dev.paths import ROOT

AUDIT = ("-r", "requirements.txt", "--require-hashes", "--disable-pip", "--progress-spinner=off")
NAME = "dependency audit"
SECONDS = 180


def run_audit(programs: Path) -> tuple[bool, str]:
    """Returns whether the check did not fail, and a line for the summary: passed, FAILED, or NOT
    RUN with the reason."""
    argv = [str(programs / "pip-audit"), *AUDIT, "--format=json"]
    print(f"\n== {NAME}: pip-audit {' '.join(AUDIT)}", flush=True)
    started = time.monotonic()
    try:
        done = subprocess.run(
            argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS
        )
        passed, outcome = judge(done.stdout)
    except subprocess.TimeoutExpired:
        passed, outcome = True, f"NOT RUN (no answer in {SECONDS} s)"
    if outcome == "passed":
        outcome += f" in {duration(time.monotonic() - started)}"
    print(f"-- {NAME} {outcome}", flush=True)
    return passed, f"{NAME} {outcome}"


def judge(output: str) -> tuple[bool, str]:
    """Evaluates pip-audit's JSON output: `dependencies`, each with `vulns`, or with `skip_reason`.
    Returns as `run_audit`."""
    try:
        dependencies: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return True, "NOT RUN (the vulnerability service cannot be reached)"
    for found in dependencies:
        for vulnerability in found.get("vulns", ()):
            fixed = ", ".join(vulnerability.get("fix_versions", ())) or "no version yet"
            print(f"{found['name']} {found['version']}: {vulnerability['id']}, fixed in {fixed}")
    faulty = [found["name"] for found in dependencies if found.get("vulns")]
    if faulty:
        return False, f"FAILED ({', '.join(faulty)})"
    unknown = sum("skip_reason" in found for found in dependencies)
    if unknown or not dependencies:
        count = len(dependencies)
        return True, f"NOT RUN (the service knows {count - unknown} of {count} packages)"
    return True, "passed"
