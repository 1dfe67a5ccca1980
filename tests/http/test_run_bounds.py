"""A role that is limited to resource groups covers no run of a cluster in another group."""

from typing import Any

import pytest

from clients.store import Store
from cluster import names
from cluster.contracts import FinishInput
from cluster.events import Event, to_line
from cluster.record import ClusterRecord
from lab.testing.standins import Holder
from tests.clients.conftest import azurite  # noqa: F401 -- a fixture
from tests.http.conftest import App
from tests.http.people import READER, TEAM
from tests.http.test_access import ask


def keep_runs(app: App, name: str, **record: Any) -> None:
    """A cluster in group `team-a` with three runs, each of which told something and ended."""
    store, base = Store(app.blobs), {"name": name, "uid": "00000003", "group": "team-a"}
    ran = {"kind": "reconcile", "started_at": "2026-11-30T00:00:00.000+00:00", "finished": True}
    operation = ran | {"generation": 3, "instance_id": f"{name}-000003"}
    store.create_record(
        ClusterRecord.model_validate(
            base | {"generation": 3, "state": "ready", "operation": operation} | record
        )
    )
    for run in range(4):
        event = Event(seq=1, time="2026-11-30T00:00:00.000+00:00", phase="plan", text=f"run {run}")
        blob = names.run_blob(name, run, "events.jsonl")
        app.blobs.append_at(blob, 0, to_line(event).encode())
        if run:
            store.save_result(FinishInput(cluster=name, generation=run, result="succeeded"))


RUN_PATHS = ("events?generation={}", "timeline?generation={}", "operations/{}")


def readable_runs(app: App, who: Holder, name: str) -> dict[str, set[int]]:
    """Returns for each path the runs that the caller may read."""
    found: dict[str, set[int]] = {}
    for path in RUN_PATHS:
        for run in range(5):
            answer = ask(app, who, "GET", f"/api/clusters/{name}/{path.format(run)}")
            if answer.status_code == 200:
                found.setdefault(path, set()).add(run)
            elif answer.status_code == 403:
                assert f"run {run}" not in answer.text
    return found


@pytest.mark.parametrize(
    ("since", "runs"), [(1, {0, 1, 2, 3}), (2, {2, 3}), (3, {3}), (4, set[int]()), (None, {3})]
)
def test_runs_of_a_cluster_that_had_the_name_in_another_group_are_not_shown(
    guarded: App, since: int | None, runs: set[int]
) -> None:
    bounded = Holder("mia@example.org", roles=("Operator",), groups=(TEAM,))
    name = f"again-{since or 0}"
    keep_runs(guarded, name, group_since=since)
    # An operation 0 does not exist.
    wanted = {path: runs - ({0} if "operations" in path else set()) for path in RUN_PATHS}
    assert readable_runs(guarded, bounded, name) == {p: r for p, r in wanted.items() if r}
    everything = readable_runs(guarded, READER, name)
    assert everything["timeline?generation={}"] == {0, 1, 2, 3}
    latest = ask(guarded, bounded, "GET", f"/api/clusters/{name}/events")
    assert latest.status_code == (200 if 3 in runs else 403)
