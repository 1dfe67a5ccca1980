"""The percentage that the API shows never falls during a run, even if the engine is unavailable at
times.

The runs are the app's own on simulated time. After each activity, also between the record of an
event and the status that follows it, the cluster is looked at through durable clients that answer,
that cannot be reached, that have no custom status (as when a history is renewed), and that do not
know the run.
"""

import itertools
from collections.abc import Callable, Iterable
from functools import cache
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from durabletask.client import OrchestrationStatus
from hypothesis import given
from hypothesis import strategies as st

from lab.simulation.run import Scenario, Simulation, simulation
from runs.engine import DurableEngine
from triggers import views

LAUNCH = Scenario(9, ready=80.0, play=240.0, cluster="demo", pool="worker", tasks=60)
FAILED = Scenario(9, ready=80.0, play=240.0, cluster="demo", pool="worker", tasks=60, failing=1)
CLIENTS = ("answers", "away", "without a status", "unknown run")
RUNS = ("launch", "failed launch", "removal")

type Look = dict[str, int | None]


def client(made: Simulation, kind: str) -> Any:
    def state(instance_id: str, **_: Any) -> Any:
        found = made.engine._instances.get(instance_id)
        if kind == "away":
            raise grpc.RpcError
        if found is None or kind == "unknown run":
            return None
        return SimpleNamespace(
            serialized_custom_status=found.custom_status if kind == "answers" else None,
            runtime_status=OrchestrationStatus(found.status),
        )

    return SimpleNamespace(get_orchestration_state=state)


def look(made: Simulation) -> Look:
    """Returns the percentage that each client leads to at this moment."""
    store, before = made.services.store, made.clock.seconds
    record, _ = store.need_record("demo")
    shown = {
        kind: views.detail(record, store, DurableEngine(client(made, kind)), "", 7).percent
        for kind in CLIENTS
    }
    made.clock.seconds = before
    return shown


def watched(made: Simulation, begin: Callable[[], object]) -> list[Look]:
    """Runs an operation to its end; returns a look before each activity, after it and at the
    end."""
    looks: list[Look] = []
    act = made.engine._act

    def watching(request: Any) -> None:
        looks.append(look(made))
        act(request)
        looks.append(look(made))

    begin()
    looks.append(look(made))
    made.engine._act = watching  # type: ignore[method-assign]
    made.engine.finish()
    made.engine._act = act  # type: ignore[method-assign]
    return [*looks, look(made)]


@cache
def looks(run: str) -> list[Look]:
    with simulation(FAILED if run == "failed launch" else LAUNCH) as made:
        launch = watched(made, made.apply)
        return watched(made, made.delete) if run == "removal" else launch


def never_falls(shown: Iterable[int | None]) -> bool:
    known = [number for number in shown if number is not None]
    return known == sorted(known)


@pytest.mark.parametrize("run", RUNS)
@given(data=st.data())
def test_no_order_of_answers_and_outages_makes_it_fall(run: str, data: st.DataObject) -> None:
    seen = looks(run)
    kinds = data.draw(st.lists(st.sampled_from(CLIENTS), min_size=len(seen), max_size=len(seen)))
    assert never_falls(one[kind] for one, kind in zip(seen, kinds, strict=True))


@pytest.mark.parametrize("run", RUNS)
def test_no_two_looks_show_a_falling_number(run: str) -> None:
    highest = 0
    for one in looks(run):
        known = [number for number in one.values() if number is not None]
        assert min(known, default=highest) >= highest, one
        highest = max([highest, *known])


@pytest.mark.parametrize(
    ("run", "last"), [("launch", 100), ("failed launch", 85), ("removal", 100)]
)
def test_an_engine_that_answers_leads_to_a_number_from_the_beginning_to_the_end(
    run: str, last: int
) -> None:
    shown = [one["answers"] for one in looks(run)]
    assert (shown[0], shown[-1]) == (0, last)
    assert len(set(shown)) > 4
    unknown = [number for number, _ in itertools.groupby(shown) if number is None]
    assert len(unknown) <= 2, "before the first status, and where the history is renewed"


@pytest.mark.parametrize("run", RUNS)
def test_the_end_of_a_run_has_its_number_without_the_engine(run: str) -> None:
    last = looks(run)[-1]
    assert set(last.values()) == {last["answers"]}


def test_a_result_of_an_older_version_has_no_number_once_the_status_is_purged() -> None:
    with simulation(FAILED) as made:
        made.apply()
        made.engine.finish()
        result = made.result()
        assert result is not None
        before = look(made)["answers"]
        made.services.store.save_result(result.model_copy(update={"percent": 0}))
        assert look(made) == {
            "answers": before,
            "away": None,
            "without a status": None,
            "unknown run": None,
        }


def test_a_phase_that_this_version_does_not_know_has_no_number() -> None:
    with simulation(LAUNCH) as made:
        made.apply()
        (found,) = made.engine._instances.values()
        for status in ('{"phase": "of a later version"}', '{"phase": ["playbook"]}'):
            found.custom_status = status
            assert look(made)["answers"] is None
