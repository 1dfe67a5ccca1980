"""Serves a directory of artifacts to the lab's machines, and logs their requests."""

import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class _Kept(SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, log: Path, **named: Any) -> None:
        self._log = log
        super().__init__(*args, **named)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        with self._log.open("a", encoding="utf-8") as file:
            file.write(f"{self.address_string()} {format % args}\n")


def serve_directory(directory: Path, address: str, log: Path, port: int = 0) -> str:
    """Starts serving the directory in a thread and returns the URL. `address` must be one of this
    host's addresses; `port` 0 selects a free port. Each request adds a line to `log` with the
    client, the request and the status."""
    handler = functools.partial(_Kept, directory=str(directory), log=log)
    server = ThreadingHTTPServer((address, port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://{address}:{server.server_port}"
