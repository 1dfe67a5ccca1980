"""Compares Python and the installed packages with the versions that the app's lock pins."""

import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cluster.findings import Finding, Fix

# The same version as in arm/platform/app.json and in the checks.
PYTHON = "3.13"
LOCK = Path(__file__).resolve().parent.parent / "requirements.txt"
PUBLISH = Fix(
    text="build the package and publish it (docs/install.md, step 2)",
    command="./slipway package -o slipway.zip",
)
# A line of the lock: name==version, perhaps with a marker for other interpreters.
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)\s*(;[^\\]*)?\\?$", re.MULTILINE)


def versions(lock: str | None = None) -> Finding:
    """`lock`: text of a requirements.txt; None for the app's own."""
    text = LOCK.read_text(encoding="utf-8") if lock is None else lock
    pins = [(name, pinned) for name, pinned, marker in PINNED.findall(text) if not marker]
    faults = [fault for name, pinned in pins if (fault := _compare(name, pinned))]
    if not pins:
        faults.append(f"{LOCK.name} pins no package")
    running = platform.python_version()
    if not running.startswith(f"{PYTHON}."):
        faults.insert(0, f"Python {running} runs, but Slipway is tested with {PYTHON}")
    if faults:
        seen = "; ".join(faults[:8]) + ("; and more" if len(faults) > 8 else "")
        return Finding(name="versions", state="warning", seen=seen, fix=PUBLISH)
    durable = version("azure-functions-durable")
    seen = f"Python {running}, azure-functions-durable {durable}, {len(pins)} packages as pinned"
    return Finding(name="versions", state="ok", seen=seen)


def _compare(name: str, pinned: str) -> str:
    try:
        there = version(name)
    except PackageNotFoundError:
        return f"{name} is missing ({pinned} is pinned)"
    return "" if there == pinned else f"{name} is {there} ({pinned} is pinned)"
