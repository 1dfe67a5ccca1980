"""ssh and exec: through one real sshd to another, with both host keys pinned."""

import os
import pty
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli import controller, remote
from cli.__main__ import main
from cli.targets import Target
from cluster import keys
from lab.testing.standins import Azure, azure
from tests.cli.conversation import CLUSTER, KEY, Conversation, Said
from tests.clients.ssh import sshd

__all__ = ["azure"]
type Output = pytest.CaptureFixture[str]
START, STOP = f"{CLUSTER}/controller/start", f"{CLUSTER}/controller/stop"
PRIVATE = keys.new_ssh_key()


@pytest.fixture
def way(
    talk: Conversation, azure: Azure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Any]]:
    """The API's answer: the controller, and behind it the node shop-etcd-0."""
    public = keys.public_half(PRIVATE)
    first, second = (sshd.start(tmp_path / name, public) for name in ("controller", "node"))
    monkeypatch.setattr(remote, "SSH_PORT", second.port)
    monkeypatch.setattr(controller, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(controller, "SSH_SECONDS", 0.2)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    header = azure.facade.identity.header
    monkeypatch.setattr(
        remote,
        "target_to_change",
        lambda _: Target(talk.url, KEY, azure=azure.url, identity_header=header),
    )
    secret = {"version": "1", "value": PRIVATE, "tags": {}, "created": 1}
    azure.facade.vault.secrets["shop-abc-ssh-key"] = [secret]
    ssh = {
        "host": "127.0.0.1",
        "port": first.port,
        "user": first.user,
        "hostKey": first.host_key,
        "keySecret": "shop-abc-ssh-key",
        "vault": "https://slipway-test.vault.azure.net",
    }
    body = {
        "name": "shop",
        "state": "running",
        "controller": "shop-controller",
        "started": False,
        "ssh": ssh,
        "api": {"host": "127.0.0.1", "port": 1},
        "node": {"name": "shop-etcd-0", "host": "127.0.0.1", "hostKey": second.host_key},
    }
    talk.says("POST", START, Said(200, body))
    talk.says(
        "POST", STOP, Said(202, body | {"state": "deallocating", "controller": "shop-controller"})
    )
    yield body
    first.stop()
    second.stop()


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """The writing end of the command's input, and the reading end of its output."""
    (stdin, fed), (read, stdout) = os.pipe(), os.pipe()
    monkeypatch.setattr(remote, "STREAMS", (stdin, stdout, 2))
    yield fed, read
    for descriptor in (stdin, stdout, read):
        os.close(descriptor)


@pytest.mark.parametrize("node", ["etcd-0", "shop-etcd-0"])
def test_a_command_runs_on_the_node_with_its_words_streams_and_exit_code(
    talk: Conversation, way: Any, streams: tuple[int, int], capfd: Output, node: str
) -> None:
    fed, read = streams
    os.write(fed, b"from here\n")
    os.close(fed)
    script = "cat; printf '%s|' \"$@\"; echo oops >&2; exit 7"
    words = ["two words", "$HOME", "it's", "--", "-x"]
    assert main(["exec", "shop", node, "--", "sh", "-c", script, "sh", *words]) == 7
    assert os.read(read, 1000).decode() == "from here\n" + "".join(f"{word}|" for word in words)
    assert "oops" in capfd.readouterr().err
    assert [one.query for one in talk.asked if one.path == START] == ["node=shop-etcd-0"]
    assert not [one for one in talk.asked if one.path == STOP]


def test_the_controller_itself_is_reached_without_another_hop(
    talk: Conversation, way: dict[str, Any], streams: tuple[int, int]
) -> None:
    del way["node"]
    os.close(streams[0])
    assert main(["exec", "shop", "controller", "--", "echo", "here"]) == 0
    assert os.read(streams[1], 100) == b"here\n"
    assert [one.query for one in talk.asked] == ["node=shop-controller"]


def test_much_output_arrives_whole(way: Any, streams: tuple[int, int]) -> None:
    os.close(streams[0])
    found = bytearray()

    def read() -> None:
        while len(found) < 3_000_000:
            found.extend(os.read(streams[1], 65_536))

    reader = threading.Thread(target=read)
    reader.start()
    assert main(["exec", "shop", "etcd-0", "--", "head", "-c", "3000000", "/dev/zero"]) == 0
    reader.join()
    assert len(found) == 3_000_000


@pytest.mark.parametrize("place", ["ssh", "node"])
def test_a_machine_with_another_host_key_is_refused(
    talk: Conversation, way: dict[str, Any], capsys: Output, place: str
) -> None:
    way[place]["hostKey"] = keys.public_half(keys.new_ssh_key())
    way["started"] = True
    talk.says("POST", START, Said(200, way))
    assert main(["exec", "shop", "etcd-0", "--", "true"]) == 1
    assert "another host key than the pinned one" in capsys.readouterr().err
    assert [one.path for one in talk.asked] == [START, STOP], "what it started is deallocated"


def test_an_app_that_does_not_say_how_to_reach_a_node_is_told(
    talk: Conversation, way: dict[str, Any], capsys: Output
) -> None:
    del way["node"]
    talk.says("POST", START, Said(200, way))
    assert main(["exec", "shop", "etcd-0", "--", "true"]) == 2
    assert "publish this version" in capsys.readouterr().err


def test_a_shell_has_a_terminal_and_its_exit_code(
    way: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    main_end, side = pty.openpty()
    monkeypatch.setattr(remote, "STREAMS", (side, side, 2))
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((123, 45)))
    seen = bytearray()

    def type_and_read() -> None:
        os.write(main_end, b"stty size; test -t 0 && echo a-$((40 + 2)); exit 9\n")
        while b"a-42" not in seen:
            seen.extend(os.read(main_end, 4096))
        done.wait(30)

    done = threading.Event()
    typist = threading.Thread(target=type_and_read, daemon=True)
    typist.start()
    code = main(["ssh", "shop", "etcd-0"])
    done.set()
    typist.join(30)
    assert code == 9
    assert b"45 123" in seen
    os.close(main_end)
    os.close(side)


def test_a_shell_without_a_terminal_is_refused_before_anything_starts(
    talk: Conversation, way: Any, streams: tuple[int, int], capsys: Output
) -> None:
    os.close(streams[0])
    assert main(["ssh", "shop", "etcd-0"]) == 2
    assert "slipway exec shop etcd-0 --" in capsys.readouterr().err
    assert talk.asked == []


def test_a_command_that_a_signal_ended_is_no_success(way: Any, streams: tuple[int, int]) -> None:
    os.close(streams[0])
    assert main(["exec", "shop", "etcd-0", "--", "sh", "-c", "kill -9 $$"]) == 255
