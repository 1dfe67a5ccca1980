"""One SSH connection: opened to a pinned host key, and its faults told apart.

Not SSHClient with a RejectPolicy but the transport below it: only the Ed25519 key is offered and
taken, it is compared before anything is sent, and neither known_hosts, agent nor key files of the
machine that this runs on are looked at.
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
    """Raises Refused; nothing of the text is in its message."""
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
    """Connects, directly or through another connection, and signs in.

    Raises:
        Transient: nothing answers, or the connection broke.
        Refused: HostKeyMismatch, AuthenticationFailed, ForwardingRefused, BadHostKey.
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
        # paramiko says the same of a connection that broke or was silent, as of a machine that
        # still boots and hangs up (pam_nologin). A refusal leaves the connection open.
        if not transport.is_active() or "timeout" in str(error).lower():
            raise Transient(f"{host}: SSH was cut off while signing in") from None
        raise Refused("AuthenticationFailed", f"{host} does not take the cluster's key") from None


def forward(
    transport: "paramiko.Transport", address: tuple[str, int], timeout: float
) -> "paramiko.Channel":
    """A TCP connection from the far end (direct-tcpip)."""
    return transport.open_channel("direct-tcpip", address, ("127.0.0.1", 0), timeout=timeout)


@contextmanager
def faults(what: str) -> Generator[None]:
    """What paramiko and sockets raise leaves as Transient, or Refused where it cannot mend."""
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
    """Closes the channel at the end, and when time is up: every wait on it ends then, those too
    that take no timeout of their own (the answer to a request, the exit status).

    Raises:
        Transient: time was up.
    """
    late = threading.Event()

    def give_up() -> None:
        late.set()
        # The connection itself may end at the same moment; then there is nothing left to close.
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
