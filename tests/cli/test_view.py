"""view: an address without the key, for a cluster that is there."""

import json
import webbrowser

import pytest

from cli.__main__ import main
from tests.cli.conversation import CLUSTER, KEY, Conversation, Said, cluster

type Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def shop(talk: Conversation) -> None:
    talk.says("GET", CLUSTER, cluster("ready"))


def test_it_prints_the_address_and_nothing_of_the_key(talk: Conversation, capsys: Output) -> None:
    assert main(["view", "shop"]) == 0
    assert main(["view", "shop", "--json"]) == 0
    plain, document = capsys.readouterr().out.splitlines()
    assert plain == f"{talk.url}{CLUSTER}/view"
    assert json.loads(document) == {"url": plain}


def test_it_opens_the_address_and_hands_no_key_to_the_browser(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) is None)
    assert main(["view", "shop", "--open"]) == 0
    assert opened == [f"{talk.url}{CLUSTER}/view"]
    assert KEY not in opened[0]
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    assert main(["view", "shop", "--open"]) == 1
    assert "no browser could be opened" in capsys.readouterr().err


def test_a_cluster_that_does_not_exist_has_no_page(talk: Conversation, capsys: Output) -> None:
    talk.says("GET", CLUSTER, Said(404, {"title": "no cluster 'shop'", "status": 404}))
    assert main(["view", "shop", "--open"]) != 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "no cluster 'shop'" in told.err


def test_the_key_is_printed_alone_and_only_when_asked_for(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    assert main(["view", "shop", "--key"]) == 0
    assert capsys.readouterr().out == f"{KEY}\n"
    assert talk.asked == []
    for other in ("--json", "--open"):
        assert main(["view", "shop", "--key", other]) == 2
        told = capsys.readouterr()
        assert (KEY in told.out, "leave out" in told.err) == (False, True)
    monkeypatch.delenv("SLIPWAY_KEY")
    assert main(["view", "shop", "--key"]) == 2
    assert "SLIPWAY_KEY is not set" in capsys.readouterr().err
