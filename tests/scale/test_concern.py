"""A play runs on what it concerns, at any size of the cluster. Counts only."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cluster.contracts import PlayInput, RunRef
from cluster.events import from_lines
from cluster.names import applied_blob, play_run_id, run_blob
from lab.simulation.connections import Node
from lab.simulation.run import Scenario, Simulation, simulation

CLUSTER = "demo"


@contextmanager
def launched(nodes: int) -> Iterator[Simulation]:
    with simulation(Scenario(nodes, ready=60.0, play=90.0, cluster=CLUSTER, pool="worker")) as made:
        run(made)
        yield made


def run(made: Simulation, *, full: bool = False, result: str = "succeeded") -> int:
    """Runs an operation to its end. Returns its generation."""
    generation = made.apply(full=full).operation.generation
    made.engine.finish()
    found = made.result(generation)
    assert found is not None
    assert found.result == result, found.cause
    return generation


def calls(made: Simulation, generation: int, attempt: int = 1) -> dict[str, int]:
    """The module calls of a play by host. Empty if there was no play."""
    name = play_run_id(CLUSTER, generation, attempt)
    return made.fleet.play_of(name).calls if name in made.fleet.inventories else {}


def texts(made: Simulation, generation: int) -> list[str]:
    found = made.services.store.blobs.read(run_blob(CLUSTER, generation, "events.jsonl"))
    assert found
    return [event.text for event in from_lines(found[0].decode())]


def of_one_more(nodes: int) -> dict[str, int]:
    """The calls by host of the play that adds a worker; the new one is called `new`."""
    with launched(nodes) as made:
        made.grow(nodes + 1)
        found = calls(made, run(made))
        new = made.plan_of(2).missing
    return {"new" if host in new else host: count for host, count in found.items()}


@pytest.mark.parametrize("nodes", [12, 100, pytest.param(1000, marks=pytest.mark.long)])
def test_a_worker_more_takes_the_same_calls_at_any_size(nodes: int) -> None:
    found = of_one_more(nodes)
    assert set(found) == {
        "new",
        "demo-controller",
        *(f"demo-control-plane-{index}" for index in range(3)),
    }
    assert found == of_one_more(11)


def of_one_less(nodes: int) -> dict[str, int]:
    """The calls by host of the play that follows the removal of a worker."""
    with launched(nodes) as made:
        made.grow(nodes - 1)
        return calls(made, run(made))


@pytest.mark.parametrize("nodes", [12, 100, pytest.param(1000, marks=pytest.mark.long)])
def test_a_worker_less_takes_the_same_calls_at_any_size(nodes: int) -> None:
    found = of_one_less(nodes)
    planes = (f"demo-control-plane-{index}" for index in range(3))
    assert set(found) == {"demo-controller", *planes}
    assert found == of_one_less(13)


def test_a_request_that_changes_nothing_starts_no_play_and_verifies() -> None:
    with launched(6) as made:
        again = run(made)
        assert calls(made, again) == {}
        said = texts(made, again)
        assert "no play: no machine is concerned by any stage" in said
        assert any(text.endswith(" checks passed") for text in said)
        assert not any(text.startswith("stage ") for text in said)


def test_a_full_pass_runs_on_every_machine_and_is_the_last_one() -> None:
    with launched(6) as made:
        first = calls(made, 1)
        assert calls(made, run(made, full=True)) == first
        assert calls(made, run(made)) == {}


def test_only_the_stages_that_run_are_reported() -> None:
    with launched(6) as made:
        made.grow(7)
        said = texts(made, run(made))
    stages = [text.split()[1] for text in said if text.startswith("stage ")]
    assert stages == [
        *("check", "wait", "artifacts", "base", "runtime", "nodes", "workers"),
        "network",
        "verify",
    ]
    assert "playbook started (attempt 1) on the 2 machines that it concerns" in said


def test_a_machine_that_was_lost_begins_at_the_first_stage() -> None:
    with launched(6) as made:
        del made.services.cloud.machines["demo-worker-0"]
        found = calls(made, run(made))
    assert set(found) == {"demo-controller", "demo-control-plane-0", "demo-worker-0"}


def test_a_failed_play_keeps_the_stages_that_ended_and_the_next_one_does_the_rest() -> None:
    with launched(6) as made:
        made.grow(7)
        made.fail_play(1)
        failed = calls(made, run(made, result="failed"))
        made.fail_play(0)
        rest = calls(made, run(made))
    new = next(host for host in failed if "worker" in host)
    # The simulated failure is in the last stage, of the first machine in the list.
    assert set(rest) == {"demo-controller", "demo-control-plane-0"}
    assert rest["demo-control-plane-0"] < failed["demo-control-plane-0"]
    assert new not in rest


def test_the_play_runs_on_every_machine_if_checks_fail_after_a_play_that_left_something_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with launched(6) as made:
        answer, broken = Node.run, ["demo-worker-0"]

        def run_on(node: Node, argv: list[str], stdin: bytes = b"", timeout: float = 30.0) -> Any:
            if node.name in broken and "ctr" in argv:
                done = answer(node, ["false"], stdin, timeout)
                return type(done)(1, b"", b"containerd is not running")
            return answer(node, argv, stdin, timeout)

        def start(*arguments: Any) -> Any:
            broken.clear()
            return begin(*arguments)

        monkeypatch.setattr(Node, "run", run_on)
        begin = made.fleet.control
        monkeypatch.setattr(made.fleet, "control", start)
        again = run(made)
        said = texts(made, again)
        assert calls(made, again, attempt=2) == calls(made, 1)
        assert "containerd on demo-worker-0: containerd is not running" in said
        assert "the playbook runs on every machine, because checks failed" in said
        ref = RunRef(cluster=CLUSTER, generation=again)
        assert all(check.ok for check in made.services.store.checks(ref, 2))
        assert calls(made, run(made)) == {}


def test_a_cluster_that_stays_broken_fails_after_one_repair(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with launched(6) as made:
        answer = Node.run

        def run_on(node: Node, argv: list[str], stdin: bytes = b"", timeout: float = 30.0) -> Any:
            done = answer(node, argv, stdin, timeout)
            return type(done)(1, b"", b"broken") if "ctr" in argv else done

        monkeypatch.setattr(Node, "run", run_on)
        again = run(made, result="failed")
        assert calls(made, again, attempt=2) == calls(made, 1)
        assert calls(made, again, attempt=3) == {}
        result = made.result(again)
        assert result is not None
        assert result.cause is not None
        assert (result.cause.code, result.cause.phase) == ("VerificationFailed", "verify")


def test_a_run_of_a_version_without_fingerprints_makes_all_of_them_void() -> None:
    with launched(6) as made:
        store = made.services.store
        run(made)
        kept = store.blobs.read(applied_blob(CLUSTER))
        assert kept is not None
        run(made)
        # As if the last run had been one of a version that does not know the document.
        store.blobs.write(applied_blob(CLUSTER), kept[0])
        assert calls(made, run(made)) == calls(made, 1)


def test_a_cluster_of_the_same_name_starts_without_fingerprints() -> None:
    with launched(6) as made:
        assert made.delete() is not None
        made.engine.finish()
        again = run(made)
        assert calls(made, again) == calls(made, 1)


def test_the_scope_of_a_play_is_kept_with_the_run() -> None:
    with launched(6) as made:
        ref = PlayInput(cluster=CLUSTER, generation=1)
        scope = made.services.store.play_scope(ref)
        assert scope is not None
        assert scope.whole
        assert len(scope.machines) == 6


@pytest.mark.parametrize("full", [False, True])
def test_the_plan_shows_what_the_play_will_run(*, full: bool) -> None:
    with launched(6) as made:
        made.grow(7)
        planned = {stage.stage: stage.nodes for stage in made.plan(full=full).play}
        again = run(made, full=full)
        scope = made.services.store.play_scope(PlayInput(cluster=CLUSTER, generation=again))
        assert scope is not None
        assert planned == {stage: scope.nodes(stage) for stage in scope.stages}
        assert made.plan(full=False).play == ()


def test_a_plan_of_a_cluster_that_does_not_exist_has_every_machine_and_stores_nothing() -> None:
    with simulation(Scenario(6, cluster=CLUSTER, pool="worker")) as made:
        planned = {stage.stage: stage.nodes for stage in made.plan(full=False).play}
        assert len(planned["base"]) == 6
        assert made.services.store.blobs.list("clusters/") == []
