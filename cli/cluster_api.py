"""A cluster's Kubernetes API, asked through the tunnel with the administrator's kubeconfig."""

import http.client
import json
import socket
import ssl
import tempfile
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from cli.exits import CommandError, Exit
from clients.errors import Refused, Transient
from clients.ssh.tunnel import Tunnel
from cluster.kubeconfig import Credentials

SECONDS = 20.0


class MissingObjectError(CommandError):
    """The API server has no such object."""

    def __init__(self, path: str) -> None:
        super().__init__(Exit.FAILED, f"the cluster has no {path}")


class ClusterApi:
    """Asks one API server. Each request has its own connection in the tunnel."""

    def __init__(self, tunnel: Tunnel, credentials: Credentials) -> None:
        self._tunnel, self._name = tunnel, credentials.server_name
        self._context = _context(credentials)

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Returns the API server's answer.

        Raises:
            MissingObjectError: it has no such object.
            CommandError: it refused, or does not answer.
        """
        words = "&".join(f"{key}={quote(value, safe='')}" for key, value in (query or {}).items())
        target = f"{path}?{words}" if words else path
        try:
            with self.connect() as secured:
                secured.settimeout(SECONDS)
                connection = http.client.HTTPConnection(self._name)
                connection.sock = secured
                headers = {"Accept": "application/json", "Content-Type": "application/json"}
                connection.request(method, target, json.dumps(body) if body else None, headers)
                answer = connection.getresponse()
                status, content = answer.status, answer.read()
            document: Any = json.loads(content)
        except (OSError, http.client.HTTPException, ValueError) as error:
            text = f"the Kubernetes API does not answer {method} {path}: {error}"
            raise CommandError(Exit.UNREACHABLE, text) from None
        if status == http.client.NOT_FOUND:
            raise MissingObjectError(path)
        if status >= http.client.BAD_REQUEST:
            text = f"the Kubernetes API refused {method} {path}: {document.get('message', status)}"
            raise CommandError(Exit.FAILED, text)
        return cast(dict[str, Any], document)

    @contextmanager
    def connect(self) -> Generator[ssl.SSLSocket]:
        """Yields a TLS connection to the API server, whose certificate was verified.

        Raises:
            OSError: the connection failed.
        """
        near, far = socket.socketpair()
        threading.Thread(target=self._carry, args=(far,), daemon=True).start()
        near.settimeout(SECONDS)
        with near, self._context.wrap_socket(near, server_hostname=self._name) as secured:
            yield secured

    def _carry(self, far: socket.socket) -> None:
        with suppress(Transient, Refused):  # the other end sees that it was closed
            self._tunnel.carry(far)


def _context(credentials: Credentials) -> ssl.SSLContext:
    """Python reads a client's key from a file only. It is the owner's, and gone at once."""
    context = ssl.create_default_context(cadata=credentials.authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with tempfile.TemporaryDirectory(prefix="slipway-") as folder:
        path = Path(folder) / "client.pem"
        path.touch(mode=0o600)
        path.write_text(credentials.certificate + credentials.key, encoding="utf-8")
        context.load_cert_chain(path)
    return context
