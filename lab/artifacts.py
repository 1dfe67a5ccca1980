"""Serves a mirror of artifacts to the lab's machines."""

import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        del format, args


def serve_directory(directory: Path, address: str) -> str:
    """Starts serving in a thread; returns the URL. `address` must be one of this host's own."""
    handler = functools.partial(_Quiet, directory=str(directory))
    server = ThreadingHTTPServer((address, 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://{address}:{server.server_port}"
