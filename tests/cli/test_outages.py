"""The command line while the app, its host or one of its services is unavailable."""

import json
import socket
from functools import partial
from itertools import count
from types import SimpleNamespace

import pytest

from cli import follow
from cli.__main__ import main
from tests.cli.conversation import (
    CLUSTER,
    EVENTS,
    OPERATION,
    Conversation,
    Said,
    accepted,
    cancelling,
    cluster,
    running,
)

type Output = pytest.CaptureFixture[str]

PING, ROUTE = "/admin/host/ping", "/api/schema"
AWAY = Said(503, {"title": "the durable backend is not available"}, {"Retry-After": "0"})
SILENT = (Said(500), Said(502), Said(503), Said(504))
NO_ROUTE = Said(404)
STOPPED = Said(503, text="Function host is not running.")
COMMANDS = (["get", "shop"], ["get"], ["doctor"], ["cancel", "shop"], ["delete", "shop", "--yes"])


def fails_to_load(talk: Conversation) -> None:
    """As the Functions host answers: every route 404 and empty, the ping 200."""
    talk.script.clear()
    talk.otherwise = NO_ROUTE
    talk.says("GET", PING, Said(200))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_app_that_did_not_load_is_not_taken_for_a_cluster_that_does_not_exist(
    talk: Conversation, capsys: Output, command: list[str]
) -> None:
    fails_to_load(talk)
    assert main([*command, "--json"]) == 5
    printed = capsys.readouterr()
    output = printed.out + printed.err
    assert "the app did not load" in output
    assert "AzureFunctionsJobHost__logging__logLevel__Microsoft=Debug" in output
    assert "no cluster" not in output


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_host_that_does_not_run_is_reported_as_such(
    talk: Conversation, capsys: Output, command: list[str]
) -> None:
    talk.script.clear()
    talk.otherwise = STOPPED
    assert main([*command, "--json"]) == 5
    printed = capsys.readouterr()
    assert "is not running" in printed.out + printed.err


def test_doctor_has_findings_of_an_app_that_did_not_load(
    talk: Conversation, capsys: Output
) -> None:
    fails_to_load(talk)
    assert main(["doctor", "--json"]) == 5
    document = json.loads(capsys.readouterr().out)
    states = {finding["name"]: finding["state"] for finding in document["findings"]}
    assert (document["well"], states) == (False, {"host": "ok", "app": "failed"})
    assert document["findings"][1]["fix"]["command"].startswith("az functionapp config")
    assert main(["doctor"]) == 5
    assert "✘ app" in capsys.readouterr().out


def test_a_route_that_the_app_lacks_is_another_versions(talk: Conversation, capsys: Output) -> None:
    fails_to_load(talk)
    talk.says("GET", ROUTE, Said(200, {"type": "object"}))
    assert main(["get"]) == 2
    assert "publish this version" in capsys.readouterr().err


def test_an_address_without_a_functions_host_is_reported_as_such(
    talk: Conversation, capsys: Output
) -> None:
    talk.script.clear()
    talk.otherwise = NO_ROUTE
    assert main(["get"]) == 4
    assert "SLIPWAY_URL" in capsys.readouterr().err


@pytest.mark.parametrize("answer", [AWAY, *SILENT], ids=lambda said: str(said.status))
def test_what_may_pass_is_asked_again_and_reported(
    talk: Conversation, spec: str, capsys: Output, answer: Said
) -> None:
    later = [answer] * 9
    talk.says("PUT", CLUSTER, *later, accepted())
    talk.says("DELETE", CLUSTER, *later, accepted())
    talk.says("POST", f"{CLUSTER}/cancel", *later, cancelling())
    for command in (
        ["apply", "-f", spec, "--no-wait"],
        ["delete", "shop", "--yes", "--no-wait"],
        ["cancel", "shop"],
    ):
        assert main(command) == 0
        output = capsys.readouterr().err
        assert "; trying again for up to" in output
        assert str(answer.status) not in output, "a number says nothing to people"
        assert output.count("trying again") == 1


def test_a_refusal_by_azure_and_a_fault_of_slipway_are_not_repeated(
    talk: Conversation, spec: str
) -> None:
    for status in (500, 502):
        talk.says("PUT", CLUSTER, Said(status, {"title": "refused", "status": status}))
        assert main(["apply", "-f", spec]) == 1
    assert len(talk.asked) == 2


@pytest.mark.parametrize(
    "answer",
    [AWAY, *SILENT, Said(500, {"title": "unexpected error"}), NO_ROUTE, STOPPED],
    ids=lambda said: f"{said.status}{said.text}",
)
def test_a_watcher_waits_for_an_app_that_comes_back(
    talk: Conversation, spec: str, answer: Said
) -> None:
    talk.says("GET", PING, Said(200))
    talk.says("GET", ROUTE, answer)
    talk.says("GET", OPERATION, running(), *[answer] * 9, Said(200, {"status": "succeeded"}))
    talk.says("GET", CLUSTER, cluster("running"), cluster("ready"))
    assert main(["apply", "-f", spec]) == 0


@pytest.mark.parametrize(
    ("answer", "code"),
    [(AWAY, 4), (Said(500, {"title": "unexpected error"}), 4), (STOPPED, 5)],
    ids=["away", "fault", "stopped"],
)
def test_a_watcher_that_gives_up_does_not_call_the_run_failed(
    talk: Conversation,
    spec: str,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    answer: Said,
    code: int,
) -> None:
    monkeypatch.setattr(follow, "PATIENCE_SECONDS", 0.0)
    talk.says("GET", OPERATION, answer)
    assert main(["apply", "-f", spec]) == code
    output = capsys.readouterr().err
    assert "the operation on shop continues" in output
    assert "slipway events shop --follow" in output


def test_an_operation_that_is_not_known_is_not_waited_for(talk: Conversation, spec: str) -> None:
    talk.says("GET", OPERATION, Said(404, {"title": "no such operation"}))
    assert main(["apply", "-f", spec]) == 2
    assert sum(ask.path == OPERATION for ask in talk.asked) == 1


def test_a_watcher_outlives_answers_that_are_cut(talk: Conversation, spec: str) -> None:
    nothing = Said(200, {"generation": 1, "events": [], "next": 0})
    talk.says("GET", EVENTS, *[Said(0)] * 9, nothing)
    talk.says("GET", OPERATION, Said(200, {"status": "succeeded"}))
    talk.says("GET", CLUSTER, cluster("ready"))
    assert main(["apply", "-f", spec]) == 0


def test_a_connection_that_was_cut_is_not_an_address_that_is_wrong(
    spec: str, capsys: Output, monkeypatch: pytest.MonkeyPatch, talk: Conversation
) -> None:
    talk.close()
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("SLIPWAY_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setattr("cli.session.TIMEOUT", (5.0, 0.05))
        # Patience ends between the first repeat and the next, however long a request takes.
        clock = SimpleNamespace(monotonic=partial(next, count()), sleep=lambda _: None)
        monkeypatch.setattr(follow, "time", clock)
        monkeypatch.setattr(follow, "PATIENCE_SECONDS", 1.5)
        assert main(["apply", "-f", spec]) == 4
    assert "trying again" in capsys.readouterr().err
