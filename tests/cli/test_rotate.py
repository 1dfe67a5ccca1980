"""The command rotate."""

import pytest

from cli.__main__ import main
from tests.cli.conversation import CLUSTER, EVENTS, OPERATION, Conversation, Said, cluster

type Output = pytest.CaptureFixture[str]
ACCEPTED = {"name": "shop", "operation": OPERATION, "location": OPERATION, "joined": False}


@pytest.mark.parametrize("credential", ["ssh-key", "encryption-key", "kubeconfig"])
def test_rotate_follows_the_operation_to_its_end(
    talk: Conversation, capsys: Output, credential: str
) -> None:
    talk.says("POST", f"{CLUSTER}/credentials/{credential}/rotate", Said(202, ACCEPTED))
    talk.says("GET", OPERATION, Said(200, {"status": "succeeded"}))
    talk.says("GET", EVENTS, Said(200, {"generation": 1, "events": [], "next": 0}))
    talk.says("GET", CLUSTER, cluster("ready", kind="rotate"))
    assert main(["rotate", "shop", credential]) == 0
    assert "shop is ready" in capsys.readouterr().out


def test_rotate_says_that_it_joined_one(talk: Conversation, capsys: Output) -> None:
    talk.says(
        "POST", f"{CLUSTER}/credentials/ssh-key/rotate", Said(202, ACCEPTED | {"joined": True})
    )
    assert main(["rotate", "shop", "ssh-key", "--no-wait"]) == 0
    assert "joined it" in capsys.readouterr().err


def test_a_cluster_without_that_credential_is_told(talk: Conversation, capsys: Output) -> None:
    title = "the kubeconfig of cluster 'shop' is not in use"
    talk.says("POST", f"{CLUSTER}/credentials/kubeconfig/rotate", Said(409, {"title": title}))
    assert main(["rotate", "shop", "kubeconfig"]) != 0
    assert title in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["shop"], ["shop", "ca"], ["shop", "SSH-KEY"]])
def test_what_cannot_be_rotated_is_refused_before_anything_is_sent(
    talk: Conversation, capsys: Output, arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["rotate", *arguments])
    assert ended.value.code == 2
    assert "CREDENTIAL" in capsys.readouterr().err
    assert talk.asked == []
