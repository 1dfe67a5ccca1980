"""Connections to a port of a pod, as kubectl port-forward makes them.

Each is a WebSocket (RFC 6455) to the API server with the subprotocol v4.channel.k8s.io: every
message begins with the number of a channel, 0 for the data and 1 for an error's text. The first
message of each channel holds the port's number.
"""

import base64
import os
import select
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import suppress

from cli.cluster_api import ClusterApi
from clients.errors import Transient

PROTOCOL = "v4.channel.k8s.io"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
DATA, ERROR = 0, 1
PORT_BYTES = 2
PART = 32_768
# The API server's messages are small; a larger one is none of its.
LARGEST, LARGEST_HEAD = 1 << 24, 1 << 16


class PodPort:
    """A port of a pod in kube-system."""

    def __init__(self, api: ClusterApi, pod: str, port: int) -> None:
        self._api, self._path = api, _path(pod, port)

    def carry(self, client: socket.socket) -> None:
        """Relays one connection until either side ends it.

        Raises:
            Transient: the API server refused it, or the connection broke.
        """
        try:
            with client, self._api.connect() as secured:
                stream = WebSocket(secured, self._path)
                _relay(client, stream)
                stream.close()
        except OSError as error:
            raise Transient(f"the connection to the pod broke: {error}") from None


def _path(pod: str, port: int) -> str:
    return f"/api/v1/namespaces/kube-system/pods/{pod}/portforward?ports={port}"


def _relay(client: socket.socket, stream: "WebSocket") -> None:
    """One thread for both directions, because a TLS connection has no use for two."""
    begun: set[int] = set()
    while True:
        ready = stream.has_more() or select.select([client, stream.secured], [], [])[0]
        if ready is not True and client in ready:
            part = _received(client)
            if not part:
                return
            stream.send(BINARY, bytes([DATA]) + part)
        if ready is True or stream.secured in ready:
            for kind, message in stream.messages():
                if kind == CLOSE:
                    return
                channel, content = message[0] if message else -1, message[1:]
                if channel not in begun:
                    begun.add(channel)
                    content = content[PORT_BYTES:]
                if channel == ERROR and content:
                    raise Transient(f"the pod's port: {content.decode(errors='replace')}")
                if channel == DATA and not _sent(client, content):
                    return


def _received(client: socket.socket) -> bytes:
    """Returns what came; nothing if the client has gone."""
    try:
        return client.recv(PART)
    except OSError:
        return b""


def _sent(client: socket.socket, content: bytes) -> bool:
    """Whether the client took it."""
    try:
        client.sendall(content)
    except OSError:
        return False
    return True


class WebSocket:
    """A client's end of a WebSocket, opened with the first request.

    Raises (in the constructor):
        Transient: the server did not switch protocols.
    """

    def __init__(self, secured: ssl.SSLSocket, path: str) -> None:
        self.secured = secured
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            f"GET {path} HTTP/1.1",
            f"Host: {secured.server_hostname}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            f"Sec-WebSocket-Protocol: {PROTOCOL}",
        )
        secured.sendall("\r\n".join((*lines, "", "")).encode())
        head = b""
        while b"\r\n\r\n" not in head and len(head) < LARGEST_HEAD:
            part = secured.recv(PART)
            if not part:
                raise Transient("the API server closed the connection")
            head += part
        head, _, self._read = head.partition(b"\r\n\r\n")
        status = head.split(b"\r\n")[0].decode(errors="replace")
        if status.split()[1:2] != ["101"]:
            said = self._read.decode(errors="replace")[:200]
            raise Transient(f"the API server does not forward the port: {status} {said}")
        secured.settimeout(None)
        self._fresh = bool(self._read)

    def has_more(self) -> bool:
        """Whether bytes were read already, of which select does not know."""
        return self._fresh or self.secured.pending() > 0

    def messages(self) -> Iterator[tuple[int, bytes]]:
        """Reads once, and yields the whole messages. CLOSE is the last one."""
        if not self._fresh and not self._read_more():
            yield CLOSE, b""
            return
        self._fresh = False
        while frame := self._frame():
            kind, content = frame
            if kind == PING:
                self.send(PONG, content)
            elif kind in (BINARY, TEXT, CLOSE):
                yield frame
            if kind == CLOSE:
                return

    def _read_more(self) -> bool:
        """Reads what has arrived, which may be a part of a TLS record only. Returns whether the
        connection is open."""
        self.secured.settimeout(0)
        try:
            part = self.secured.recv(PART)
        except ssl.SSLWantReadError:
            return True
        finally:
            self.secured.settimeout(None)
        self._read += part
        return bool(part)

    def _frame(self) -> tuple[int, bytes] | None:
        """Takes a whole frame from what was read. The API server does not split messages."""
        data = self._read
        if len(data) < 2:
            return None
        size, start = data[1] & 0x7F, 2
        if size == 126:
            size, start = (struct.unpack("!H", data[2:4])[0] if len(data) >= 4 else -1), 4
        elif size == 127:
            size, start = (struct.unpack("!Q", data[2:10])[0] if len(data) >= 10 else -1), 10
        if size > LARGEST:
            raise Transient(f"the API server sent a message of {size} bytes")
        if size < 0 or len(data) < start + size:
            return None
        self._read = data[start + size :]
        return data[0] & 0x0F, data[start : start + size]

    def send(self, kind: int, content: bytes) -> None:
        """Sends one frame, masked as a client has to."""
        size = len(content)
        if size < 126:
            head = struct.pack("!BB", 0x80 | kind, 0x80 | size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", 0x80 | kind, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | kind, 0x80 | 127, size)
        mask = os.urandom(4)
        key = (mask * (size // 4 + 1))[:size]
        masked = int.from_bytes(content, "big") ^ int.from_bytes(key, "big")
        self.secured.sendall(head + mask + masked.to_bytes(size, "big"))

    def close(self) -> None:
        with suppress(OSError):
            self.send(CLOSE, b"")
