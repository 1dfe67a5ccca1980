"""logs and operations: what earlier operations left."""

import json
from typing import Any

import pytest

from cli.__main__ import main
from tests.cli.conversation import CLUSTER, OPERATION, Conversation, Said, cluster

type Output = pytest.CaptureFixture[str]
LOG = f"{CLUSTER}/log"
OPERATIONS = f"{CLUSTER}/operations"


def part(text: str, end: int, **more: Any) -> Said:
    plain = {"name": "shop", "generation": 1, "play": 1, "plays": [1], "more": False}
    return Said(200, plain | {"text": text, "next": end} | more)


def queries(talk: Conversation) -> list[str]:
    return [asked.query for asked in talk.asked if asked.path == LOG]


def test_a_log_is_printed_part_by_part_and_only_its_text(
    talk: Conversation, capsys: Output
) -> None:
    talk.says("GET", LOG, part("one\n", 4, more=True), part("two\x1b[31m\n", 12))
    assert main(["logs", "shop", "--operation", "1"]) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("one\ntwo [31m\n", "")
    assert queries(talk) == ["generation=1", "after=4&generation=1&play=1"]


def test_an_operation_without_a_play_says_so_and_succeeds(
    talk: Conversation, capsys: Output
) -> None:
    talk.says("GET", LOG, part("", 0, play=0, plays=[], generation=3))
    assert main(["logs", "shop"]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "operation 3 has not started a play" in printed.err


@pytest.mark.parametrize(("status", "code"), [(200, 0), (424, 1), (409, 3)])
def test_a_followed_log_goes_on_with_a_play_that_replaces_a_lost_one_and_ends_as_the_run(
    talk: Conversation, capsys: Output, status: int, code: int
) -> None:
    talk.says(
        "GET",
        LOG,
        part("", 0, play=0, plays=[]),
        part("one\n", 4),
        part("", 4, plays=[1, 2]),
        part("again\n", 6, play=2, plays=[1, 2]),
        part("end\n", 10, play=2, plays=[1, 2]),
    )
    talk.says("GET", CLUSTER, *[cluster("running")] * 4, cluster("failed"))
    talk.says("GET", OPERATION, Said(status, {"title": "how it ended"}))
    assert main(["logs", "shop", "--follow"]) == code
    printed = capsys.readouterr()
    assert printed.out == "one\nagain\nend\n"
    assert ("how it ended" in printed.err) is bool(code)
    assert "play 2 of operation 1" in printed.err


def test_a_log_that_is_followed_outlives_a_restart_of_the_app(
    talk: Conversation, capsys: Output
) -> None:
    away = [Said(503, {}, {"Retry-After": "0"}) for _ in range(5)]
    talk.says("GET", LOG, part("one\n", 4), *away, part("two\n", 8))
    talk.says("GET", CLUSTER, cluster("running"), cluster("ready"))
    talk.says("GET", OPERATION, Said(200, {"status": "succeeded"}))
    assert main(["logs", "shop", "--follow"]) == 0
    assert capsys.readouterr().out == "one\ntwo\n"


def test_an_app_of_an_older_version_says_that_it_has_no_logs(
    talk: Conversation, capsys: Output
) -> None:
    assert main(["logs", "shop"]) == 2
    assert "not here" in capsys.readouterr().err


def row(generation: int, **more: Any) -> dict[str, Any]:
    plain = {"generation": generation, "kind": "reconcile", "state": "succeeded"}
    plain |= {"startedAt": "2026-01-02T03:04:05.678+00:00", "finishedAt": None, "cause": None}
    return plain | {"operation": f"{OPERATIONS}/{generation}"} | more


def test_operations_are_listed_latest_first_and_all_of_them_on_request(
    talk: Conversation, capsys: Output
) -> None:
    first = {"name": "shop", "operations": [row(3), row(2)], "next": 2}
    rest = {"name": "shop", "operations": [row(1, state="failed", cause="PlayFailed")]}
    talk.says(
        "GET", OPERATIONS, Said(200, first), Said(200, first), Said(200, rest | {"next": None})
    )
    assert main(["operations", "shop"]) == 0
    printed = capsys.readouterr()
    assert "2026-01-02 03:04:05" in printed.out
    assert "PlayFailed" not in printed.out
    assert "--all" in printed.err
    assert main(["operations", "shop", "--all", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["generation"] for one in found["operations"]] == [3, 2, 1]
    assert found["next"] is None
    assert talk.asked[-1].query == "before=2"
