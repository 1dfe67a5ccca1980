"""A terminal obeys control characters. Whatever the API answers, every command prints text only."""

from collections.abc import Callable
from typing import Any

import pytest

from cli.__main__ import main
from cli.event_lines import event_line
from cli.exits import CommandError, Exit
from cluster.api import RunEvent
from tests.cli.conversation import (
    CLUSTER,
    EVENTS,
    OPERATION,
    Conversation,
    Said,
    accepted,
    cancelling,
    cluster,
    event,
)

type Output = pytest.CaptureFixture[str]
# Clears the screen, writes the clipboard, C1 for the same, turns the direction, hides, rings.
HOSTILE = "\x1b[2J\x1b]52;c;eA==\x07\x9b31m\x9d0;x\x9c\u202egnp\u2066\u200b\u2028\x08\x7f\rend"
# Values that a model allows from a list only.
KEPT = {"state", "level", "status", "kind", "joined", "location", "time", "startedAt", "operation"}


def hostile(value: Any, key: str = "") -> Any:
    """The answer with the hostile text in every text that is free."""
    if isinstance(value, dict):
        return {name: hostile(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [hostile(item, key) for item in value]
    return value + HOSTILE if isinstance(value, str) and key not in KEPT else value


def spoiled(said: Said) -> Said:
    return Said(said.status, hostile(said.body))


CAUSE = {
    "code": "X",
    "message": "m",
    "place": "p",
    "nextStep": "n",
    "logTail": "l\nm",
    "phase": "nodes",
}
ACCESS = {
    "apiName": "a",
    "vault": "https://v.vault.azure.net",
    "kubeconfigSecret": "s",
    "controllerAddress": "1.2.3.4",
    "publicAddress": "1.2.3.4",
}
DETAIL: dict[str, Any] = {
    "cause": CAUSE,
    "note": "n",
    "caller": "me",
    "group": "g",
    "access": ACCESS,
    "checks": [{"name": "c", "ok": False, "detail": "d"}],
    "play": {"stage": "etcd", "title": "t", "done": 1, "total": 2, "task": "t", "host": "h"},
}
PROBLEM = {
    "title": "t",
    "detail": "d",
    "faults": [{"path": "p", "message": "m", "allowed": "a"}],
    "cause": CAUSE,
    "operation": OPERATION,
}
PLAN = {
    "name": "shop",
    "group": "g",
    "location": "l",
    "subnets": {"etcd": "10.0.0.0/24"},
    "apiAddress": "10.0.0.1",
    "nodes": [{"name": "n", "role": "r", "pool": "p", "address": "a", "action": "create"}],
    "deployments": [{"part": "p", "template": "t", "nodes": 1}],
    "inventory": {},
    "notes": ["n"],
    "faults": ["f"],
}
FINDING = {"name": "slack", "seen": "s", "fix": {"text": "t", "command": "c"}, "state": "failed"}
ROW = {"name": "shop", "state": "failed", "group": "g", "cause": "c"}


def printed(capsys: Output) -> str:
    captured = capsys.readouterr()
    return captured.out + captured.err


def is_text(text: str) -> bool:
    return all(character.isprintable() or character == "\n" for character in text)


def wait_and_fail(talk: Conversation) -> None:
    talk.says("GET", OPERATION, spoiled(Said(424, PROBLEM)))
    talk.says("GET", EVENTS, spoiled(events()))
    talk.says("GET", CLUSTER, spoiled(cluster("failed", **DETAIL)))


def events() -> Said:
    told = [event(1, "t", "warning", node="n", task="k"), event(2, "t", "error")]
    return Said(200, {"generation": 1, "events": told, "next": 2})


COMMANDS: dict[str, tuple[list[str], Callable[[Conversation], None]]] = {
    "get": (
        ["get"],
        lambda t: t.says("GET", "/api/clusters", spoiled(Said(200, {"clusters": [ROW]}))),
    ),
    "get NAME": (
        ["get", "shop"],
        lambda t: t.says("GET", CLUSTER, spoiled(cluster("failed", **DETAIL))),
    ),
    "events": (["events", "shop"], lambda t: t.says("GET", EVENTS, spoiled(events()))),
    "plan": (["plan", "-f", "SPEC"], lambda t: t.says("PUT", CLUSTER, spoiled(Said(200, PLAN)))),
    "apply refused": (
        ["apply", "-f", "SPEC"],
        lambda t: t.says("PUT", CLUSTER, spoiled(Said(400, PROBLEM))),
    ),
    "apply busy": (
        ["apply", "-f", "SPEC"],
        lambda t: t.says("PUT", CLUSTER, spoiled(Said(409, PROBLEM | {"cause": None}))),
    ),
    "apply without a wait": (
        ["apply", "-f", "SPEC", "--no-wait"],
        lambda t: t.says("PUT", CLUSTER, spoiled(accepted(joined=True))),
    ),
    "apply that fails": (["apply", "-f", "SPEC"], wait_and_fail),
    "cancel": (
        ["cancel", "shop"],
        lambda t: t.says("POST", f"{CLUSTER}/cancel", spoiled(cancelling())),
    ),
    "cancel refused": (
        ["cancel", "shop"],
        lambda t: t.says("POST", f"{CLUSTER}/cancel", spoiled(Said(409, PROBLEM))),
    ),
    "delete": (
        ["delete", "shop", "--yes", "--no-wait"],
        lambda t: t.says("DELETE", CLUSTER, spoiled(accepted())),
    ),
    "doctor": (
        ["doctor"],
        lambda t: t.says(
            "GET", "/api/doctor", spoiled(Said(200, {"well": False, "findings": [FINDING]}))
        ),
    ),
    "kubeconfig": (
        ["kubeconfig", "shop"],
        lambda t: t.says("GET", CLUSTER, spoiled(cluster("ready", **DETAIL))),
    ),
    "tunnel": (
        ["tunnel", "shop"],
        lambda t: t.says("POST", f"{CLUSTER}/controller/start", spoiled(Said(409, PROBLEM))),
    ),
    "view": (["view", "shop"], lambda t: t.says("GET", CLUSTER, spoiled(Said(404, PROBLEM)))),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_prints_what_a_terminal_obeys(
    name: str, talk: Conversation, spec: str, capsys: Output
) -> None:
    argv, script = COMMANDS[name]
    script(talk)
    main([spec if word == "SPEC" else word for word in argv])
    text = printed(capsys)
    assert is_text(text), ascii(text)
    if name not in ("cancel", "view"):  # they print nothing of the answer
        assert "end" in text


@pytest.mark.parametrize("field", ["time", "level", "phase", "node", "task", "text"])
def test_no_field_of_an_event_reaches_a_terminal_as_it_is(field: str) -> None:
    fields = event(1, "t", "warning", node="n", task="k") | {field: HOSTILE}
    line = event_line(RunEvent.model_validate(fields))
    assert is_text(line)
    assert "\n" not in line


def test_no_error_of_any_command_reaches_a_terminal_as_it_is() -> None:
    assert is_text(str(CommandError(Exit.FAILED, HOSTILE)))


def test_a_spec_that_is_not_plain_is_refused_with_its_line(tmp_path: Any, capsys: Output) -> None:
    path = tmp_path / "shop.yaml"
    for text in ("name: shop\nname: x", "name: !!int '1'", "name: 0x_", "a: &a [*a]", "\x1b[2J"):
        path.write_text(text, encoding="utf-8")
        assert main(["apply", "-f", str(path)]) == Exit.REFUSED
        shown = printed(capsys)
        assert "is not well-formed" in shown
        assert is_text(shown)
