"""TCP connections to one address behind the controller, over one SSH connection.

As many at once as are asked for: sshd does not count forwarded connections as sessions.
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
# Below every idle timeout on the way (Azure's shortest is 4 minutes).
KEEPALIVE_SECONDS = 30


class Tunnel:
    """A connection to the controller, its host key pinned; `target` as the controller reaches it.

    Raises (when it is made):
        Transient: the controller does not answer on SSH (yet).
        Refused: it answers with another host key, or does not take the key.
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
        """Ends every connection that it carries."""
        self._transport.close()

    @property
    def alive(self) -> bool:
        return self._transport.is_active()

    def check(self) -> None:
        """Raises as `carry` does, without anybody's connection."""
        self._open().close()

    def carry(self, client: socket.socket) -> None:
        """Relays one connection both ways until both sides have said all; closes it.

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
                channel.close()

    def _open(self) -> "paramiko.Channel":
        host, port = self._target
        with faults(f"{host}:{port} through the controller"):
            return forward(self._transport, self._target, OPEN_SECONDS)


def _pump(
    receive: Callable[[int], bytes], send: Callable[[bytes], object], end: Callable[[], object]
) -> None:
    """Until the sender has said all, or either side is gone."""
    with suppress(OSError, EOFError):
        while part := receive(PART):
            send(part)
    with suppress(OSError, EOFError):
        end()
