"""Security updates in a maintenance of a simulated cluster: one machine after the other."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from cluster.contracts import CANCEL_EVENT, FinishInput, RunRef
from lab.simulation.run import Scenario, Simulation, simulation

KERNEL = "it runs the kernel 6.12.1, and 6.12.2 is installed"
ETCD = tuple(f"demo-etcd-{index}" for index in range(3))
PLANES = tuple(f"demo-control-plane-{index}" for index in range(3))
WORKERS = ("demo-worker-0", "demo-worker-1")


@pytest.fixture
def made() -> Iterator[Simulation]:
    """A cluster whose spec asks for security updates, and whose launch has ended."""
    spec = {"maintenance": {"securityUpdates": True}, "controlPlane": {"count": 3}}
    scenario = Scenario(
        8, ready=60.0, play=90.0, tasks=12, cluster="demo", pool="worker", spec=spec
    )
    with simulation(scenario) as simulated:
        simulated.apply()
        simulated.engine.finish()
        yield simulated


def maintain(made: Simulation) -> FinishInput:
    generation = made.maintain().operation.generation
    made.engine.finish()
    result = made.result(generation)
    assert result is not None
    return result


def findings(result: FinishInput) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in result.findings]


def texts(made: Simulation, generation: int = 2) -> list[str]:
    ref = RunRef(cluster="demo", generation=generation)
    return [event.text for event in made.services.store.events(ref)]


def cordoned(made: Simulation) -> set[str]:
    return made.fleet.kubernetes.cordoned


def need(made: Simulation, *names: str, restart: bool = True) -> None:
    made.fleet.updates.packages |= {name: ["openssl", "linux-image-cloud-amd64"] for name in names}
    if restart:
        made.fleet.updates.kernels |= dict.fromkeys(names, KERNEL)


def test_machines_are_updated_and_restarted_one_by_one_etcd_and_control_planes_first(
    made: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(made, *WORKERS, *PLANES, *ETCD)
    updates, away = made.fleet.updates, list[list[str]]()
    restart = updates._restart  # pyright: ignore[reportPrivateUsage]

    def watched(name: str, boot: str) -> Any:
        others = [one for one in (*ETCD, *PLANES, *WORKERS) if one != name]
        away.append([one for one in others if updates.is_away(one)])
        away[-1] += sorted(cordoned(made) - {name})
        return restart(name, boot)

    monkeypatch.setattr(updates, "_restart", watched)
    result = maintain(made)
    assert (result.result, findings(result)) == ("succeeded", [])
    assert updates.restarted == [*ETCD, *PLANES, *WORKERS]
    assert away
    assert {tuple(names) for names in away} == {()}
    assert (updates.packages, updates.kernels, cordoned(made)) == ({}, {}, set())
    assert "security updates: 8 machines updated, 8 of them restarted" in texts(made)


def test_a_machine_that_needs_no_restart_is_not_emptied(made: Simulation) -> None:
    need(made, "demo-worker-1", restart=False)
    maintain(made)
    assert (made.fleet.updates.restarted, made.fleet.updates.packages) == ([], {})
    assert "demo-worker-1 has its security updates" in texts(made)
    assert "security updates: 1 machines updated, 0 of them restarted" in texts(made)


def test_nothing_is_updated_without_being_asked_for() -> None:
    with simulation(Scenario(6, cluster="demo", pool="worker")) as made:
        made.apply()
        made.engine.finish()
        need(made, "demo-worker-1")
        maintain(made)
        assert "demo-worker-1" in made.fleet.updates.packages
        assert not [text for text in texts(made) if "security" in text]


def test_nothing_is_updated_while_something_else_is_wrong(made: Simulation) -> None:
    need(made, "demo-worker-1")
    made.fail_play(1)
    result = maintain(made)
    assert [code for code, _ in findings(result)] == ["DriftNotCorrected"]
    assert "demo-worker-1" in made.fleet.updates.packages
    assert "no security updates, because something else is wrong" in texts(made)


@pytest.mark.parametrize("fault", ["broken", "stubborn", "held"])
def test_the_first_machine_that_is_not_well_ends_it_and_is_a_finding(
    made: Simulation, fault: str
) -> None:
    need(made, *WORKERS)
    updates = made.fleet.updates
    if fault == "broken":
        updates.broken["demo-worker-0"] = "E: dpkg was interrupted"
        detail = "security updates were not installed: E: dpkg was interrupted"
    elif fault == "stubborn":
        updates.stubborn.add("demo-worker-0")
        detail = f"was restarted and would have to be again: {KERNEL}"
    else:
        made.fleet.kubernetes.held = lambda _: "shop/web"
        detail = "was not restarted: "
    result = maintain(made)
    assert findings(result) == [("UpdatesFailed", "demo-worker-0")]
    assert result.findings[0].detail.startswith(detail)
    assert "demo-worker-1" in updates.packages
    assert updates.restarted == (["demo-worker-0"] if fault == "stubborn" else [])
    assert cordoned(made) == set()
    if fault == "held":
        assert "shop/web" in result.findings[0].detail


def test_an_etcd_member_is_not_restarted_while_another_one_is_not_healthy(
    made: Simulation,
) -> None:
    need(made, ETCD[0])
    made.fleet.etcd.unseen = {ETCD[2]: "no leader"}
    result = maintain(made)
    assert ("UpdatesFailed", ETCD[0]) in findings(result)
    detail = next(one.detail for one in result.findings if one.code == "UpdatesFailed")
    assert "demo-etcd-2: no leader" in detail
    assert made.fleet.updates.restarted == []


@pytest.mark.parametrize("back", [True, False])
def test_a_machine_does_not_restart_while_another_one_went_away_since_it_was_emptied(
    made: Simulation, monkeypatch: pytest.MonkeyPatch, back: bool
) -> None:
    need(made, PLANES[0])
    kubernetes, fleet = made.fleet.kubernetes, made.fleet
    answer, asked = kubernetes.answer, list[float]()

    def emptied(request: dict[str, Any]) -> dict[str, Any]:
        found = answer(request)
        if found["drained"] and not asked:
            asked.append(made.clock.seconds)
            fleet.unwell = {PLANES[2]: "connection refused"}
            if back:
                made.clock.at(made.clock.seconds + 120.0, fleet.unwell.clear)
        return found

    monkeypatch.setattr(kubernetes, "answer", emptied)
    result = maintain(made)
    updated = [one for one in result.findings if one.code == "UpdatesFailed"]
    assert fleet.updates.restarted == ([PLANES[0]] if back else [])
    assert (cordoned(made), bool(updated)) == (set(), not back)
    told = f"{PLANES[0]} is not restarted yet: {PLANES[2]}: connection refused"
    assert any(text.startswith(told) for text in texts(made))
    if not back:
        assert updated[0].subject == PLANES[0]
        assert "was not restarted" in updated[0].detail
        assert f"{PLANES[2]}: connection refused" in updated[0].detail


@pytest.mark.parametrize("returned", [True, False])
def test_a_node_whose_emptying_itself_fails_is_schedulable_again(
    made: Simulation, monkeypatch: pytest.MonkeyPatch, returned: bool
) -> None:
    """If that fails, too, it is a note, and the finding says why the node was given up."""
    need(made, *WORKERS)
    kubernetes, passes = made.fleet.kubernetes, list[str]()
    answer = kubernetes.answer

    def failing(request: dict[str, Any]) -> dict[str, Any]:
        passes.extend(request.get("leaving", []))
        if len(passes) > 1 and (request.get("leaving") or not returned):
            raise RuntimeError("the program is broken")
        return answer(request)

    monkeypatch.setattr(kubernetes, "answer", failing)
    result = maintain(made)
    assert (result.result, findings(result)) == ("succeeded", [("UpdatesFailed", "demo-worker-0")])
    assert "RuntimeError" in result.findings[0].detail
    assert made.fleet.updates.restarted == []
    assert cordoned(made) == (set() if returned else {"demo-worker-0"})
    told = "demo-worker-0 may still be cordoned (kubectl uncordon demo-worker-0): "
    assert any(text.startswith(told) for text in texts(made)) is not returned


def test_a_node_that_a_cancelled_maintenance_left_is_returned_by_the_next(
    made: Simulation,
) -> None:
    need(made, "demo-worker-0")
    claim = made.maintain()

    def cancel() -> None:
        if not made.fleet.updates.restarted:
            made.clock.at(made.clock.seconds + 1.0, cancel)
            return
        made.engine.raise_event(claim.operation.instance_id, CANCEL_EVENT, "ada")

    made.clock.at(made.clock.seconds + 1.0, cancel)
    made.engine.finish()
    result = made.result(2)
    assert result is not None
    assert result.result == "cancelled"
    assert cordoned(made) == {"demo-worker-0"}
    maintain(made)
    assert (cordoned(made), made.fleet.updates.restarted) == (set(), ["demo-worker-0"])


def test_after_four_hours_the_rest_is_left_to_the_next_maintenance(
    made: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrators.steps.update_machines.LONGEST", timedelta(seconds=30))
    need(made, *WORKERS)
    result = maintain(made)
    assert (result.result, findings(result)) == ("succeeded", [])
    assert made.fleet.updates.restarted == ["demo-worker-0"]
    assert any("the next maintenance goes on" in text for text in texts(made))
    maintain(made)
    assert made.fleet.updates.restarted == [*WORKERS]
