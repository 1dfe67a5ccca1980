"""Lets the lab's machines reach a service that listens on this host's loopback only."""

import socket
import threading
from contextlib import suppress

BLOCK = 1 << 16


def relay(address: str, port: int) -> None:
    """Starts to pass connections to `address`, which must be one of this host's addresses, on to
    the same port of the loopback."""
    server = socket.create_server((address, port))
    threading.Thread(target=_accept, args=(server, port), daemon=True).start()


def _accept(server: socket.socket, port: int) -> None:
    while True:
        near, _ = server.accept()
        try:
            far = socket.create_connection(("127.0.0.1", port))
        except OSError:
            near.close()
            continue
        for pair in ((near, far), (far, near)):
            threading.Thread(target=_carry, args=pair, daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    """Passes bytes on until the source ends, and then says so to the target."""
    with suppress(OSError):
        while block := source.recv(BLOCK):
            target.sendall(block)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
