"""TCP connections to one address behind the controller, over one SSH connection.

Their number is not limited, because sshd does not count forwarded connections as sessions.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from clients.ssh.connection import connect, faults, forward, private_key_of

if TYPE_CHECKING:
    import paramiko

OPEN_SECONDS = 10.0
PART = 65_536
# Shorter than every idle timeout on the way (Azure's shortest is 4 minutes).
KEEPALIVE_SECONDS = 30


class Tunnel:
    """A connection to the controller with a pinned host key, for connections to `target`.

    `target` is an address as the controller sees it.

    Raises (in the constructor):
        Transient: the controller does not answer on SSH (yet).
        Refused: it answers with another host key, or rejects the private key.
    """

    def __init__(
        self,
        controller: tuple[str, int],
        user: str,
        private_key: str,
        host_public_key: str,
        target: tuple[str, int],
    ) -> None:
        self._target = target
        self._transport = connect(controller, user, private_key_of(private_key), host_public_key)
        self._transport.set_keepalive(KEEPALIVE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the SSH connection and every connection that it carries."""
        self._transport.close()

    @property
    def alive(self) -> bool:
        return self._transport.is_active()

    def check(self) -> None:
        """Tests the target without relaying a connection. Raises what `carry` raises."""
        self._open().close()

    def carry(self, client: socket.socket) -> None:
        """Relays one connection in both directions until both sides have ended, then closes it.

        Raises:
            Transient: nothing answers at the target, or the SSH connection broke.
            Refused: ForwardingRefused.
        """
        with client:
            channel = self._open()
            try:
                upward = threading.Thread(
                    target=_pump, args=(client.recv, channel.sendall, channel.shutdown_write)
                )
                upward.daemon = True
                upward.start()
                _pump(channel.recv, client.sendall, lambda: client.shutdown(socket.SHUT_WR))
                upward.join()
            finally:
                # The connection itself may end at the same moment.
                with suppress(OSError, EOFError):
                    channel.close()

    def _open(self) -> "paramiko.Channel":
        host, port = self._target
        with faults(f"{host}:{port} through the controller"):
            return forward(self._transport, self._target, OPEN_SECONDS)


def _pump(
    receive: Callable[[int], bytes], send: Callable[[bytes], object], end: Callable[[], object]
) -> None:
    """Copies data until the sender ends or either side is closed."""
    with suppress(OSError, EOFError):
        while part := receive(PART):
            send(part)
    with suppress(OSError, EOFError):
        end()
