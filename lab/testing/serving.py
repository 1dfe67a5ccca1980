"""Serves an application on a loopback port, for real clients."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

type App = Callable[[Request], Response]


@contextmanager
def serving(app: App, handler: type[WSGIRequestHandler] | None = None) -> Iterator[str]:
    """Yields the URL."""

    def wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return app(Request(environ))(environ, start_response)

    server = make_server("127.0.0.1", 0, wsgi, threaded=True, request_handler=handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Files:
    """Serves `files`: (content type, data) by path. `asked` records every requested path."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[str, bytes]] = {}
        self.asked: list[str] = []

    def __call__(self, request: Request) -> Response:
        self.asked.append(request.path)
        kind, data = self.files.get(request.path, ("", b""))
        return Response(data, 200 if kind else 404, content_type=kind or "text/plain")
