"""Runs checkov on the templates, in a separate environment because its dependencies conflict with
newer ones.

It uses no network: its rules are part of it, and its calls to its vendor are disabled. If its
environment cannot be created, the result is NOT RUN.
"""

import json
import os
import subprocess
import time
from typing import Any

import yaml

from cli.text import duration
from dev.paths import ROOT
from lab.environment import prepare

NAME = "template scan"
VENV, LOCK = ROOT / ".venv-checkov", ROOT / "requirements" / "checkov.txt"
TEMPLATES = ROOT / "arm"
EXCEPTIONS = TEMPLATES / "exceptions.yaml"
# The parts of this file are scanned one by one, because checkov does not see nested templates.
JOINED = "azuredeploy.json"
ARGUMENTS = (
    "--directory", "arm", "--framework", "arm", "--skip-path", JOINED, "--skip-download",
    "--quiet", "--compact", "--output", "json",
)  # fmt: skip
NOWHERE = "http://127.0.0.1:9"  # the discard port
QUIET = {
    "BC_API_KEY": "",
    "CKV_SKIP_PACKAGE_UPDATE_CHECK": "True",
    "LOG_LEVEL": "ERROR",
    "http_proxy": NOWHERE,
    "https_proxy": NOWHERE,
}
SECONDS = 180

type Findings = dict[tuple[str, str], str]


def run_scan() -> tuple[bool, str]:
    """Returns whether the scan did not fail, and a line for the summary: passed, FAILED, or NOT RUN
    with the reason."""
    print(f"\n== {NAME}: checkov {' '.join(ARGUMENTS)}", flush=True)
    started = time.monotonic()
    if fault := prepare(VENV, LOCK):
        print(f"{fault}\n-- {NAME} NOT RUN", flush=True)
        return True, f"{NAME} NOT RUN (pip could not install requirements/checkov.txt)"
    done = subprocess.run(
        [str(VENV / "bin" / "checkov"), *ARGUMENTS],
        cwd=ROOT, env=os.environ | QUIET, capture_output=True, text=True, check=False,
        timeout=SECONDS,
    )  # fmt: skip
    faults = judge(done.stdout, exceptions(EXCEPTIONS.read_text(encoding="utf-8")))
    for fault in faults:
        print(fault)
    took = duration(time.monotonic() - started)
    outcome = f"{NAME} {'FAILED' if faults else 'passed'} in {took}"
    print(f"-- {outcome}", flush=True)
    return not faults, outcome


def exceptions(text: str) -> Findings:
    """Returns the reasons of the accepted findings, by check and template."""
    found: dict[str, dict[str, str]] = yaml.safe_load(text)
    return {(check, file): why for check, files in found.items() for file, why in files.items()}


def judge(output: str, accepted: Findings) -> list[str]:
    """Returns the faults: findings without an exception, exceptions without a finding, and
    unreadable templates."""
    try:
        report: dict[str, Any] = json.loads(output)
        results, passed = report["results"], report["summary"]["passed"]
        failed: list[dict[str, Any]] = results["failed_checks"]
    except (ValueError, KeyError, TypeError):
        return ["checkov gave no report"]
    found: Findings = {
        (check["check_id"], check["file_path"].lstrip("/")): (
            f"{check['check_name']} ({check['resource']}, line {check['file_line_range'][0]})"
        )
        for check in failed
    }
    faults = [f"{file} could not be read" for file in results.get("parsing_errors") or ()]
    if not passed:
        faults.append("checkov found nothing to look at")
    faults += [f"{f}: {c}: {found[c, f]}" for c, f in sorted(found) if (c, f) not in accepted]
    stale = sorted(set(accepted) - set(found))
    return faults + [f"{f}: {c} is an exception that nothing needs" for c, f in stale]
