"""SSH to the controller, and through it to everything else. Host keys are pinned on every hop.

Output is cut at 1 MB a stream. A command that does not end within its timeout is left running,
because without a terminal sshd does not kill it. One connection of sshd carries any number of
forwarded connections (MaxSessions counts shells only).
"""

import base64
import errno
import json
import shlex
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from clients.errors import Refused, Transient
from clients.ssh.connection import connect, deadline, faults, private_key_of
from clients.time_limit import within
from cluster.on_node import program
from telemetry.names import SSH_SPAN, Attribute
from telemetry.spans import call

if TYPE_CHECKING:
    import paramiko

PORT = 22
CONNECT_SECONDS = 2.0
# The additional time of the asking program on a small and busy controller.
ASKING_SECONDS = 15.0
OUTPUT_BYTES = 1_000_000
ANSWER_BYTES = 65_536
PART = 65_536
REFUSALS = (errno.EACCES, errno.ENOENT)


@dataclass(frozen=True)
class Completed:
    """A command's exit code (-1: a signal ended it) and its output, cut at 1 MB a stream."""

    exit: int
    stdout: bytes
    stderr: bytes


class SshNode:
    """One connection to one pinned host key as one user."""

    def __init__(self, host: str, transport: "paramiko.Transport") -> None:
        self._host = host
        self._transport = transport

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    def run(self, argv: list[str], stdin: bytes = b"", timeout: float = 30.0) -> Completed:
        """Runs one command and returns its result. `timeout` is in seconds.

        The arguments are quoted. Secrets belong in `stdin`.

        Raises:
            Transient: the connection broke, or the command did not end in time.
        """
        what = f"'{argv[0]}' on {self._host}"
        timeout = within(timeout)
        with (
            call(f"{SSH_SPAN} run", self._host, {Attribute.PROGRAM: argv[0]}) as span,
            faults(what),
        ):
            channel = self._transport.open_session(timeout=timeout)
            with deadline(channel, timeout, what):
                done = _execute(channel, shlex.join(argv), stdin)
            span.set_attribute(Attribute.EXIT, done.exit)
        if done.exit < 0 and not self._transport.is_active():
            raise Transient(f"{what}: the connection broke")
        return done

    def put(self, path: str, data: bytes, mode: int, timeout: float = 30.0) -> None:
        """Writes a temporary file and renames it, so that `path` never has partial content.

        Raises:
            Transient: the connection broke, or the time is over.
            Refused: CopyRefused. The folder does not exist, or the user may not write to it.
        """
        from paramiko import SFTPClient

        what = f"copy of {path} to {self._host}"
        part = f"{path}.{uuid.uuid4().hex}"
        timeout = within(timeout)
        with faults(what):
            channel = self._transport.open_session(timeout=timeout)
            with deadline(channel, timeout, what):
                channel.invoke_subsystem("sftp")
                try:
                    with SFTPClient(channel) as client, client.open(part, "wb") as file:
                        file.set_pipelined(True)
                        client.chmod(part, mode)
                        file.write(data)
                        file.close()
                        client.posix_rename(part, path)
                except OSError as error:
                    if error.errno in REFUSALS:
                        raise Refused("CopyRefused", f"{what}: {error.strerror}") from None
                    raise

    def jump(
        self, address: tuple[str, int], user: str, key: "paramiko.PKey", host_public_key: str
    ) -> "SshNode":
        """Connects to another machine through a forwarded connection. Raises what `connect`
        raises."""
        return SshNode(
            address[0], connect(address, user, key, host_public_key, through=self._transport)
        )


class SshController:
    """The controller's connection as a context manager."""

    def __init__(
        self, host: str, user: str, private_key: str, host_public_key: str, port: int = PORT
    ) -> None:
        self._address, self._user, self._host_public_key = (host, port), user, host_public_key
        self._key = private_key_of(private_key)
        self._node: SshNode | None = None

    def __enter__(self) -> Self:
        transport = connect(self._address, self._user, self._key, self._host_public_key)
        self._node = SshNode(self._address[0], transport)
        return self

    def __exit__(self, *_: object) -> None:
        if self._node is not None:
            self._node.close()

    @property
    def _open(self) -> SshNode:
        if self._node is None:
            raise RuntimeError("not connected")
        return self._node

    def run(self, argv: list[str], stdin: bytes = b"", timeout: float = 30.0) -> Completed:
        return self._open.run(argv, stdin, timeout)

    def put(self, path: str, data: bytes, mode: int, timeout: float = 30.0) -> None:
        self._open.put(path, data, mode, timeout)

    def node(self, host: str, user: str, host_public_key: str, port: int = PORT) -> SshNode:
        """Returns a connection to a node behind the controller.

        It ends with the controller's connection, if not before.
        """
        return self._open.jump((host, port), user, self._key, host_public_key)

    def read_tcp_many(
        self,
        hosts: list[str],
        port: int,
        timeout: float,
        limit: int = ANSWER_BYTES,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> dict[str, bytes | str]:
        """Reads from one port of many hosts at once. The controller itself asks them.

        A forwarded connection for each host would make a thousand silent machines wait for each
        other.

        Args:
            hosts: the hosts to read from.
            port: the TCP port on every host.
            timeout: the seconds to wait for the answer of each host.
            limit: the largest answer of a host in bytes.
            connect_seconds: the seconds to wait for the connection to each host.

        Returns:
            For each host its answer, or a text that describes its error.

        Raises:
            Transient: the controller could not be asked.
            Refused: CannotAsk. The controller has no suitable Python.
        """
        request = {"hosts": hosts, "port": port, "connect": connect_seconds, "answer": timeout}
        request |= {"limit": limit, "total": OUTPUT_BYTES // 2}
        most = connect_seconds + timeout + ASKING_SECONDS
        done = self.run(["python3", "-c", program("ask")], json.dumps(request).encode(), most)
        if done.exit != 0:
            text = done.stderr.decode(errors="replace").strip()
            raise Refused("CannotAsk", f"the controller cannot ask its neighbours: {text}")
        try:
            said: dict[str, dict[str, str]] = json.loads(done.stdout)
        except ValueError:
            raise Transient("the controller's answer was cut off") from None
        return {host: _answer(f"{host}:{port}", said.get(host)) for host in hosts}


def _answer(what: str, said: dict[str, str] | None) -> bytes | str:
    if said is None:
        return f"{what}: its answer was cut off: the answers of all hosts are too long together"
    return base64.b64decode(said["data"]) if "data" in said else f"{what}: {said['fault']}"


def _execute(channel: "paramiko.Channel", command: str, stdin: bytes) -> Completed:
    """Handles all three streams in parallel, so that a full one does not stop the others."""
    # The only caller quotes every argument.
    channel.exec_command(command)  # nosec B601
    with ThreadPoolExecutor(2) as pool:
        feeding = pool.submit(_feed, channel, stdin)
        stderr = pool.submit(_drain, channel.recv_stderr)
        stdout = _drain(channel.recv)
        feeding.result()
        return Completed(channel.recv_exit_status(), stdout, stderr.result())


def _feed(channel: "paramiko.Channel", data: bytes) -> None:
    with suppress(OSError):  # a command may end before it has read all of its input
        channel.sendall(data)
        channel.shutdown_write()


def _drain(receive: Callable[[int], bytes]) -> bytes:
    """Reads all of a stream, because the command waits for that. Drops what exceeds
    OUTPUT_BYTES."""
    kept = bytearray()
    while part := receive(PART):
        kept += part[: OUTPUT_BYTES - len(kept)]
    return bytes(kept)
