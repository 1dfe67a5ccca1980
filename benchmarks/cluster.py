"""Measures launches of a cluster in the lab: seconds of each stage, tasks and CPU seconds of each
node, downloads, and the slowest tasks.

Usage, as root: python -m benchmarks.cluster DIR [WORKERS ...] [--through STAGE]. It launches one
cluster for each number of workers, with 3 etcd members and 1 control plane, from the mirror DIR,
and removes the lab after each. It prints Markdown tables. Each figure comes from a single run.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from lab.control import STATE

ROOT = Path(__file__).resolve().parent.parent
SLIPWAY = str(ROOT / "slipway")
NAME = "bench"
RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)", re.MULTILINE)
FETCHED = re.compile(r'"GET (\S+) HTTP/1\.\d" 200')
SLOWEST = 8

type Seconds = dict[str, float]


@dataclass
class Run:
    """Measurements of one cluster: seconds by stage and by task; tasks and CPU seconds by node."""

    total: float = 0.0
    stages: Seconds = field(default_factory=dict[str, float])
    tasks: Seconds = field(default_factory=dict[str, float])
    node_tasks: dict[str, int] = field(default_factory=dict[str, int])
    node_cpu: Seconds = field(default_factory=dict[str, float])
    downloads: dict[str, int] = field(default_factory=dict[str, int])


def measure(artifacts: str, workers: int, through: str) -> Run:
    spec = {
        "name": NAME,
        # The controller is kept, so that its CPU time can be read at the end.
        "controller": {"keep": True},
        "workers": [{"name": "worker", "count": workers}],
        "playbook": {"through": through},
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(spec, file)
        file.flush()
        argv = [SLIPWAY, "demo", "--keep", "--spec", file.name, "--artifacts", artifacts]
        try:
            subprocess.run(argv, check=True, stdout=sys.stderr)
            return read()
        finally:
            subprocess.run([SLIPWAY, "lab", "down"], check=True, stdout=sys.stderr)


def read() -> Run:
    run = Run()
    argv = [SLIPWAY, "events", NAME, "--json"]
    output = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    _times(run, [json.loads(line) for line in output.splitlines()])
    for record in (STATE / "machines").glob("*/machine.json"):
        machine = json.loads(record.read_text(encoding="utf-8"))
        hostname = machine["spec"]["hostname"]
        run.node_cpu[hostname] = _cpu(f"slw{machine['number']}")
    log = STATE / "logs/mirror.log"
    # Without a log nothing was downloaded: the stages before the container runtime need no file.
    for path in FETCHED.findall(log.read_text(encoding="utf-8")) if log.exists() else []:
        run.downloads[path] = run.downloads.get(path, 0) + 1
    argv = [SLIPWAY, "lab", "exec", f"{NAME}-controller", "--", "sh", "-c"]
    show = [*argv, "cat /var/lib/slipway/runs/*/play.log"]
    text = subprocess.run(show, check=True, capture_output=True, text=True).stdout
    run.node_tasks = {host: int(ok) for host, ok, _ in RECAP.findall(text)}
    return run


def _times(run: Run, events: list[dict[str, Any]]) -> None:
    """Adds up the durations. An event lasts until the next one. Time outside the play counts for
    its phase."""
    times = [datetime.fromisoformat(event["time"]) for event in events]
    run.total = (times[-1] - times[0]).total_seconds()
    stage = ""
    for event, start, end in zip(events, times, times[1:], strict=False):
        if event["kind"] == "play.stage":
            stage = event["stage"]
        elif event["phase"] != "playbook":
            stage = event["phase"] or "plan"
        seconds = (end - start).total_seconds()
        run.stages[stage] = run.stages.get(stage, 0.0) + seconds
        if event["task"]:
            task = f"{stage}: {event['task']}"
            run.tasks[task] = run.tasks.get(task, 0.0) + seconds


def _cpu(group: str) -> float:
    for root in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
        path = Path(root, group, "cpu.stat")
        if path.exists():
            found = dict(line.split() for line in path.read_text().splitlines())
            return int(found["usage_usec"]) / 1e6
    return float("nan")


def table(runs: dict[int, Run]) -> str:
    """Returns a Markdown table with a column for each number of workers."""
    heads = " | ".join(f"{workers} workers" for workers in runs)
    lines = [f"| stage, seconds | {heads} |", "|---|" + "---|" * len(runs)]
    stages = list(dict.fromkeys(stage for run in runs.values() for stage in run.stages))
    for stage in stages:
        lines.append(_row(stage, [f"{run.stages.get(stage, 0.0):.1f}" for run in runs.values()]))
    lines.append(_row("**sum**", [f"**{run.total:.0f}**" for run in runs.values()]))
    for role in ("controller", "etcd-0", "control-plane-0", "worker-1"):
        host = f"{NAME}-{role}"
        tasks = [str(run.node_tasks.get(host, 0)) for run in runs.values()]
        lines.append(_row(f"tasks on {role}", tasks))
        cpu = [f"{run.node_cpu.get(host, 0.0):.0f}" for run in runs.values()]
        lines.append(_row(f"CPU seconds of {role}", cpu))
    lines.append(_row("files downloaded", [str(len(run.downloads)) for run in runs.values()]))
    most = [str(max(run.downloads.values(), default=0)) for run in runs.values()]
    lines.append(_row("most downloads of one file", most))
    last = list(runs.values())[-1]
    slowest = sorted(last.tasks.items(), key=lambda item: -item[1])[:SLOWEST]
    lines += ["", f"Slowest tasks with {list(runs)[-1]} workers:", ""]
    lines += [f"- {seconds:.1f} s {task}" for task, seconds in slowest]
    return "\n".join(lines)


def _row(name: str, values: list[str]) -> str:
    return f"| {name} | {' | '.join(values)} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    text = "directory with the mirror of the artifacts"
    parser.add_argument("artifacts", metavar="DIR", help=text)
    text = "numbers of workers, a cluster for each (default 2 8)"
    parser.add_argument(
        "workers", metavar="WORKERS", nargs="*", type=int, default=[2, 8], help=text
    )
    text = "last stage of the play (default verify)"
    parser.add_argument("--through", metavar="STAGE", default="verify", help=text)
    asked = parser.parse_args()
    runs = {count: measure(asked.artifacts, count, asked.through) for count in asked.workers}
    print(table(runs))


if __name__ == "__main__":
    main()
