"""SSH against a real sshd: commands, files, forwarded connections, and who is trusted."""

import asyncio
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
import pytest

from clients.errors import Refused, Transient
from clients.ssh import connection as ssh_connection
from clients.ssh.controller import OUTPUT_BYTES, SshController
from cluster import keys
from cluster.on_node import ask
from tests.clients.ssh import sshd as sshd_module
from tests.clients.ssh.sshd import Sshd

KEY = keys.new_ssh_key()
LARGE = b"0123456789abcdef" * 200_000  # over 3 MB: more than a channel's window


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    server = sshd_module.start(tmp_path_factory.mktemp("ssh") / "s", keys.public_half(KEY))
    yield server
    server.stop()


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Callable[..., Sshd]]:
    """Starts further ones."""
    started: list[Sshd] = []

    def start(extra: str = "", kind: str = "ed25519") -> Sshd:
        folder = tmp_path / f"s{len(started)}"
        started.append(sshd_module.start(folder, keys.public_half(KEY), extra, kind))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def controller(server: Sshd, key: str = KEY, host_key: str | None = None) -> SshController:
    pinned = host_key or server.host_key
    return SshController("127.0.0.1", server.user, key, pinned, port=server.port)


@pytest.fixture
def connection(sshd: Sshd) -> Iterator[SshController]:
    with controller(sshd) as connection:
        yield connection


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP service for every caller at a time; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    answer(client)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_command_gets_its_arguments_as_they_are(connection: SshController) -> None:
    arguments = ["two words", "$HOME", "'quoted'", "", "; exit 9"]
    done = connection.run(["printf", "[%s]", *arguments])
    assert (done.exit, done.stdout, done.stderr) == (
        0,
        "".join(f"[{a}]" for a in arguments).encode(),
        b"",
    )


def test_streams_and_exit_code_come_apart(connection: SshController) -> None:
    done = connection.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.exit, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


def test_input_and_output_larger_than_a_window_pass_each_other(connection: SshController) -> None:
    done = connection.run(["sh", "-c", "cat; wc -c >&2 </dev/null"], stdin=LARGE)
    assert done.exit == 0
    assert done.stdout == LARGE[:OUTPUT_BYTES]
    counted = connection.run(["sh", "-c", "tee /dev/stderr | wc -c"], stdin=LARGE)
    assert int(counted.stdout) == len(LARGE)
    assert len(counted.stderr) == OUTPUT_BYTES


def test_a_command_need_not_read_its_input(connection: SshController) -> None:
    assert connection.run(["true"], stdin=LARGE).exit == 0


def test_a_command_that_does_not_end_is_left(connection: SshController) -> None:
    with pytest.raises(Transient, match=r"'sleep' on .* took longer than"):
        connection.run(["sleep", "60"], timeout=0.3)
    assert connection.run(["echo", "next"]).stdout == b"next\n"


def test_input_that_nobody_takes_does_not_hold_forever(connection: SshController) -> None:
    with pytest.raises(Transient, match="took longer"):
        connection.run(["sleep", "60"], stdin=LARGE, timeout=0.3)


def test_a_signal_is_no_success(connection: SshController) -> None:
    assert connection.run(["sh", "-c", "kill -9 $$"]).exit == -1


def test_a_connection_that_breaks_is_a_matter_of_coming_again(sshd: Sshd) -> None:
    with controller(sshd) as connection:
        with pytest.raises(Transient):
            connection.run(["sh", "-c", "kill -9 $PPID"])
        with pytest.raises(Transient):
            connection.run(["true"])
        with pytest.raises(Transient):
            connection.put("/tmp/x", b"x", 0o600)
        with pytest.raises(Transient):
            connection.read_tcp_many(["127.0.0.1"], 1, 1)


def test_a_file_is_there_whole_and_with_its_mode(sshd: Sshd, connection: SshController) -> None:
    target = sshd.folder / "bundle"
    for data in (LARGE, b"second"):
        connection.put(f"{sshd.inside}/bundle", data, 0o640)
        assert target.read_bytes() == data
        assert target.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in sshd.folder.glob("bundle*")] == ["bundle"]


def test_a_file_without_a_folder_is_refused(sshd: Sshd, connection: SshController) -> None:
    with pytest.raises(Refused, match="CopyRefused"):
        connection.put(f"{sshd.inside}/nowhere/bundle", b"x", 0o600)


def test_a_service_behind_the_controller_is_read_to_its_end(connection: SshController) -> None:
    report = json.dumps({"name": "demo-etcd-0", "status": "ok"}).encode() + b"\n"
    with answering(lambda client: client.sendall(report)) as port:
        assert connection.read_tcp_many(["127.0.0.1"], port, 5) == {"127.0.0.1": report}
        cut = connection.read_tcp_many(["127.0.0.1"], port, 5, limit=6)
    assert cut == {"127.0.0.1": report[:6]}


def test_many_are_asked_over_one_connection_and_each_has_its_answer(
    sshd: Sshd, connection: SshController
) -> None:
    with answering(lambda client: client.sendall(b"ok")) as port:
        # All of 127/8 is loopback, but this service listens on one address only.
        answers = connection.read_tcp_many(["127.0.0.1", "127.0.0.2"], port, 5)
    assert answers["127.0.0.1"] == b"ok"
    assert answers["127.0.0.2"] == f"127.0.0.2:{port}: nothing answers there"
    assert sshd.log().count("Accepted publickey") >= 1


