"""HTTP server with a thread for each connection. Requests of a connection run one after the other,
and responses are written whole."""

import logging
import socket
import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast

from lab.host.http_request import BodyError, Request, RequestError, read_request

log = logging.getLogger("lab.host")
IDLE_SECONDS = 130.0
DRAIN_SECONDS = 5.0
NO_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


@dataclass(frozen=True)
class Response:
    """A response. If `close` is True, the connection is closed after it."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    close: bool = False


type Answer = Callable[[Request], Response]


class HttpServer(socketserver.ThreadingTCPServer):
    """Serves on loopback until `end` is called. Port 0 selects a free port."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, port: int, answer: Answer) -> None:
        self.answer = answer
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Connection)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, daemon=True, name="http").start()

    def end(self) -> None:
        """Stops accepting requests. Requests in flight may still be answered."""
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):  # the client may have closed it already
                    connection.shutdown(socket.SHUT_RD)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)


class _Connection(socketserver.StreamRequestHandler):
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle(self) -> None:
        with suppress(OSError, BodyError):  # the client disconnected, or its body was incomplete
            while self._next():
                pass

    def _next(self) -> bool:
        """Answers one request. Returns whether the connection stays open."""
        try:
            request = read_request(self.rfile)
        except RequestError as error:
            self._write(Response(error.status, close=True), head=False)
            self._linger()
            return False
        if request is None:
            return False
        if request.header("expect").lower() == "100-continue":
            request.body.expects_continue = self.connection
        response = self._answer(request)
        goes_on = request.keep_alive and not response.close
        self._write(response, head=request.method == "HEAD", close=not goes_on)
        if not goes_on:
            self._linger()
            return False
        self.connection.settimeout(DRAIN_SECONDS)
        request.body.drain()
        self.connection.settimeout(IDLE_SECONDS)
        return True

    def _answer(self, request: Request) -> Response:
        try:
            return cast(HttpServer, self.server).answer(request)
        except BodyError as error:
            log.warning("%s %s: %s", request.method, request.path, error)
            return Response(HTTPStatus.INTERNAL_SERVER_ERROR, close=True)
        except Exception:
            log.exception("%s %s failed in the host", request.method, request.path)
            return Response(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _write(self, response: Response, head: bool, close: bool = True) -> None:
        known = {status.value: status.phrase for status in HTTPStatus}
        headers = {k: v for k, v in response.headers.items() if k.lower() != "content-length"}
        if response.status not in NO_BODY:
            headers["Content-Length"] = str(len(response.body))
        if close:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {response.status} {known.get(response.status, '')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        sends_body = not head and response.status not in NO_BODY
        body = response.body if sends_body else b""
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.wfile.flush()

    def _linger(self) -> None:
        """Reads on for a while. If a socket is closed with unread data, the response is lost."""
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(DRAIN_SECONDS)
        while self.rfile.read1():
            pass
