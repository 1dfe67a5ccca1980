"""Requests for maintenance, its schedule in the API, and the timer."""

import logging
from typing import Any

import pytest

from cluster.health import finding
from tests.triggers.sample_answers import SPEC, ask, installation
from tests.triggers.test_node_removal import filled
from triggers import clusters, maintenance, operation_list


def test_a_maintenance_is_an_operation_that_a_second_request_joins() -> None:
    with installation() as app:
        before = filled(app)
        first = ask(maintenance.post_maintenance, app.client)
        again = ask(maintenance.post_maintenance, app.client)
        assert (first["status"], first["body"]["joined"]) == (202, False)
        assert again["body"] == first["body"] | {"joined": True}
        assert first["body"]["operation"].endswith(f"/operations/{before.generation + 1}")
        detail = ask(clusters.get_cluster, app.client)["body"]
        assert detail["kind"] == "maintain"
        assert detail["maintenance"]["lastAt"] == detail["startedAt"]
        listed = ask(operation_list.list_operations, app.client)["body"]["operations"]
        assert listed[0]["kind"] == "maintain"


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"state": "failed"}, 409), ({"state": "cancelled"}, 409), ({"state": "deleted"}, 404)],
)
def test_what_is_not_well_is_not_maintained(changes: dict[str, Any], status: int) -> None:
    with installation() as app:
        before = filled(app, **changes)
        answer = ask(maintenance.post_maintenance, app.client)
        assert answer["status"] == status
        assert app.store.need_record("demo")[0].generation == before.generation


def test_findings_are_answered_as_data_with_the_next_step() -> None:
    with installation() as app:
        found = finding("MachineOff", "demo-etcd-0", "deallocated")
        filled(app, state="degraded", findings=(found,), maintained_at="2026-11-29T03:00:20+00:00")
        detail = ask(clusters.get_cluster, app.client)["body"]
        assert detail["state"] == "degraded"
        (one,) = detail["findings"]
        assert (one["code"], one["subject"]) == ("MachineOff", "demo-etcd-0")
        assert "send the same spec again" in one["nextStep"]
        (listed,) = ask(clusters.list_clusters, app.client)["body"]["clusters"]
        assert (listed["state"], listed["findings"]) == ("degraded", ["MachineOff"])


def test_the_schedule_says_when_and_what_is_in_the_way() -> None:
    with installation() as app:
        filled(app, state="failed", spec=SPEC | {"maintenance": {"everyDays": 3}})
        found = ask(clusters.get_cluster, app.client)["body"]["maintenance"]
        assert (found["everyDays"], found["lastAt"]) == (3, None)
        assert found["nextAt"]
        assert found["obstacle"] == "the cluster is failed"


def test_a_cluster_that_leaves_it_out_has_no_next_time() -> None:
    with installation() as app:
        filled(app, spec=SPEC | {"maintenance": {"enabled": False}})
        found = ask(clusters.get_cluster, app.client)["body"]["maintenance"]
        assert (found["everyDays"], found["nextAt"], found["obstacle"]) == (0, None, None)


def test_the_timer_tells_whom_it_skipped_and_why(caplog: pytest.LogCaptureFixture) -> None:
    with installation() as app, caplog.at_level(logging.INFO, "slipway.maintenance"):
        filled(app, state="failed", maintained_at="2026-01-01T00:00:00+00:00")
        maintenance.maintain_clusters(None, app.client)  # type: ignore[arg-type]
    skipped = "demo is due for maintenance or repair and was skipped: the cluster is failed"
    assert skipped in caplog.text
    assert "started 0 maintenances and 0 repairs" in caplog.text
