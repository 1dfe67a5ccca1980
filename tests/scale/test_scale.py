"""What a run takes as clusters grow. Counts only: they are exact, and no clock is looked at."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from activities.control_planes import READY
from benchmarks import scale
from clients.errors import Transient
from clients.ssh.controller import Completed
from cluster.contracts import RunRef
from cluster.events import from_lines
from cluster.names import play_run_id, public_keys_blob, run_blob
from lab.simulation.connections import Node
from lab.simulation.engine import SimulatedEngine
from lab.simulation.run import Scenario, Simulation, simulation
from lab.simulation.storage import Blobs

PAYLOAD = 32 * 1024
CUSTOM_STATUS = 16 * 1024
ARM_REQUEST = 4 * 1024 * 1024


def hold(counted: dict[str, Any]) -> None:
    assert counted["activities"] <= 300
    assert counted["longestHistory"] <= 1000
    assert counted["largestPayload"] <= PAYLOAD, counted["largestPayloadIs"]
    assert counted["customStatus"] <= CUSTOM_STATUS
    assert counted["largestArmRequest"] <= ARM_REQUEST
    assert counted["noticedWithin"] <= 15
    assert counted["longestActivity"] <= 120


@pytest.mark.long
@pytest.mark.parametrize("nodes", [10, 100])
def test_smaller_runs_stay_within_the_same_bounds(nodes: int) -> None:
    hold(scale.measure(nodes))


@pytest.mark.long
def test_a_play_that_fails_on_every_host_stays_as_small() -> None:
    hold(scale.measure(1000, failing=1000))


@pytest.fixture(scope="module")
def thousand() -> Iterator[Simulation]:
    """One run for all that look at it: it takes some ten seconds."""
    with simulation(Scenario(1000)) as made:
        made.apply()
        made.engine.finish()
        yield made


def test_a_run_of_a_thousand_nodes_stays_small(thousand: Simulation) -> None:
    hold(scale.document(thousand))


def events(made: Simulation) -> list[str]:
    found = made.services.store.blobs.read(run_blob(made.scenario.cluster, 1, "events.jsonl"))
    assert found
    return [event.text for event in from_lines(found[0].decode())]


def test_the_whole_list_of_checks_is_in_a_blob_and_each_was_asked_once(
    thousand: Simulation,
) -> None:
    ref = RunRef(cluster=thousand.scenario.cluster, generation=1)
    names = [check.name for check in thousand.services.store.checks(ref)]
    # etcd 3, their disks 3, containerd 997; the API server: itself, the count, CoreDNS, 997 nodes,
    # 3 x 994 pods.
    assert len(names) == len(set(names)) == 3 + 3 + 997 + 3 + 997 + 3 * 994
    assert f"{len(names)} checks passed" in events(thousand)
    result = thousand.result()
    assert result is not None
    assert len(result.checks) == 40


def test_an_execution_reads_the_public_keys_once_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Counter[str]] = []
    act, read = SimulatedEngine._act, Blobs.read  # pyright: ignore[reportPrivateUsage]

    def counted_act(engine: SimulatedEngine, request: Any) -> None:
        reads.append(Counter())
        act(engine, request)

    def counted_read(blobs: Blobs, name: str) -> tuple[bytes, str] | None:
        if reads:
            reads[-1][name] += 1
        return read(blobs, name)

    monkeypatch.setattr(SimulatedEngine, "_act", counted_act)
    monkeypatch.setattr(Blobs, "read", counted_read)
    with simulation(Scenario(20)) as made:
        made.apply()
        made.engine.finish()
    assert max(names[public_keys_blob(made.scenario.cluster)] for names in reads) == 1


def test_the_recap_of_a_thousand_hosts_is_reported_with_its_sums(thousand: Simulation) -> None:
    recap = "recap: 1000 hosts, ok=120000 changed=60000 failed=0 unreachable=0"
    assert events(thousand).count(recap) == 1


def test_all_of_the_plays_output_is_in_its_blob(thousand: Simulation) -> None:
    """After each task, the line of each host that its stage concerns."""
    cluster = thousand.scenario.cluster
    play = thousand.fleet.play_of(play_run_id(cluster, 1, 1))
    found = thousand.services.store.blobs.read(run_blob(cluster, 1, "play-1.log"))
    assert found
    tasks = found[0].decode().split("TASK [")[1:]
    assert len(tasks) == 180
    for task in tasks:
        stage = task.partition(" :")[0]
        assert task.count("changed: [") == len(play.hosts_of(stage)), task[:100]
    assert found[0].endswith(b"PLAY RECAP\n")


def test_every_nodes_name_or_number_is_reported(thousand: Simulation) -> None:
    told = [text for text in events(thousand) if text.endswith(" nodes ready")]
    assert sum(int(text.split()[0]) for text in told) + events(thousand).count("ready") == 1001


@pytest.mark.long
def test_nodes_that_are_ready_at_once_are_reported_by_name_as_far_as_a_payload_goes() -> None:
    with simulation(Scenario(1000, ready=0.0)) as made:
        made.apply()
        made.engine.finish()
        assert made.engine.counts.largest[1] <= PAYLOAD
        assert "601 further nodes ready" in events(made)


def test_dead_control_planes_cost_a_verification_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Node.run

    def run(node: Node, argv: list[str], stdin: bytes = b"", timeout: float = 30.0) -> Completed:
        if argv == READY and node.name.rpartition("-")[2] in ("0", "1"):
            node.fleet.services.cloud.clock.spend(timeout / 16)
            raise Transient(f"{node.name} is silent")
        return answer(node, argv, stdin, timeout)

    monkeypatch.setattr(Node, "run", run)
    with simulation(Scenario(20)) as made:
        made.apply()
        made.engine.finish()
        assert made.engine.counts.longest_activity < 60
        checks = made.services.store.checks(RunRef(cluster=made.scenario.cluster, generation=1))
    api = next(check for check in checks if check.name == "API server")
    assert api.detail == f"asked on {made.scenario.cluster}-control-plane-2"
