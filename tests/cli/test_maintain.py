"""The command maintain, and what is shown of a degraded cluster."""

import pytest

from cli.__main__ import main
from tests.cli.conversation import CLUSTER, EVENTS, OPERATION, Conversation, Said, cluster

type Output = pytest.CaptureFixture[str]
MAINTENANCE = f"{CLUSTER}/maintenance"
ACCEPTED = {"name": "shop", "operation": OPERATION, "location": OPERATION, "joined": False}
FOUND = {
    "code": "MachineOff",
    "subject": "shop-etcd-0",
    "detail": "deallocated",
    "nextStep": "send the same spec again; the run starts the machine",
}
SCHEDULE = {
    "everyDays": 7,
    "lastAt": "2026-11-30T03:20:20+00:00",
    "nextAt": "2026-12-07T03:14:00+00:00",
    "obstacle": "the cluster is failed",
}


def test_maintain_follows_the_operation_and_findings_are_not_its_failure(
    talk: Conversation, capsys: Output
) -> None:
    talk.says("POST", MAINTENANCE, Said(202, ACCEPTED))
    talk.says("GET", OPERATION, Said(200, {"status": "succeeded"}))
    talk.says("GET", EVENTS, Said(200, {"generation": 1, "events": [], "next": 0}))
    talk.says("GET", CLUSTER, cluster("degraded", kind="maintain", findings=[FOUND]))
    assert main(["maintain", "shop"]) == 0
    assert "degraded" in capsys.readouterr().out


def test_maintain_says_that_it_joined_one(talk: Conversation, capsys: Output) -> None:
    talk.says("POST", MAINTENANCE, Said(202, ACCEPTED | {"joined": True}))
    assert main(["maintain", "shop", "--no-wait"]) == 0
    assert "joined it" in capsys.readouterr().err


def test_a_cluster_that_is_not_well_is_refused(talk: Conversation, capsys: Output) -> None:
    talk.says("POST", MAINTENANCE, Said(409, {"title": "cluster 'shop' is failed"}))
    assert main(["maintain", "shop"]) != 0
    assert "cluster 'shop' is failed" in capsys.readouterr().err


def test_get_shows_findings_with_the_next_step_and_the_schedule(
    talk: Conversation, capsys: Output
) -> None:
    shown = cluster("degraded", findings=[FOUND], maintenance=SCHEDULE)
    talk.says("GET", CLUSTER, shown)
    assert main(["get", "shop"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "degraded" in out
    assert "MachineOff shop-etcd-0: deallocated; next: send the same spec" in out
    assert "last 2026-11-30 03:20 UTC, next 2026-12-07 03:14 UTC, but the cluster" in out


def test_the_list_shows_the_codes_where_there_is_no_cause(
    talk: Conversation, capsys: Output
) -> None:
    one = {"name": "shop", "state": "degraded", "updatedAt": "", "findings": ["MachineOff"]}
    talk.says("GET", "/api/clusters", Said(200, {"clusters": [one]}))
    assert main(["get"]) == 0
    out = capsys.readouterr().out
    assert "degraded" in out
    assert "MachineOff" in out


def test_waiting_for_ready_ends_at_a_degraded_cluster_and_says_why(
    talk: Conversation, capsys: Output
) -> None:
    talk.says("GET", CLUSTER, cluster("degraded", findings=[FOUND]))
    assert main(["wait", "shop", "--for", "ready"]) != 0
    assert "MachineOff shop-etcd-0" in capsys.readouterr().err
