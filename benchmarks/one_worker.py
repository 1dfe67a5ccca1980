"""Measures what one worker more and one worker less touch in clusters of different sizes: the real
app on simulated time and simulated Azure.

Usage: python -m benchmarks.one_worker [--nodes 5,30,1000] [--json]

Counts are exact and the same in every run. A stage counts as the same number of module calls on
each machine on which it runs. Seconds are the simulation's: the play takes a fixed time, a machine
150 s, and the pods of a node 30 s to end.
"""

import argparse
import json
import sys
from collections import Counter
from typing import Any

from cluster.names import play_run_id
from lab.simulation.run import Scenario, Simulation, simulation

SIZES = "5,30,1000"
CLUSTER = "one-worker"
ROWS = (
    ("module calls of the play", "calls"),
    ("machines that the play touches", "machines"),
    ("of them neither new nor leaving", "others"),
    ("programs on nodes", "programs"),
    ("ARM calls", "arm"),
    ("activity executions", "activities"),
    ("orchestrator executions", "replays"),
    ("simulated seconds", "seconds"),
)


def measure(nodes: int) -> dict[str, dict[str, float]]:
    """Returns what a growth by one worker and then a removal of one take.

    Raises:
        RuntimeError: an operation did not succeed.
    """
    with simulation(Scenario(nodes, ready=60.0, play=90.0, cluster=CLUSTER, pool="worker")) as made:
        _run(made)
        before = set(made.services.cloud.machines)
        made.grow(nodes + 1)
        grown = _run(made)
        new = set(made.services.cloud.machines) - before
        found = {"+1": grown | {"others": len(grown["touched"] - new)}}
        before |= new
        made.grow(nodes)
        shrunk = _run(made)
        gone = before - set(made.services.cloud.machines)
        if (len(new), len(gone)) != (1, 1):
            raise RuntimeError(f"{nodes} nodes: {new} came and {gone} went, not one machine each")
        found["-1"] = shrunk | {"others": len(shrunk["touched"] - gone)}
    return {
        name: {key: value for key, value in one.items() if key != "touched"}
        for name, one in found.items()
    }


def _run(made: Simulation) -> dict[str, Any]:
    """Runs the spec to its end. Returns what that took."""
    counts, cloud = made.engine.counts, made.services.cloud
    activities, replays, seconds = counts.activities.total(), counts.replays, made.clock.seconds
    arm, programs = cloud.calls["ARM calls"], made.fleet.programs
    generation = made.apply().operation.generation
    made.engine.finish()
    result = made.result(generation)
    if result is None or result.result != "succeeded":
        raise RuntimeError(f"{made.scenario.nodes} nodes: ended as {result}")
    calls = _calls(made, generation)
    return {
        "calls": calls.total(),
        "machines": len(calls),
        "touched": set(calls) - {made.plan_of(generation).controller.name},
        "programs": made.fleet.programs - programs,
        "arm": cloud.calls["ARM calls"] - arm,
        "activities": counts.activities.total() - activities,
        "replays": counts.replays - replays,
        "seconds": round(made.clock.seconds - seconds),
    }


def _calls(made: Simulation, generation: int) -> Counter[str]:
    """Returns the module calls of the operation's play by host: none if it started no play."""
    name = play_run_id(CLUSTER, generation, 1)
    return Counter(made.fleet.play_of(name).calls if name in made.fleet.inventories else {})


def table(results: dict[int, dict[str, dict[str, float]]]) -> str:
    """Returns a Markdown table of the results."""
    heads = [f"{change}: {nodes} nodes" for change in ("+1", "-1") for nodes in results]
    lines = ["| | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for title, key in ROWS:
        cells = [f"{one[change][key]:g}" for change in ("+1", "-1") for one in results.values()]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    text = f"numbers of nodes, separated by commas (default {SIZES})"
    parser.add_argument("--nodes", default=SIZES, help=text)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    try:
        sizes = [int(size) for size in arguments.nodes.split(",")]
    except ValueError:
        parser.error(f"--nodes is '{arguments.nodes}': whole numbers by commas, like {SIZES}")
    if not all(5 <= size < 1000 or size == 1000 for size in sizes):
        parser.error(f"--nodes is '{arguments.nodes}': each from 5 to 1000")
    results = {size: measure(size) for size in sizes}
    print(json.dumps(results, indent=2) if arguments.json else table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
