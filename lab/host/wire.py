"""The connection between host and worker: JSON messages, each with its length before it."""

import json
import socket
import struct
import threading
from typing import Any

HEADER = struct.Struct(">I")


class Wire:
    """One connection. Several threads may send; only one may receive."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode()
        with self._lock:
            self._connection.sendall(HEADER.pack(len(data)) + data)

    def receive(self) -> dict[str, Any] | None:
        """Returns the next message, or None if the other side closed the connection."""
        head = self._exactly(HEADER.size)
        body = self._exactly(HEADER.unpack(head)[0]) if head else None
        return json.loads(body) if body is not None else None

    def close(self) -> None:
        self._connection.close()

    def _exactly(self, count: int) -> bytes | None:
        data = bytearray()
        while len(data) < count:
            try:
                part = self._connection.recv(count - len(data))
            except OSError:
                return None
            if not part:
                return None
            data += part
        return bytes(data)
