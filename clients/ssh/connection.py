"""Opens SSH connections to pinned host keys, and distinguishes their errors.

It uses paramiko's Transport, not SSHClient with a RejectPolicy. Only the Ed25519 host key is
offered and accepted, and it is compared before anything is sent. The known_hosts, agent and key
files of the local machine are not read.
"""

import io
import logging
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from clients.errors import Refused, Transient
from clients.time_limit import within
from telemetry.names import SSH_SPAN
from telemetry.spans import call

if TYPE_CHECKING:
    import paramiko

CONNECT_SECONDS = 5.0
HANDSHAKE_SECONDS = 10.0
HOST_KEY_TYPE = "ssh-ed25519"
PROHIBITED = 1  # RFC 4254, 5.1: SSH_OPEN_ADMINISTRATIVELY_PROHIBITED


def private_key_of(text: str) -> "paramiko.PKey":
    """Parses an Ed25519 private key in OpenSSH's format.

    Raises:
        Refused: BadPrivateKey. The message contains nothing of the text.
    """
    import paramiko

    try:
        return paramiko.Ed25519Key.from_private_key(io.StringIO(text))
    except Exception:
        raise Refused("BadPrivateKey", "not an Ed25519 private key in OpenSSH's form") from None


def connect(
    address: tuple[str, int],
    user: str,
    private_key: "paramiko.PKey",
    host_public_key: str,
    through: "paramiko.Transport | None" = None,
) -> "paramiko.Transport":
    """Connects, directly or through another connection, and signs in. Returns the connection.

    Raises:
        Transient: nothing answers, or the connection broke.
        Refused: HostKeyMismatch, AuthenticationFailed, ForwardingRefused, BadHostKey,
            SshIncompatible.
    """
    import paramiko

    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    pinned = host_public_key.split()[:2]
    if len(pinned) != 2 or pinned[0] != HOST_KEY_TYPE:
        raise Refused("BadHostKey", f"the pinned host key of {address[0]} is not {HOST_KEY_TYPE}")
    with (
        call(f"{SSH_SPAN} connect", address[0], {}),
        faults(f"{address[0]} does not answer on SSH"),
    ):
        sock: Any = (
            forward(through, address, within(CONNECT_SECONDS))
            if through
            else socket.create_connection(address, within(CONNECT_SECONDS))
        )
        transport = paramiko.Transport(sock)
    try:
        with faults(f"{address[0]}: SSH was cut off"):
            transport.banner_timeout = transport.auth_timeout = within(HANDSHAKE_SECONDS)
            transport.get_security_options().key_types = (HOST_KEY_TYPE,)
            _handshake(transport, address[0], pinned)
            _sign_in(transport, address[0], user, private_key)
    except BaseException:
        transport.close()
        raise
    return transport


def _handshake(transport: "paramiko.Transport", host: str, pinned: list[str]) -> None:
    from paramiko.ssh_exception import IncompatiblePeer

    try:
        transport.start_client(timeout=within(HANDSHAKE_SECONDS))
    except IncompatiblePeer as error:
        if "host key" in str(error):
            raise Refused("HostKeyMismatch", f"{host} has no {HOST_KEY_TYPE} host key") from None
        raise Refused("SshIncompatible", f"{host}: {error}") from None
    shown = transport.get_remote_server_key()
    if [shown.get_name(), shown.get_base64()] != pinned:
        raise Refused("HostKeyMismatch", f"{host} shows another host key than the pinned one")


def _sign_in(
    transport: "paramiko.Transport", host: str, user: str, private_key: "paramiko.PKey"
) -> None:
    import paramiko

    try:
        transport.auth_publickey(user, private_key)
    except paramiko.AuthenticationException as error:
        # paramiko raises the same error if the connection broke or was silent, or if a machine that
        # still boots hangs up (pam_nologin). A real refusal leaves the connection open.
        if not transport.is_active() or "timeout" in str(error).lower():
            raise Transient(f"{host}: SSH was cut off while signing in") from None
        raise Refused("AuthenticationFailed", f"{host} does not take the cluster's key") from None


def forward(
    transport: "paramiko.Transport", address: tuple[str, int], timeout: float
) -> "paramiko.Channel":
    """Opens a TCP connection from the far end to `address` (direct-tcpip)."""
    return transport.open_channel("direct-tcpip", address, ("127.0.0.1", 0), timeout=timeout)


@contextmanager
def faults(what: str) -> Generator[None]:
    """Converts errors of paramiko and sockets to Transient, or to Refused if a retry cannot
    help."""
    import paramiko

    try:
        yield
    except paramiko.ChannelException as error:
        if error.code == PROHIBITED:
            message = f"{what}: the controller's sshd does not forward connections"
            raise Refused("ForwardingRefused", message) from None
        raise Transient(f"{what}: nothing answers there") from None
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise Transient(f"{what}: {str(error) or type(error).__name__}") from None


@contextmanager
def deadline(channel: "paramiko.Channel", seconds: float, what: str) -> Generator[None]:
    """Closes the channel at the end of the block, or when `seconds` have passed.

    That ends every wait on the channel, also those without a timeout of their own (the answer to a
    request, the exit status).

    Raises:
        Transient: the time is over.
    """
    late = threading.Event()

    def give_up() -> None:
        late.set()
        # The connection itself may end at the same moment. Then there is nothing left to close.
        with suppress(EOFError, OSError):
            channel.close()

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        channel.close()
        if late.is_set():
            raise Transient(f"{what} took longer than {seconds:.0f} s") from None
