"""Runs an HTTP server in a thread of this process."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import HTTPServer

# The server looks this often whether it should stop.
POLL_SECONDS = 0.02


@contextmanager
def in_thread(server: HTTPServer) -> Generator[str]:
    """Runs the server while the block runs. Yields its URL, and closes it in the end."""
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
    thread.start()
    try:
        yield f"http://{server.server_address[0]}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