def test_hundreds_that_are_silent_or_drip_cost_the_time_of_one(connection: SshController) -> None:
    over = threading.Event()

    def drip(client: socket.socket) -> None:
        client.sendall(b"{")
        over.wait(20)

    hosts = [f"127.0.{n // 250}.{n % 250 + 1}" for n in range(500)]
    with answering(drip) as port:
        began = time.monotonic()
        answers = connection.read_tcp_many(hosts, port, 1, connect_seconds=0.5)
        assert time.monotonic() - began < 10
        over.set()
    assert answers["127.0.0.1"] == f"127.0.0.1:{port}: took longer than 1 s"
    assert answers["127.0.1.200"] == f"127.0.1.200:{port}: nothing answers there"


def test_answers_that_find_no_room_are_left_for_the_next_time() -> None:
    with answering(lambda client: client.sendall(b"ok")) as port:
        request = {"hosts": ["127.0.0.1", "localhost"], "port": port, "connect": 5, "answer": 5}
        answers = asyncio.run(ask.ask_all(request | {"limit": 10, "total": 4}))
    assert len(answers) == 1


def test_a_node_is_reached_through_the_controller_with_its_own_pinned_key(
    connection: SshController, another: Callable[..., Sshd]
) -> None:
    node = another()
    with connection.node("127.0.0.1", node.user, node.host_key, port=node.port) as reached:
        done = reached.run(["sh", "-c", "echo $SSH_CONNECTION"])
    assert done.stdout.split()[3] == str(node.port).encode()
    with pytest.raises(Refused, match="HostKeyMismatch"):
        connection.node(
            "127.0.0.1", node.user, keys.public_half(keys.new_ssh_key()), port=node.port
        )


def test_another_host_key_is_refused_before_anything_is_sent(another: Callable[..., Sshd]) -> None:
    server = another()
    other = keys.public_half(keys.new_ssh_key())
    with pytest.raises(Refused, match="shows another host key") as refused:
        controller(server, host_key=other).__enter__()
    assert refused.value.code == "HostKeyMismatch"
    server.stop()
    assert "publickey" not in server.log()


def test_a_host_without_the_pinned_kind_of_key_is_refused(another: Callable[..., Sshd]) -> None:
    server = another(kind="ecdsa")
    with pytest.raises(Refused, match="has no ssh-ed25519 host key") as refused:
        controller(server, host_key=keys.public_half(KEY)).__enter__()
    assert refused.value.code == "HostKeyMismatch"


def test_a_pin_of_another_kind_is_refused() -> None:
    with pytest.raises(Refused, match="BadHostKey"):
        SshController("127.0.0.1", "x", KEY, "ecdsa-sha2-nistp256 AAAA").__enter__()


def test_another_clients_key_is_refused(sshd: Sshd) -> None:
    with pytest.raises(Refused, match="does not take the cluster's key") as refused:
        controller(sshd, key=keys.new_ssh_key()).__enter__()
    assert refused.value.code == "AuthenticationFailed"


def test_a_key_that_is_none_is_refused_and_not_shown() -> None:
    with pytest.raises(Refused, match="BadPrivateKey") as refused:
        SshController("127.0.0.1", "x", KEY[:60] + "hunter2", "ssh-ed25519 AAAA")
    assert "hunter2" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_an_sshd_that_forbids_forwarding_is_distinguished_from_silence(
    another: Callable[..., Sshd],
) -> None:
    server = another("AllowTcpForwarding no\n")
    with controller(server) as connection:
        with pytest.raises(Refused) as refused:
            connection.node("127.0.0.1", "x", server.host_key)
        assert refused.value.code == "ForwardingRefused"


def test_a_controller_that_does_not_answer_is_a_transient_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    nobody = SshController("127.0.0.1", "x", KEY, keys.public_half(KEY), port=port)
    with pytest.raises(Transient, match="does not answer on SSH"):
        nobody.__enter__()


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n"])
def test_who_is_silent_or_hangs_up_is_a_matter_of_coming_again(
    monkeypatch: pytest.MonkeyPatch, greeting: bytes
) -> None:
    monkeypatch.setattr(ssh_connection, "HANDSHAKE_SECONDS", 0.5)
    over = threading.Event()

    def greet(client: socket.socket) -> None:
        client.sendall(greeting)
        if not greeting:
            over.wait(10)

    with answering(greet) as port:
        stranger = SshController("127.0.0.1", "x", KEY, keys.public_half(KEY), port=port)
        with pytest.raises(Transient):
            stranger.__enter__()
        over.set()


class Booting(paramiko.ServerInterface):
    """Hangs up on who signs in, as a machine does that still boots (pam_nologin)."""

    def __init__(self, transport: paramiko.Transport) -> None:
        self._transport = transport

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._transport.close()
        return paramiko.AUTH_FAILED


def test_a_machine_that_still_boots_is_not_taken_for_one_that_refuses() -> None:
    host = keys.new_ssh_key()
    transports: list[paramiko.Transport] = []

    def boot(client: socket.socket) -> None:
        transport = paramiko.Transport(client)
        transport.add_server_key(paramiko.Ed25519Key.from_private_key(io.StringIO(host)))
        transport.start_server(threading.Event(), Booting(transport))
        transports.append(transport)
        transport.join(10)

    with answering(boot) as port:
        machine = SshController("127.0.0.1", "x", KEY, keys.public_half(host), port=port)
        with pytest.raises(Transient, match="cut off while signing in"):
            machine.__enter__()
    for transport in transports:
        transport.close()


def test_everything_is_closed_at_the_end(sshd: Sshd, another: Callable[..., Sshd]) -> None:
    node = another()
    with controller(sshd) as connection:
        reached = connection.node("127.0.0.1", node.user, node.host_key, port=node.port)
        assert reached.run(["true"]).exit == 0
        threads = [t for t in threading.enumerate() if isinstance(t, paramiko.Transport)]
        assert len(threads) >= 2
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    with pytest.raises(Transient):
        reached.run(["true"])
