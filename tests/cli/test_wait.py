"""wait: for what, how it ends, and how long."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from cli import api, follow, wait
from cli.__main__ import main
from tests.cli.conversation import CLUSTER, OPERATION, Conversation, Said, cluster

type Output = pytest.CaptureFixture[str]
GONE = Said(404, {"title": "no cluster 'shop'"})


@pytest.mark.parametrize(
    ("goal", "answers", "code", "words"),
    [
        ("ready", [cluster("running"), cluster("ready")], 0, "shop is ready"),
        ("ready", [cluster("pending"), cluster("running"), cluster("failed")], 1, "is failed"),
        ("ready", [cluster("cancelled")], 3, "is cancelled"),
        ("ready", [cluster("deleting"), cluster("deleted")], 1, "is deleted"),
        ("ready", [cluster("unreadable")], 1, "is unreadable"),
        ("ready", [GONE], 2, "no cluster 'shop'"),
        ("ended", [cluster("suspended"), cluster("ready")], 0, "shop is ready"),
        ("ended", [cluster("deleting"), cluster("deleted")], 0, "shop is deleted"),
        ("ended", [cluster("running"), cluster("failed")], 1, "is failed"),
        ("deleted", [cluster("ready"), cluster("deleting"), cluster("deleted")], 0, "is deleted"),
        ("deleted", [cluster("deleting"), GONE], 0, "shop is deleted"),
        ("deleted", [cluster("deleting"), cluster("failed", kind="delete")], 1, "is failed"),
    ],
)
def test_it_waits_for_its_goal_and_ends_where_nothing_leads_there(
    talk: Conversation, capsys: Output, goal: str, answers: list[Said], code: int, words: str
) -> None:
    talk.says("GET", CLUSTER, *answers)
    assert main(["wait", "shop", "--for", goal]) == code
    printed = capsys.readouterr()
    assert words in (printed.err if code else printed.out)
    assert len(talk.asked) == len(answers)


@pytest.mark.parametrize(
    ("state", "status", "code"), [("ready", 424, 1), ("ready", 409, 3), ("failed", 200, 0)]
)
def test_the_end_of_a_backup_is_its_own_and_not_that_of_the_cluster(
    talk: Conversation, state: str, status: int, code: int
) -> None:
    """A backup gives the cluster back the state that it had."""
    talk.says("GET", CLUSTER, cluster("running", kind="backup"), cluster(state, kind="backup"))
    state = {424: "failed", 409: "cancelled"}.get(status, state)
    talk.says("GET", OPERATION, Said(status, {"title": "how it ended", "state": state}))
    assert main(["wait", "shop", "--for", "ended"]) == code


def test_a_failure_is_told_with_its_cause(talk: Conversation, capsys: Output) -> None:
    cause: dict[str, Any] = {"code": "X", "message": "no report", "nextStep": "apply again"}
    talk.says("GET", CLUSTER, cluster("failed", cause=cause))
    assert main(["wait", "shop", "--json"]) == 1
    printed = capsys.readouterr()
    assert "next: apply again" in printed.err
    assert "shop is failed" in json.loads(printed.out)["title"]


def test_the_end_of_the_time_has_an_exit_code_of_its_own(
    talk: Conversation, capsys: Output
) -> None:
    talk.says("GET", CLUSTER, cluster("running"))
    assert main(["wait", "shop", "--timeout", "0"]) == 6
    assert "shop is running; --timeout is over after" in capsys.readouterr().err
    talk.says("GET", CLUSTER, cluster("ready"))
    assert main(["wait", "shop", "--timeout", "0s", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "ready"


@pytest.mark.parametrize("text", ["soon", "-5", "1.5h", "m", ""])
def test_a_time_is_a_number_with_a_unit(text: str, capsys: Output) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["wait", "shop", f"--timeout={text}"])
    assert ended.value.code == 2
    assert "usage: slipway wait" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["reconcile", "backup"])
def test_it_waits_as_long_as_it_was_told(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Its last question is at the end of the time, also between two of the usual times, and also
    if the operation does not end of a cluster that is not busy any more."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now.append(now.pop() + seconds)
        assert now[0] < 60.0

    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=sleep)
    for one in (wait, follow):
        monkeypatch.setattr(one, "time", clock)
    monkeypatch.setattr(api, "LAB_POLL", 2.0)
    state = "ready" if kind == "backup" else "running"
    talk.says("GET", CLUSTER, *[cluster(state, kind=kind)] * 4)
    talk.says("GET", OPERATION, *[Said(202, {"status": "running"})] * 40)
    assert main(["wait", "shop", "--for", "ended", "--timeout", "5s"]) == 6
    assert now == [5.0]
    assert [one.path for one in talk.asked].count(CLUSTER) == 4
