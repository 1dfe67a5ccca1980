"""Seconds of the list of clusters in Azurite: 2,000 clusters that were and 50 that are.

`python -m benchmarks.listing [--runs N]`: each cluster has N runs with 8 blobs each. The app's own
store writes the records. The second line is of records without a summary, as an older version
leaves them: their first list reads every record.
"""

import argparse
import secrets
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from clients.azure.blobs import Blobs
from clients.record_store import to_json
from clients.settings import Settings
from clients.store import Store
from cluster.names import record_blob, run_blob
from cluster.record import ClaimedOperation, ClusterRecord
from cluster.spec_rules import parse_spec
from lab.testing.azurite import running_azurite
from runs.listing import all_clusters

GONE, LIVING, RUNNING = 2000, 50, 10
FILES = (
    "plan.json",
    "nodes.json",
    "checks.json",
    "events.jsonl",
    "result.json",
    "play-1.log",
    "slack/00001-1.claimed.json",
    "slack/00001-1.posted.json",
)
REPEATS = 5


class Engine:
    """In place of the durable engine, which answers in the same process here."""

    def status(self, instance_id: str) -> str | None:
        del instance_id
        return "RUNNING"

    def start(self, orchestrator: str, instance_id: str, payload: dict[str, Any]) -> None:
        raise NotImplementedError

    def raise_event(self, instance_id: str, name: str, data: str) -> bool:
        raise NotImplementedError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1)
    runs = parser.parse_args().runs
    with (
        tempfile.TemporaryDirectory() as folder,
        running_azurite(Path(folder), durable=False) as storage,
    ):
        for kind in ("summaries", "records without a summary"):
            settings = Settings("s", "v", storage, container=f"c{secrets.token_hex(4)}")
            store = Store(Blobs(settings))
            _fill(store, runs, summaries=kind == "summaries")
            seconds = [_listed(store) for _ in range(REPEATS)]
            print(f"{kind}: first {seconds[0]:.2f} s, then {min(seconds[1:]):.2f} to "
                  f"{max(seconds[1:]):.2f} s ({runs} runs a cluster)")  # fmt: skip


def _listed(store: Store) -> float:
    begun = time.monotonic()
    found = all_clusters(store, Engine())
    seconds = time.monotonic() - begun
    if len(found) != GONE + LIVING:
        raise RuntimeError(f"{len(found)} clusters are listed")
    return seconds


def _fill(store: Store, runs: int, *, summaries: bool) -> None:
    def one(number: int) -> None:
        record = _record(number)
        if summaries:
            store.create_record(record)
        else:
            store.blobs.write(record_blob(record.name), to_json(record))
        for generation in range(1, runs + 1):
            for file in FILES:
                store.blobs.write(run_blob(record.name, generation, file), b"{}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(GONE + LIVING)))


def _record(number: int) -> ClusterRecord:
    name = f"team-{number:05d}"
    running = number < RUNNING
    operation = ClaimedOperation(
        generation=1,
        kind="reconcile" if number < LIVING else "delete",
        instance_id=f"{name}-000001",
        started_at="2026-11-29T12:00:00.000+00:00",
        finished=not running,
    )
    state = "running" if running else "ready" if number < LIVING else "deleted"
    spec = parse_spec({"name": name}).document()
    return ClusterRecord(
        name=name, uid="1", generation=1, state=state, group=f"{name}-rg", spec=spec,
        operation=operation)  # fmt: skip


if __name__ == "__main__":
    main()
