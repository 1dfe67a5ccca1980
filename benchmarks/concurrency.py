"""Measures how many activities run at once, and how long an orchestrator's turn waits for them.

Usage: python -m benchmarks.concurrency. It runs an app of slow activities in Microsoft's worker
library on two CPUs, twice: with the library's thread pool alone (a plain DFApp), and as Slipway's
app runs. It prints a Markdown table. Compare within one run, not between machines.
"""

import base64
import os
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from durabletask.internal import helpers
from durabletask.internal import orchestrator_service_pb2 as pb

from lab.host.pool import WorkerPool, worker_environment
from triggers.thread_pools import ACTIVITY_THREADS

APP = Path(__file__).with_name("slow_app")
TURNS, HELD_SECONDS = 50, 5.0


@dataclass(frozen=True)
class Measured:
    """Durations in seconds: the median of a turn without activities, and the longest turn beside
    activities."""

    at_once: int
    idle: float
    longest: float


def measure(plain: bool) -> Measured:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = {
            "SLOW_FOLDER": name,
            "PYTHON_CPU_COUNT": "2",
            "SLOW_PLAIN": "1" if plain else "",
        }
        pool = WorkerPool(APP, worker_environment(settings), folder / "worker.log")
        pool.start()
        try:
            return _measure(pool, folder)
        finally:
            pool.end()


def _measure(pool: WorkerPool, folder: Path) -> Measured:
    payload = first_turn()
    idle = sorted(_turn(pool, payload) for _ in range(TURNS))[TURNS // 2]
    with ThreadPoolExecutor(ACTIVITY_THREADS) as callers:
        for _ in range(ACTIVITY_THREADS):
            callers.submit(pool.ask, "activity", "slow", "{}")
        time.sleep(1.0)  # by now all activities that can start have started
        at_once = len(list(folder.glob("activity-*")))
        ending = threading.Timer(HELD_SECONDS, (folder / "go").touch)
        ending.start()
        longest, until = 0.0, time.monotonic() + HELD_SECONDS
        while time.monotonic() < until:
            longest = max(longest, _turn(pool, payload))
        ending.join()
    return Measured(at_once, idle, longest)


def _turn(pool: WorkerPool, payload: str) -> float:
    started = time.perf_counter()
    pool.ask("orchestration", "turn", payload)
    return time.perf_counter() - started


def first_turn() -> str:
    """Returns the request with which an orchestration begins, as the host sends it."""
    started = helpers.new_execution_started_event("turn", "one", "{}")
    events = [helpers.new_orchestrator_started_event(), started]
    request = pb.OrchestratorRequest(instanceId="one", newEvents=events)
    return base64.b64encode(request.SerializeToString()).decode()


def table(library: Measured, own: Measured) -> str:
    rows = [
        (f"activities at once, of {ACTIVITY_THREADS}", library.at_once, own.at_once),
        ("a turn, nothing beside it, ms", f"{library.idle * 1e3:.1f}", f"{own.idle * 1e3:.1f}"),
        (
            f"the longest turn beside activities of {HELD_SECONDS:.0f} s, ms",
            f"{library.longest * 1e3:.0f}",
            f"{own.longest * 1e3:.0f}",
        ),
        (
            "the longest turn, in turns with nothing beside them",
            f"{library.longest / library.idle:.0f}",
            f"{own.longest / own.idle:.0f}",
        ),
    ]
    lines = [f"| {os.cpu_count()} CPUs | the library's pool | as Slipway runs |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


if __name__ == "__main__":
    print(table(measure(plain=True), measure(plain=False)))
