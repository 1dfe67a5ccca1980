"""pip-audit over what runs in Azure. It asks a service of known vulnerabilities; where that cannot
be reached, the audit did not run, and says so: nothing is passed that was not looked at."""

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
    """Whether it is no failure, and a line for the summary: passed, FAILED, or NOT RUN and why."""
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
    """What pip-audit's JSON says: `dependencies`, each with `vulns`, or with `skip_reason`."""
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
