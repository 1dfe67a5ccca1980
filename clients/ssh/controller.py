"""SSH to the controller, and through it to everything else. Host keys are pinned on every hop.

Limits: output is cut at 1 MB a stream; commands end within their timeout or are left (without a
terminal, sshd does not kill them). One connection of sshd carries any number of forwarded ones
(MaxSessions counts shells, not these).
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
# What the asking program takes besides, on a small and busy controller.
ASKING_SECONDS = 15.0
OUTPUT_BYTES = 1_000_000
ANSWER_BYTES = 65_536
PART = 65_536
REFUSALS = (errno.EACCES, errno.ENOENT)


@dataclass(frozen=True)
class Completed:
    """A command's exit code (-1: a signal ended it) and output, cut at 1 MB each."""

    exit: int
    stdout: bytes
    stderr: bytes


class SshNode:
    """One connection, as one user, to one pinned host key."""

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
        """Runs one command. Arguments are quoted; secrets belong in `stdin`.

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
        """Writes a file beside and renames it: at no time is there half of it.

        Raises:
            Transient: the connection broke, or it took too long.
            Refused: CopyRefused, the folder is missing or not writable for the user.
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
        """Another machine, by a forwarded connection. Raises as `connect` does."""
        return SshNode(
            address[0], connect(address, user, key, host_public_key, through=self._transport)
        )


class SshController:
    """The controller as a context manager; its methods are those of its connection."""

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
        """A node behind the controller; its connection ends with the controller's at the latest."""
        return self._open.jump((host, port), user, self._key, host_public_key)

    def read_tcp_many(
        self,
        hosts: list[str],
        port: int,
        timeout: float,
        limit: int = ANSWER_BYTES,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> dict[str, bytes | str]:
        """Many services at once, asked by the controller itself: a forwarded connection for each
        would keep a thousand silent machines waiting for each other.

        `connect_seconds` and `timeout` (for the answer) are for each. A text stands for what went
        wrong with one.

        Raises:
            Transient: the controller could not be asked.
            Refused: CannotAsk, the controller has no Python that could.
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
        return f"{what}: its answer found no room"
    return base64.b64decode(said["data"]) if "data" in said else f"{what}: {said['fault']}"


def _execute(channel: "paramiko.Channel", command: str, stdin: bytes) -> Completed:
    """Feeds and reads all three streams at once, so that none fills up and stops the others."""
    # Its one caller quotes every argument.
    channel.exec_command(command)  # nosec B601
    with ThreadPoolExecutor(2) as pool:
        feeding = pool.submit(_feed, channel, stdin)
        stderr = pool.submit(_drain, channel.recv_stderr)
        stdout = _drain(channel.recv)
        feeding.result()
        return Completed(channel.recv_exit_status(), stdout, stderr.result())


def _feed(channel: "paramiko.Channel", data: bytes) -> None:
    with suppress(OSError):  # a command may end without having read all of it
        channel.sendall(data)
        channel.shutdown_write()


def _drain(receive: Callable[[int], bytes]) -> bytes:
    """All of a stream is taken, as the command waits for that; what is beyond the limit is left."""
    kept = bytearray()
    while part := receive(PART):
        kept += part[: OUTPUT_BYTES - len(kept)]
    return bytes(kept)
