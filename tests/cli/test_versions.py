"""An app of another version: what it adds is kept and not used, what it lacks has a default."""

import json

import pytest

from cli.__main__ import main
from tests.cli.conversation import CLUSTER, EVENTS, Conversation, Said, cluster, event

type Output = pytest.CaptureFixture[str]
NEWER_NODE = {
    "name": "shop-edge-0",
    "role": "edge",
    "pool": "edge",
    "address": "10.0.9.4",
    "state": "hibernating",
    "rack": {"row": 7},
}


def test_a_newer_app_may_add_fields_states_and_kinds(talk: Conversation, capsys: Output) -> None:
    phase = {"name": "attest", "state": "suspended", "startedAt": "", "seconds": None, "by": "x"}
    newer = cluster("paused", nodes=[NEWER_NODE], phases=[phase], budget={"limit": 7})
    talk.says("GET", CLUSTER, newer)
    assert main(["get", "shop"]) == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("paused", "shop-edge-0", "hibernating", "attest"))
    assert main(["get", "shop", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == newer.body


def test_an_older_app_may_lack_what_came_later(talk: Conversation, capsys: Output) -> None:
    older = {"name": "shop", "state": "ready", "generation": 1}
    talk.says("GET", CLUSTER, Said(200, older))
    assert main(["get", "shop"]) == 0
    assert "shop" in capsys.readouterr().out
    assert main(["get", "shop", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == older


def test_events_of_a_newer_app_are_printed_whole(talk: Conversation, capsys: Output) -> None:
    newer = event(1, "paused", level="audit", weight="heavy")
    talk.says("GET", EVENTS, Said(200, {"generation": 1, "events": [newer], "next": 1, "more": 0}))
    assert main(["events", "shop"]) == 0
    assert "AUDIT paused" in capsys.readouterr().out
    assert main(["events", "shop", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == newer


def test_an_answer_in_another_form_is_refused_with_the_field_and_the_next_step(
    talk: Conversation, capsys: Output
) -> None:
    talk.says("GET", CLUSTER, Said(200, {"cluster": {"name": "shop"}}))
    assert main(["get", "shop"]) == 2
    told = capsys.readouterr().err
    assert "another form" in told
    assert "name" in told
    assert "docs/install.md" in told


@pytest.mark.parametrize(
    "problem",
    [
        {"title": "no", "faults": "none", "cause": "because", "detail": None},
        {"title": "no", "faults": [{"path": 7}], "status": "four hundred"},
    ],
)
def test_a_problem_of_a_gateway_is_shown_by_what_can_be_read(
    talk: Conversation, capsys: Output, problem: dict[str, object]
) -> None:
    talk.says("GET", CLUSTER, Said(400, problem))
    assert main(["get", "shop"]) == 2
    assert "slipway: no\n" in capsys.readouterr().err


def test_a_newer_cause_of_failure_is_shown(talk: Conversation, capsys: Output) -> None:
    cause = {"code": "New", "message": "too cold", "severity": 3}
    talk.says("GET", CLUSTER, cluster("failed", cause=cause))
    assert main(["get", "shop"]) == 0
    assert "too cold" in capsys.readouterr().out
