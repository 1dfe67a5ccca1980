"""An API server that is played: TLS with a client's certificate, a few objects, and forwarded ports
by WebSocket as Kubernetes speaks it."""

import hashlib
import json
import select
import socket
import ssl
import struct
import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.x509.oid import NameOID

from cluster import keys, names

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SYSTEM = "/api/v1/namespaces/kube-system"
TOKEN = "header.payload.signature"
DATA, ERROR = b"\x00", b"\x01"


class PlayedApi:
    """`objects` by path. `target` is where forwarded ports lead; `split` sends every message in
    pieces of TLS records; `fault` is what the pod's runtime says instead."""

    def __init__(self, folder: Path, cluster: str, target: tuple[str, int]) -> None:
        self.authority = keys.new_authority("kubernetes")
        self.target, self.fault, self.split = target, "", False
        self.objects: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str]] = []
        self.bodies: dict[str, dict[str, Any]] = {}
        self.closed = threading.Event()
        played = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                played.answer(self)

            do_GET = do_POST = do_DELETE = _answer  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
        name = x509.SubjectAlternativeName([x509.DNSName(names.api_name(cluster))])
        key, certificate = keys.new_certificate(self.authority, subject, [name], 2)
        (folder / "server.pem").write_text(certificate + key)
        context.load_cert_chain(folder / "server.pem")
        context.load_verify_locations(cadata=self.authority[1])
        context.verify_mode = ssl.CERT_REQUIRED
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)

    @property
    def port(self) -> int:
        return self.server.server_port

    def answer(self, request: Any) -> None:
        path, _, query = request.path.partition("?")
        self.asked.append((request.command, path))
        if request.headers.get("Upgrade") == "websocket":
            return self._forward(request, parse_qs(query))
        length = int(request.headers.get("Content-Length") or 0)
        body = json.loads(request.rfile.read(length)) if length else {}
        self.bodies[path] = body
        status, found = self._found(request.command, path, body)
        data = json.dumps(found).encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)
        return None

    def _found(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if method == "POST" and path.endswith("/token"):
            return 201, {"status": {"token": TOKEN}}
        if method == "POST":
            stored = body | {"metadata": body["metadata"] | {"uid": "u-1"}}
            self.objects[f"{path}/{body['metadata']['name']}"] = stored
            return 201, stored
        if path in (f"{SYSTEM}/pods", f"{SYSTEM}/secrets"):
            return 200, {"items": [o for p, o in self.objects.items() if p.startswith(f"{path}/")]}
        if path not in self.objects:
            return 404, {"message": "not found"}
        return 200, self.objects.pop(path) if method == "DELETE" else self.objects[path]

    def _forward(self, request: Any, query: dict[str, list[str]]) -> None:
        request.close_connection = True
        key = request.headers["Sec-WebSocket-Key"] + GUID
        accept = b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest()).decode()
        request.send_response(101)
        for name, value in (
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", accept),
            ("Sec-WebSocket-Protocol", request.headers["Sec-WebSocket-Protocol"]),
        ):
            request.send_header(name, value)
        request.end_headers()
        port = struct.pack("<H", int(query["ports"][0]))
        self._send(request, DATA + port)
        self._send(request, ERROR + port)
        if self.fault:
            self._send(request, ERROR + self.fault.encode())
            return
        with socket.create_connection(self.target) as inner:
            self._relay(inner, request)
        self.closed.set()

    def _relay(self, inner: socket.socket, request: Any) -> None:
        """In one thread: a read of a TLS connection blocks its writes."""
        outer, buffer = request.connection, b""
        while True:
            ready = select.select([inner, outer], [], [], 0 if outer.pending() else None)[0]
            if inner in ready:
                part = inner.recv(70_000)
                if not part:
                    return
                self._send(request, DATA + part)
            if outer in ready or outer.pending():
                read = outer.recv(70_000)
                buffer += read
                while frame := _frame(buffer):
                    kind, content, buffer = frame
                    if kind == 8:
                        return
                    if kind == 2:
                        assert content[:1] == DATA
                        inner.sendall(content[1:])
                    else:
                        assert content == b"hi", "the answer to a ping"
                if not read:
                    return

    def _send(self, request: Any, content: bytes) -> None:
        size = len(content)
        head = b"\x82" + (
            bytes([size])
            if size < 126
            else struct.pack("!BH", 126, size)
            if size < 1 << 16
            else struct.pack("!BQ", 127, size)
        )
        frame = b"\x89\x02hi" + head + content if self.split else head + content
        step = 3 if self.split and size < 1000 else len(frame)
        for start in range(0, len(frame), step):
            request.connection.sendall(frame[start : start + step])


def _frame(buffer: bytes) -> tuple[int, bytes, bytes] | None:
    """The first frame's kind and content, and the rest. Every frame has to be masked."""
    if len(buffer) < 2:
        return None
    assert buffer[1] & 0x80
    size, start = buffer[1] & 0x7F, 2
    if size >= 126:
        start = 4 if size == 126 else 10
        size = int.from_bytes(buffer[2:start], "big")
    end = start + 4 + size
    if len(buffer) < end:
        return None
    mask = buffer[start : start + 4] * (size // 4 + 1)
    masked = int.from_bytes(buffer[start + 4 : end], "big") ^ int.from_bytes(mask[:size], "big")
    return buffer[0] & 0x0F, masked.to_bytes(size, "big"), buffer[end:]
