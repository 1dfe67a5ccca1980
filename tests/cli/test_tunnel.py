"""tunnel: through a real sshd to a server behind it; the controller is started and put away."""

import http.client
import signal
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli import controller
from cli import tunnel as command
from cli.__main__ import main
from cli.targets import Target
from cluster import keys
from lab.testing.serving import in_thread
from lab.testing.standins import Azure, azure
from tests.cli.conversation import CLUSTER, KEY, Conversation, Said
from tests.cli.serving import while_served
from tests.clients.ssh import sshd

__all__ = ["azure"]
type Output = pytest.CaptureFixture[str]
START, STOP = f"{CLUSTER}/controller/start", f"{CLUSTER}/controller/stop"
PRIVATE = keys.new_ssh_key()
STARTING = Said(
    202,
    {"name": "shop", "state": "starting", "controller": "shop-controller", "started": False},
)
STOPPING = Said(202, {"name": "shop", "state": "deallocating", "controller": "shop-controller"})


class Hello(BaseHTTPRequestHandler):
    """The API behind the controller, played."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


@pytest.fixture
def way(tmp_path: Path) -> Iterator[dict[str, Any]]:
    daemon = sshd.start(tmp_path / "sshd", keys.public_half(PRIVATE))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    ssh = {
        "host": "127.0.0.1",
        "port": daemon.port,
        "user": daemon.user,
        "hostKey": daemon.host_key,
        "keySecret": "shop-abc-ssh-key",
        "vault": "https://slipway-test.vault.azure.net",
    }
    with in_thread(server):
        yield {
            "name": "shop",
            "state": "running",
            "controller": "shop-controller",
            "started": False,
            "ssh": ssh,
            "api": {"host": "127.0.0.1", "port": server.server_port},
        }
    daemon.stop()


@pytest.fixture(autouse=True)
def target(talk: Conversation, azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    header = azure.facade.identity.header
    monkeypatch.setattr(
        command,
        "target_to_change",
        lambda _: Target(talk.url, KEY, azure=azure.url, identity_header=header),
    )
    monkeypatch.setattr(command, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(controller, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(controller, "SSH_SECONDS", 0.2)
    secret = {"version": "1", "value": PRIVATE, "tags": {}, "created": 1}
    azure.facade.vault.secrets["shop-abc-ssh-key"] = [secret]
    talk.says("POST", STOP, STOPPING)
    kept = {number: signal.getsignal(number) for number in (1, 2, 15)}
    monkeypatch.setattr("signal.signal", lambda number, action: kept.update({int(number): action}))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def asked(talk: Conversation, path: str) -> int:
    return sum(1 for one in talk.asked if one.path == path)


def test_connections_go_through_to_the_api_until_ctrl_c(
    talk: Conversation, way: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    talk.says("POST", START, Said(200, way))
    port, said = free_port(), list[bytes]()

    def use() -> None:
        for _ in range(3):
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            for _ in range(2):
                client.request("GET", "/")
                said.append(client.getresponse().read())
            client.close()

    while_served(monkeypatch, command, use)
    assert main(["tunnel", "shop", "--port", str(port)]) == 0
    assert said == [b"hello"] * 6
    assert f"slipway kubeconfig shop --port {port}" in capsys.readouterr().err
    assert asked(talk, STOP) == 0, "what it did not start it leaves running"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1).close()


def test_a_controller_that_it_started_is_deallocated_again(
    talk: Conversation, way: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    first = Said(202, STARTING.body | {"started": True})
    talk.says("POST", START, first, STARTING, Said(200, way))
    while_served(monkeypatch, command, lambda: None)
    assert main(["tunnel", "shop", "--port", str(free_port())]) == 0
    told = capsys.readouterr().err
    assert "shop-controller is starting" in told
    assert "Ctrl-C ends it and deallocates shop-controller" in told
    assert asked(talk, STOP) == 1


def test_whatever_fails_after_the_start_the_controller_goes_down_again(
    talk: Conversation, way: dict[str, Any], azure: Azure, capsys: Output
) -> None:
    first = Said(202, STARTING.body | {"started": True})
    talk.says("POST", START, first, Said(200, way))
    azure.facade.vault.change({"deny": True})
    assert main(["tunnel", "shop", "--port", str(free_port())]) == 1
    assert "Key Vault Secrets User" in capsys.readouterr().err
    assert asked(talk, STOP) == 1


def test_a_controller_that_a_run_needs_is_left_to_it(
    talk: Conversation, way: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    first = Said(202, STARTING.body | {"started": True})
    talk.says("POST", START, first, Said(200, way))
    talk.says("POST", STOP, Said(409, {"title": "an operation is running"}))
    while_served(monkeypatch, command, lambda: None)
    assert main(["tunnel", "shop", "--port", str(free_port())]) == 0
    assert "not deallocated: an operation is running" in capsys.readouterr().err


def test_another_host_key_is_refused_and_gets_nothing(
    talk: Conversation, way: dict[str, Any], capsys: Output
) -> None:
    way["ssh"]["hostKey"] = keys.public_half(keys.new_ssh_key())
    talk.says("POST", START, Said(200, way))
    assert main(["tunnel", "shop", "--port", str(free_port())]) == 1
    assert "another host key than the pinned one" in capsys.readouterr().err


def test_a_controller_that_is_not_reached_is_reported_with_the_field_that_admits(
    talk: Conversation, way: dict[str, Any], capsys: Output
) -> None:
    way["ssh"]["port"] = free_port()
    talk.says("POST", START, Said(200, way))
    assert main(["tunnel", "shop", "--port", str(free_port())]) == 4
    assert "network.allowedSources" in capsys.readouterr().err


def test_an_api_that_does_not_answer_is_reported_at_once(
    talk: Conversation, way: dict[str, Any], capsys: Output
) -> None:
    way["api"]["port"] = free_port()
    talk.says("POST", START, Said(200, way))
    assert main(["tunnel", "shop", "--port", str(free_port())]) == 1
    told = capsys.readouterr().err
    assert "nothing answers there" in told
    assert "slipway get shop" in told


def test_a_connection_that_ends_ends_the_tunnel_with_its_reason(
    talk: Conversation, way: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    talk.says("POST", START, Said(200, way))
    serve = command.serve

    def cut(listener: socket.socket, through: Any) -> None:
        through.close()
        serve(listener, through)

    monkeypatch.setattr(command, "serve", cut)
    assert main(["tunnel", "shop", "--port", str(free_port())]) == 1
    assert "the same command opens it again" in capsys.readouterr().err


def test_a_taken_port_is_refused_and_the_next_free_one_found(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["tunnel", "shop", "--port", str(port)]) == 2
        assert "--port" in capsys.readouterr().err
        assert asked(talk, START) == 0, "nothing is started for a port that is not to be had"
        with command.listen(None, port) as found:
            assert port < found.getsockname()[1] < port + command.PORTS
