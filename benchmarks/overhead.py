"""Measures what Slipway itself adds to a run: the wall time of the phases outside the critical
path.

Usage: python -m benchmarks.overhead < status.json (the response of GET /api/clusters/NAME for a
finished run in the lab, while the lab is still up). It prints a Markdown table. The critical path
is the work that is needed without Slipway too: ARM operations, boot of the machines, and the play's
own time on the controller.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WAITED = {"network", "machines", "nodes", "playbook"}


def import_seconds() -> float:
    """Returns the time to import the function app in a fresh process, in seconds: the median of
    five."""
    taken: list[float] = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], cwd=ROOT, check=True)
        empty = time.perf_counter() - start
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import function_app"], cwd=ROOT, check=True)
        taken.append(time.perf_counter() - start - empty)
    return sorted(taken)[2]


def memory(pattern: str) -> int:
    """Returns the resident memory, in megabytes, of the process whose command line contains the
    pattern."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if pattern.encode() not in (path / "cmdline").read_bytes():
                continue
            status = (path / "status").read_text()
        except OSError:
            continue
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) // 1024
    return 0


def table(status: dict[str, Any]) -> str:
    phases = {phase["name"]: phase["seconds"] or 0.0 for phase in status["phases"]}
    total = sum(phases.values())
    waited = sum(seconds for name, seconds in phases.items() if name in WAITED)
    lines = ["| phase | seconds |", "|---|---|"]
    lines += [f"| {name} | {seconds:.1f} |" for name, seconds in phases.items()]
    lines.append(f"| **sum** | **{total:.1f}** |")
    own = total - waited
    lines.append(f"| of it outside of ARM, boot and play | {own:.1f} ({100 * own / total:.1f} %) |")
    lines.append(f"| import of the function app | {import_seconds():.2f} |")
    lines.append(f"| memory of the functions worker, MB | {memory('lab.host.worker')} |")
    lines.append(f"| memory of the engine and host, MB | {memory('lab.host.main')} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(json.load(sys.stdin)))
