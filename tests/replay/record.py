"""Records complete runs from the engine, for `test_histories.py` to replay.

Usage: .venv/bin/python -m tests.replay.record [NAME ...] (all, where none is named), from the
repository's root. Writes tests/replay/histories/VERSION/NAME.json: one event a line, as the engine
kept it. The clock, Azure and the machines are simulated (`lab/simulation`); everything else
is the app. The same code records the same bytes.

Record only for a new version (docs/decisions/0009-orchestration-versions.md): what is recorded
stands for runs that are in flight while the app is replaced. Afterwards write the folder's
SHA256SUMS by hand, once (`sha256sum *.json`); a test compares it.
"""

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf import json_format

from cluster.contracts import CANCEL_EVENT, ORCHESTRATION_VERSION
from cluster.names import CREDENTIALS
from cluster.spec import ClusterSpec
from cluster.spec_rules import parse_spec
from lab.simulation.run import Scenario, Simulation, simulation

HISTORIES = Path(__file__).parent / "histories"
SMALL = Scenario(6, ready=60.0, play=90.0, tasks=12, cluster="demo", pool="worker")


def success(made: Simulation) -> None:
    made.apply()
    made.engine.finish()


def failure_and_resume(made: Simulation) -> None:
    """A run in which a host fails, and its resume, in which none fails."""
    made.fleet.play = replace(made.fleet.play, failing=1)
    success(made)
    made.fleet.play = replace(made.fleet.play, failing=0)
    success(made)


def cancelled(made: Simulation) -> None:
    """A run that is cancelled in the last pause between two polls of the play."""
    claim = made.apply()

    def cancel() -> None:
        made.engine.raise_event(claim.operation.instance_id, CANCEL_EVENT, "ada")

    made.clock.at(360.0, cancel)
    made.engine.finish()


def deletion(made: Simulation) -> None:
    success(made)
    made.delete()
    made.engine.finish()


def long_play(made: Simulation) -> None:
    """A play so long that the run continues with a new history."""
    made.fleet.play = replace(made.fleet.play, seconds=1800.0)
    success(made)


def outage(made: Simulation) -> None:
    """Two appends to storage fail, and the engine retries them."""
    blobs = made.services.store.blobs
    append, left = blobs.append_at, [1, 1]

    def failing(name: str, position: int, data: bytes) -> int:
        if position and left:
            left.pop()
            raise OSError("the storage account is away")
        return append(name, position, data)

    blobs.append_at = failing  # type: ignore[method-assign]
    success(made)


def nodes_removed(made: Simulation) -> None:
    """A run after which the cluster has one worker fewer."""
    success(made)
    made.apply(_with_workers(made, 1))
    made.engine.finish()


def drain_blocked(made: Simulation) -> None:
    """A run that a disruption budget holds until its deadline."""
    made.fleet.kubernetes.held = lambda _: "web"
    success(made)
    made.apply(_with_workers(made, 1))
    made.engine.finish()


def _with_workers(made: Simulation, count: int) -> ClusterSpec:
    document = made.scenario.wanted.document()
    document["workers"][0]["count"] = count
    document["drain"]["deadlineSeconds"] = 60
    return parse_spec(document)


def backup(made: Simulation) -> None:
    """A launch, and a backup of the cluster."""
    success(made)
    made.back_up()
    made.engine.finish()


def node_replaced(made: Simulation) -> None:
    """A launch, and the replacements of a worker and of an etcd member."""
    success(made)
    for node in ("demo-worker-1", "demo-etcd-0"):
        made.replace(node)
        made.engine.finish()


def restore(made: Simulation) -> None:
    """A backup of a cluster, and its restore."""
    backup(made)
    made.restore("000002")
    made.engine.finish()


def restore_undone(made: Simulation) -> None:
    """A restore that is undone, because a member has no tool for it."""
    backup(made)
    made.fleet.etcd.without_tool = {"demo-etcd-1"}
    made.restore("000002")
    made.engine.finish()


def upgrade(made: Simulation) -> None:
    """A launch, and an upgrade to a later patch release."""
    success(made)
    made.fleet.kubernetes.manifest = "1.36.3"
    document = made.scenario.wanted.document()
    document["kubernetes"]["version"] = "1.36.3"
    made.apply(parse_spec(document))
    made.engine.finish()


def maintenance(made: Simulation) -> None:
    """A launch, and a maintenance that finds something."""
    success(made)
    made.fleet.due["demo-etcd-1"] = [{"path": "/etc/etcd/pki/peer.crt", "ends": "2026-02-01"}]
    made.maintain()
    made.engine.finish()


def maintenance_of_long_play(made: Simulation) -> None:
    """A maintenance whose play is so long that it continues with a new history."""
    success(made)
    made.fleet.play = replace(made.fleet.play, seconds=2400.0)
    made.maintain()
    made.engine.finish()


def rotation(made: Simulation) -> None:
    """A launch, and the rotation of each credential."""
    success(made)
    for credential in CREDENTIALS:
        made.rotate(credential)
        made.engine.finish()


def rotation_of_silent_machine(made: Simulation) -> None:
    """A rotation that fails because a machine does not answer, and the one that goes on with it."""
    success(made)
    made.fleet.unwell["demo-etcd-1"] = "no space left on device"
    made.rotate("ssh-key")
    made.engine.finish()
    made.fleet.unwell.clear()
    made.rotate("ssh-key")
    made.engine.finish()


def security_updates(made: Simulation) -> None:
    """A maintenance that restarts a member of etcd and updates a worker."""
    document = made.scenario.wanted.document()
    document["maintenance"]["securityUpdates"] = True
    made.apply(parse_spec(document))
    made.engine.finish()
    made.fleet.updates.packages = {"demo-etcd-0": ["openssl"], "demo-worker-1": ["openssl"]}
    made.fleet.updates.kernels = {"demo-etcd-0": "it runs an older kernel"}
    made.maintain()
    made.engine.finish()


RUNS: dict[str, Callable[[Simulation], None]] = {
    "success": success,
    "failure-and-resume": failure_and_resume,
    "cancelled": cancelled,
    "deletion": deletion,
    "long-play": long_play,
    "outage": outage,
    "nodes-removed": nodes_removed,
    "drain-blocked": drain_blocked,
    "backup": backup,
    "node-replaced": node_replaced,
    "restore": restore,
    "restore-undone": restore_undone,
    "upgrade": upgrade,
    "maintenance": maintenance,
    "maintenance-of-long-play": maintenance_of_long_play,
    "rotation": rotation,
    "rotation-of-silent-machine": rotation_of_silent_machine,
    "security-updates": security_updates,
}


def record(name: str) -> str:
    """The file's text: instance to its histories, each a list of events."""
    with simulation(SMALL) as made:
        RUNS[name](made)
        kept = made.engine.kept
    instances = (
        f"{json.dumps(instance)}: [\n{',\n'.join(_history(events) for events in histories)}\n]"
        for instance, histories in sorted(kept.items())
    )
    return "{\n" + ",\n".join(instances) + "\n}\n"


def _history(events: Iterable[pb.HistoryEvent]) -> str:
    lines = (json.dumps(json_format.MessageToDict(event), sort_keys=True) for event in events)
    return "[\n" + ",\n".join(lines) + "\n]"


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in RUNS]
    if unknown:
        told = f"no run is called {', '.join(unknown)}; there are {', '.join(RUNS)}"
        sys.stderr.write(told + "\n")
        return 2
    folder = HISTORIES / ORCHESTRATION_VERSION
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or RUNS:
        (folder / f"{name}.json").write_text(record(name), encoding="utf-8")
        sys.stdout.write(f"recorded {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
