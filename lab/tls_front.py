"""TLS proxy for Azure's host names, for programs that can be configured with a proxy and a trusted
authority.

A program that opens `https://management.azure.com` through this proxy reaches the lab's stand-in
for it. No request leaves the lab: hosts without a stand-in are refused.
"""

import http.client
import ssl
import sys
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from lab.authority import Authority
from lab.server_thread import in_thread

TIMEOUT = 120.0
# Headers that belong to one connection and are not forwarded.
HOP = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "content-length"}
SET_HERE = {"host", "x-forwarded-host"}


@contextmanager
def tls_front(azure: str, directory: Path) -> Generator[str]:
    """Yields the address of a proxy in front of the lab's Azure at `azure`. Its clients must trust
    `ca.pem` in the directory."""
    with in_thread(_Server(azure, Authority(directory))) as url:
        yield url


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, azure: str, authority: Authority) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.azure, self.authority = urlsplit(azure).netloc, authority

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Does nothing: a client that disconnects or does not trust the authority reports that
        itself."""
        if not isinstance(sys.exception(), (ConnectionError, ssl.SSLError)):
            super().handle_error(request, client_address)


class _Connection(BaseHTTPRequestHandler):
    """One client's connection: CONNECT, then TLS with the host's name, then requests to that
    host."""

    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT
    host = ""

    @property
    def _front(self) -> _Server:
        return cast(_Server, self.server)

    def do_CONNECT(self) -> None:
        host, _, port = self.path.rpartition(":")
        if self.host or port != "443":
            self.send_error(403, "only https, at its own port")
            return
        self.send_response(200)
        self.end_headers()
        context = self._front.authority.context(host)
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = (self.connection.makefile(mode) for mode in ("rb", "wb"))
        self.host, self.close_connection = host, False

    def finish(self) -> None:
        super().finish()
        # TLS has detached the socket from the server, which would otherwise close it.
        self.connection.close()

    def _forward(self) -> None:
        if not self.host or "Transfer-Encoding" in self.headers:
            self.send_error(403, "only https, and bodies of a known length")
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sent = {k: v for k, v in self.headers.items() if k.lower() not in HOP | SET_HERE}
        lab = http.client.HTTPConnection(self._front.azure, timeout=TIMEOUT)
        try:
            lab.request(self.command, self.path, body, {**sent, "X-Forwarded-Host": self.host})
            answer = lab.getresponse()
            content = answer.read()
        except OSError as error:
            self.send_error(502, f"the lab's Azure does not answer: {error}")
            return
        finally:
            lab.close()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in HOP:
                self.send_header(name, value)
        if self.command != "HEAD" and answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _forward  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Does nothing: the lab's services keep their own logs."""
        del format, args
