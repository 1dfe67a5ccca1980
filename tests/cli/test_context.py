"""Named installations: which one a command talks to, and where its key is."""

import io
import json
import stat
import sys
from pathlib import Path

import pytest

from cli.__main__ import main
from cli.contexts import contexts_file
from tests.cli.conversation import CLUSTER, KEY, Conversation, Said, accepted, cluster

type Output = pytest.CaptureFixture[str]
CLIENT_ID = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"


@pytest.fixture(autouse=True)
def environment(talk: Conversation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SLIPWAY_URL", "SLIPWAY_KEY", "SLIPWAY_CLIENT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("cli.local_lab.STATE", tmp_path / "no-lab")
    # A lab may be up on this machine; read_info has its folder as a default.
    monkeypatch.setattr("cli.local_lab.read_info", lambda: None)
    talk.says("GET", CLUSTER, cluster("ready"))


@pytest.fixture
def prod(talk: Conversation, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PROD_KEY", KEY)
    assert main(["context", "add", "prod", "--url", talk.url, "--key-variable", "PROD_KEY"]) == 0
    return "prod"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_context_is_selected_and_every_change_says_which_it_is(
    talk: Conversation, prod: str, spec: str, capsys: Output
) -> None:
    talk.says("PUT", CLUSTER, accepted())
    talk.says("DELETE", CLUSTER, accepted())
    talk.says("POST", f"{CLUSTER}/cancel", accepted())
    capsys.readouterr()
    for argv in (
        ["apply", "-f", spec, "--no-wait"],
        ["adopt", "shop", "-f", spec, "--no-wait"],
        ["delete", "shop", "--yes", "--no-wait"],
        ["cancel", "shop"],
    ):
        assert main(argv) == 0
        assert f"slipway: using context 'prod', {talk.url}\n" in capsys.readouterr().err
    assert main(["get", "shop", "--json"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "argv",
    [["delete", "shop"], ["delete-node", "shop", "shop-worker-0"], ["forget", "shop"],
     ["replace-node", "shop", "shop-etcd-0"], ["restore", "shop", "--backup", "000001"]],
    ids=lambda argv: argv[0],
)  # fmt: skip
def test_a_question_names_the_installation_first(
    talk: Conversation,
    prod: str,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    argv: list[str],
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

        def readline(self, size: int = -1) -> str:
            del size
            assert f"slipway: using context 'prod', {talk.url}\n" in capsys.readouterr().err
            return "no\n"

    capsys.readouterr()
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert main(argv) == 2
    assert not talk.asked


def test_an_option_a_variable_and_the_environment_come_before_the_current_one(
    talk: Conversation, prod: str, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = "http://127.0.0.1:9"
    assert main(["context", "add", "away", "--url", away, "--key-variable", "PROD_KEY"]) == 0
    assert main(["get", "shop"]) == 0
    assert main(["get", "shop", "--context", "away"]) == 4
    assert f"no answer from {away}" in capsys.readouterr().err
    monkeypatch.setenv("SLIPWAY_CONTEXT", "away")
    assert main(["get", "shop"]) == 4
    assert main(["get", "shop", "--context", "prod"]) == 0
    monkeypatch.delenv("SLIPWAY_CONTEXT")
    monkeypatch.setenv("SLIPWAY_URL", away)
    assert main(["get", "shop"]) == 4
    assert main(["get", "shop", "--context", "prod"]) == 0
    monkeypatch.delenv("SLIPWAY_URL")
    assert main(["context", "use", "away"]) == 0
    assert main(["get", "shop"]) == 4


def test_the_environments_key_is_not_sent_to_a_context(
    talk: Conversation, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["context", "add", "bare", "--url", talk.url]) == 0
    monkeypatch.setenv("SLIPWAY_KEY", KEY)
    assert main(["get", "shop"]) == 2
    assert "the key was not accepted" in capsys.readouterr().err


def test_a_key_command_is_run_without_a_shell_each_time(
    talk: Conversation, tmp_path: Path, capsys: Output
) -> None:
    program = tmp_path / "the key"
    program.write_text(f"#!{sys.executable}\nimport sys\nprint(sys.argv[1])\n", encoding="utf-8")
    program.chmod(0o755)
    argv = ["context", "add", "prod", "--url", talk.url, "--key-command"]
    assert main([*argv, f"'{program}' {KEY}"]) == 0
    assert main(["get", "shop"]) == 0
    for command, words in (
        (f"'{program}' ''", "gave no key"),
        (f"{sys.executable} -c 'import sys; sys.exit(\"not signed in\")'", "not signed in"),
        ("/nonexistent/program", "cannot be used"),
    ):
        assert main([*argv, command, "--force"]) == 0
        assert main(["get", "shop"]) == 2
        assert words in capsys.readouterr().err
    assert main([*argv, "'open", "--force"]) == 2


def test_a_key_that_is_stored_is_for_its_owner_alone(
    talk: Conversation, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{KEY}\n"))
    assert main(["context", "add", "prod", "--url", talk.url, "--key-stdin"]) == 0
    path = contexts_file()
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert main(["get", "shop"]) == 0
    assert main(["context", "list"]) == 0
    assert main(["context", "list", "--json"]) == 0
    printed = capsys.readouterr()
    assert KEY not in printed.out + printed.err
    path.chmod(0o640)
    assert main(["get", "shop"]) == 2
    assert f"chmod 600 {path}" in capsys.readouterr().err


def test_contexts_are_listed_used_and_removed(
    talk: Conversation, prod: str, capsys: Output
) -> None:
    other = ["context", "add", "other", "--url", f"{talk.url}/api/", "--client-id", CLIENT_ID]
    assert main(other) == 0
    assert main(other) == 2
    assert main(["context", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out.splitlines()[-1])["contexts"]
    assert [(one["name"], one["url"], one["current"]) for one in listed] == [
        ("other", talk.url, False),
        ("prod", talk.url, True),
    ]
    assert main(["context", "remove", "prod"]) == 0
    assert main(["get", "shop"]) == 2
    assert "no context is selected" in capsys.readouterr().err
    for argv in (["use", "prod"], ["remove", "prod"]):
        assert main(["context", *argv]) == 2
        assert "there is no context 'prod' (known: other)" in capsys.readouterr().err
    assert main(["context", "remove", "other"]) == 0
    assert main(["context", "list"]) == 0
    assert "context add" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["lab", "--url", "https://x.example"], "cannot be a context's name"),
        (["a/b", "--url", "https://x.example"], "cannot be a context's name"),
        (["a", "--url", "http://x.example"], "must be https"),
        (["a", "--url", "x.example"], "not an http or https URL"),
        (["a", "--url", "https://x.example", "--client-id", "x"], "not an app registration's id"),
    ],
)
def test_a_context_that_is_not_usable_is_refused(
    argv: list[str], words: str, capsys: Output
) -> None:
    assert main(["context", "add", *argv]) == 2
    assert words in capsys.readouterr().err
    assert not contexts_file().exists()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"contexts": {"a": {}}}', '{"contexts": {"a": {"url": 5}}}', "\xff"]
)
def test_a_file_of_another_form_is_refused_and_kept(text: str, capsys: Output) -> None:
    path = contexts_file()
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="latin-1")
    assert main(["get"]) == 2
    assert str(path) in capsys.readouterr().err
    assert path.read_text(encoding="latin-1") == text


def test_without_any_installation_it_says_what_to_set(capsys: Output) -> None:
    assert main(["get"]) == 4
    told = capsys.readouterr().err
    assert "set SLIPWAY_URL and SLIPWAY_KEY" in told
    assert "slipway context add" in told


def test_debug_shows_requests_and_no_key(talk: Conversation, prod: str, capsys: Output) -> None:
    talk.says("GET", "/api/clusters", Said(200, {"clusters": []}))
    capsys.readouterr()
    assert main(["get", "--debug", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"clusters": []}
    assert f"> GET {talk.url}/api/clusters" in printed.err
    assert "x-functions-key" in printed.err
    assert "< 200 in " in printed.err
    assert KEY not in printed.err
