"""SSH to the controller, and through it to everything else. Host keys are pinned on every hop.

Only Ed25519 host keys are offered and taken, no key is ever added by itself, and no agent or key
file of the machine that this runs on is used.
"""

import io
import logging
import shlex
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import paramiko

from clients.errors import Refused, Transient

PORT = 22
CONNECT_SECONDS = 10.0
PARALLEL = 16
OUTPUT_BYTES = 1_000_000
HOST_KEY_TYPES = ["ssh-ed25519"]

logging.getLogger("paramiko").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Completed:
    """A command's exit code (-1: it was cut off) and output, cut at 1 MB each."""

    exit: int
    stdout: bytes
    stderr: bytes


class SshNode:
    """One connection, as one user, to one pinned host key."""

    def __init__(
        self,
        host: str,
        user: str,
        private_key: paramiko.PKey,
        host_public_key: str,
        through: paramiko.Transport | None = None,
    ) -> None:
        self._transport = _connect(host, user, private_key, host_public_key, through)

    def run(self, argv: list[str], stdin: bytes = b"", timeout: float = 30.0) -> Completed:
        """Runs one command. Arguments are quoted; secrets belong in `stdin`.

        Raises:
            Transient: the connection broke, or the command did not end in time.
        """
        try:
            channel = self._transport.open_session(timeout=timeout)
            channel.settimeout(timeout)
            channel.exec_command(shlex.join(argv))
            if stdin:
                channel.sendall(stdin)
            channel.shutdown_write()
            return _collect(channel, time.monotonic() + timeout)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise Transient(f"'{argv[0]}' was cut off: {type(error).__name__}") from None

    def put(self, path: str, data: bytes, mode: int) -> None:
        """Writes a file; whoever reads it checks its digest."""
        try:
            client = paramiko.SFTPClient.from_transport(self._transport)
            if client is None:
                raise Transient("no SFTP on the controller")
            with client, client.open(path, "wb") as file:
                file.set_pipelined(True)
                client.chmod(path, mode)
                file.write(data)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise Transient(f"copy was cut off: {type(error).__name__}") from None

    def close(self) -> None:
        self._transport.close()


class SshController:
    """The controller as a context manager."""

    def __init__(self, host: str, user: str, private_key: str, host_public_key: str) -> None:
        self._host, self._user, self._host_public_key = host, user, host_public_key
        self._key = paramiko.Ed25519Key.from_private_key(io.StringIO(private_key))
        self._node: SshNode | None = None

    def __enter__(self) -> Self:
        self._node = SshNode(self._host, self._user, self._key, self._host_public_key)
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

    def put(self, path: str, data: bytes, mode: int) -> None:
        self._open.put(path, data, mode)

    def node(self, host: str, user: str, host_public_key: str) -> SshNode:
        """A node behind the controller, by a forwarded connection."""
        return SshNode(host, user, self._key, host_public_key, through=self._open._transport)  # pyright: ignore[reportPrivateUsage]

    def read_tcp(self, host: str, port: int, timeout: float, limit: int) -> bytes:
        """What a service answers before it closes; at most `limit` bytes.

        Raises:
            Transient: nothing listens there, or it was silent.
        """
        transport = self._open._transport  # pyright: ignore[reportPrivateUsage]
        data = b""
        try:
            channel = _forward(transport, host, port, timeout)
            with channel:
                channel.settimeout(timeout)
                while len(data) < limit and (part := channel.recv(limit - len(data))):
                    data += part
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise Transient(f"{host}:{port}: {type(error).__name__}") from None
        return data

    def read_tcp_many(
        self, hosts: list[str], port: int, timeout: float, limit: int
    ) -> dict[str, bytes | str]:
        """All at once over the one connection; a text stands for what went wrong."""

        def read(host: str) -> tuple[str, bytes | str]:
            try:
                return host, self.read_tcp(host, port, timeout, limit)
            except Transient as error:
                return host, str(error)

        with ThreadPoolExecutor(PARALLEL) as pool:
            return dict(pool.map(read, hosts))


def _connect(
    host: str,
    user: str,
    private_key: paramiko.PKey,
    host_public_key: str,
    through: paramiko.Transport | None,
) -> paramiko.Transport:
    try:
        sock: Any = (
            _forward(through, host, PORT, CONNECT_SECONDS)
            if through
            else socket.create_connection((host, PORT), CONNECT_SECONDS)
        )
        transport = paramiko.Transport(sock)
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise Transient(f"{host} does not answer on SSH: {type(error).__name__}") from None
    try:
        transport.banner_timeout = transport.auth_timeout = CONNECT_SECONDS
        transport.get_security_options().key_types = HOST_KEY_TYPES
        transport.start_client(timeout=CONNECT_SECONDS)
        shown = transport.get_remote_server_key()
        _check_host_key(host, shown, host_public_key)
        transport.auth_publickey(user, private_key)
    except Refused:
        transport.close()
        raise
    except paramiko.AuthenticationException:
        transport.close()
        raise Refused("AuthenticationFailed", f"{host} does not take the cluster's key") from None
    except (paramiko.SSHException, OSError, EOFError) as error:
        transport.close()
        raise Transient(f"{host}: SSH was cut off: {type(error).__name__}") from None
    return transport


def _check_host_key(host: str, shown: paramiko.PKey, pinned: str) -> None:
    if f"{shown.get_name()} {shown.get_base64()}" != " ".join(pinned.split()[:2]):
        raise Refused("HostKeyMismatch", f"{host} shows another host key than the pinned one")


def _forward(
    transport: paramiko.Transport, host: str, port: int, timeout: float
) -> paramiko.Channel:
    return transport.open_channel("direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=timeout)


def _collect(channel: paramiko.Channel, until: float) -> Completed:
    """Reads both streams as they come, so that neither fills up and stops the other."""
    out, err = bytearray(), bytearray()
    while True:
        progress = False
        if channel.recv_ready():
            out += channel.recv(65536)
            progress = True
        if channel.recv_stderr_ready():
            err += channel.recv_stderr(65536)
            progress = True
        del out[OUTPUT_BYTES:], err[OUTPUT_BYTES:]
        if not progress:
            if channel.exit_status_ready() and channel.eof_received:
                break
            if channel.closed:
                break
            if time.monotonic() > until:
                channel.close()
                raise TimeoutError
            time.sleep(0.01)
    while channel.recv_ready():
        out += channel.recv(65536)
    while channel.recv_stderr_ready():
        err += channel.recv_stderr(65536)
    code = channel.recv_exit_status() if channel.exit_status_ready() else -1
    channel.close()
    return Completed(code, bytes(out), bytes(err))
