"""doctor: the app's findings as text and as JSON, and the exit code."""

import json
from typing import Any

import pytest

from cli.__main__ import main
from tests.cli.conversation import Conversation, Said

type Output = pytest.CaptureFixture[str]
FIX = "az keyvault secret set --vault-name v --name slack --file webhook.txt" + " --more" * 20


def found(name: str, state: str, seen: str = "seen", command: str = "") -> dict[str, Any]:
    fix = {"text": "what to do", "command": command} if state != "ok" else None
    return {"name": name, "state": state, "seen": seen, "fix": fix}


def says(talk: Conversation, *findings: dict[str, Any]) -> None:
    talk.says("GET", "/api/doctor", Said(200, {"well": True, "findings": list(findings)}))


def test_each_finding_stands_on_a_line_and_each_command_whole_on_the_next(
    talk: Conversation, capsys: Output
) -> None:
    says(talk, found("vault", "ok"), found("slack", "failed", "it is \x1b[2Jmissing", FIX))
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "✔ vault  seen"
    assert lines[1].startswith("✘ slack  it is ")
    assert "\x1b" not in lines[1]
    assert lines[2].endswith("→ what to do")
    assert lines[3].strip() == FIX
    assert lines[4] == "2 checks: 1 failed, 0 to look at, 0 not checked"


@pytest.mark.parametrize(
    ("state", "code"), [("ok", 0), ("warning", 0), ("notChecked", 0), ("failed", 1)]
)
def test_only_what_failed_fails(talk: Conversation, capsys: Output, state: str, code: int) -> None:
    says(talk, found("quota", state, command="fix"))
    assert main(["doctor", "--json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert document["well"] is (code == 0)
    assert document["findings"] == [found("quota", state, command="fix")]


def test_the_fix_of_an_older_app_is_shown_under_its_older_name(
    talk: Conversation, capsys: Output
) -> None:
    finding = found("slack", "failed", command=FIX)
    says(talk, finding | {"mend": finding.pop("fix")})
    assert main(["doctor"]) == 1
    assert FIX in capsys.readouterr().out


def test_what_is_asked_goes_to_the_app_and_what_is_not_does_not(talk: Conversation) -> None:
    says(talk, found("vault", "ok"))
    main(["doctor", "shop", "--location", "northeurope"])
    main(["doctor"])
    assert [ask.query for ask in talk.asked] == ["location=northeurope&cluster=shop", ""]


def test_an_app_of_before_is_said_to_be_one(talk: Conversation, capsys: Output) -> None:
    talk.says("GET", "/api/doctor", Said(404))
    assert main(["doctor"]) == 2
    assert "publish" in capsys.readouterr().err


@pytest.mark.parametrize(
    "document",
    [{"findings": []}, {"findings": None}, {"findings": [found("x", "odd")]},
     {"findings": [found("x", "failed") | {"fix": "as before"}]}],
)  # fmt: skip
def test_findings_in_another_form_are_said_to_be_another_versions(
    talk: Conversation, capsys: Output, document: dict[str, Any]
) -> None:
    talk.says("GET", "/api/doctor", Said(200, document))
    assert main(["doctor"]) == 2
    assert "publish this version" in capsys.readouterr().err


def test_a_warning_is_counted(talk: Conversation, capsys: Output) -> None:
    says(talk, found("capacity", "warning"), found("slack", "notChecked"))
    assert main(["doctor"]) == 0
    assert "2 checks: 0 failed, 1 to look at, 1 not checked" in capsys.readouterr().out
