"""Measures what one run needs for clusters of different sizes: the real app on simulated time and
simulated Azure.

Usage: python -m benchmarks.scale [--nodes 10,100,1000] [--failing N] [--json]

The nodes become ready over five minutes, and the play takes twenty minutes. Each size runs in a
separate process, so that its peak memory is measured separately. Counts are exact and the same in
every run; CPU seconds depend on the machine. With --failing N, N hosts fail at the last task of the
play.

The cost of a run is computed from the counts (`benchmarks/cost.py` has the prices and the formula).
"""

import argparse
import json
import resource
import subprocess
import sys
from typing import Any

from benchmarks import cost
from lab.simulation.run import Scenario, Simulation, simulation

SIZES = "10,100,1000"
ROWS = (
    ("activity executions", "activities", "{}"),
    ("timers", "timers", "{}"),
    ("orchestrator executions", "replays", "{}"),
    ("events of the longest history", "longestHistory", "{}"),
    ("largest payload, bytes", "largestPayload", "{}"),
    ("what that payload is", "largestPayloadIs", "{}"),
    ("custom status, bytes", "customStatus", "{}"),
    ("largest ARM request, bytes", "largestArmRequest", "{}"),
    ("a node's report is read after, seconds at most", "noticedWithin", "{:.1f}"),
    ("longest activity, simulated seconds", "longestActivity", "{:.0f}"),
    ("simulated minutes", "minutes", "{:.1f}"),
    ("CPU seconds of orchestrators", "replayCpu", "{:.1f}"),
    ("CPU seconds of activities", "activityCpu", "{:.1f}"),
    ("peak memory, MB, simulation included", "peakMemory", "{:.0f}"),
)


def measure(nodes: int, failing: int = 0) -> dict[str, Any]:
    """Runs one operation in this process. Raises RuntimeError if it does not end as expected."""
    with simulation(Scenario(nodes, failing=failing)) as made:
        made.apply()
        made.engine.finish()
    result, wanted = made.result(), "failed" if failing else "succeeded"
    if result is None or result.result != wanted:
        raise RuntimeError(f"{nodes} nodes: ended as {result}, not as {wanted}")
    return document(made)


def document(made: Simulation) -> dict[str, Any]:
    """Returns the counts of an ended run, and its cost."""
    counts = made.engine.counts
    what, largest = counts.largest
    counted: dict[str, Any] = {
        "nodes": made.scenario.nodes,
        "activities": counts.activities.total(),
        "byActivity": dict(counts.activities.most_common()),
        "timers": counts.timers,
        "replays": counts.replays,
        "histories": counts.histories,
        "longestHistory": max(counts.histories),
        "largestPayload": largest,
        "largestPayloadIs": what,
        "customStatus": counts.custom_status,
        "largestArmRequest": made.services.cloud.largest_request,
        "noticedWithin": max(made.fleet.delays.values()),
        "longestActivity": counts.longest_activity,
        "billedActivitySeconds": round(counts.billed_seconds, 1),
        "minutes": round(made.clock.seconds / 60, 1),
        "replayCpu": round(counts.replay_cpu, 2),
        "activityCpu": round(counts.activity_cpu, 2),
        "peakMemory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "calls": dict(made.services.cloud.calls),
    }
    return counted | {"cost": cost.of_run(counted)}


def in_own_process(nodes: int, failing: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.scale", "--one", str(nodes)]
    command += ["--failing", str(failing)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def table(results: list[dict[str, Any]]) -> str:
    """Returns a Markdown table of the results."""
    heads = [f"{result['nodes']} nodes" for result in results]
    lines = ["| | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for name, key, form in ROWS:
        lines.append(f"| {name} | " + " | ".join(form.format(r[key]) for r in results) + " |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--nodes", default=SIZES, help=f"numbers of nodes, separated by commas (default {SIZES})"
    )
    parser.add_argument(
        "--failing", type=int, default=0, help="number of hosts on which the play fails"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one, arguments.failing)))
        return 0
    try:
        sizes = [int(size) for size in arguments.nodes.split(",")]
    except ValueError:
        parser.error(f"--nodes is '{arguments.nodes}': whole numbers by commas, like {SIZES}")
    if not all(5 <= size <= 1000 for size in sizes):
        parser.error(f"--nodes is '{arguments.nodes}': each from 5 to 1000")
    results = [in_own_process(size, arguments.failing) for size in sizes]
    if arguments.json:
        print(json.dumps(results, indent=2))
    else:
        print(f"{table(results)}\n\n{cost.table(results)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
