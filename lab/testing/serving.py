"""Serves an application on a loopback port, for real clients."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from lab.server_thread import in_thread

__all__ = ["Files", "in_thread", "serving", "serving_wsgi"]

type App = Callable[[Request], Response]
type Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]
type Handler = type[WSGIRequestHandler]


def serving(app: App, handler: Handler | None = None) -> AbstractContextManager[str]:
    """Serves a function of requests while the block runs, and yields the URL."""
    return serving_wsgi(lambda environ, start: app(Request(environ))(environ, start), handler)


def serving_wsgi(app: Wsgi, handler: Handler | None = None) -> AbstractContextManager[str]:
    """Serves a WSGI application while the block runs, and yields the URL."""
    return in_thread(make_server("127.0.0.1", 0, app, threaded=True, request_handler=handler))


class Files:
    """Serves `files`: (content type, data) by path. `asked` records every requested path."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[str, bytes]] = {}
        self.asked: list[str] = []

    def __call__(self, request: Request) -> Response:
        self.asked.append(request.path)
        kind, data = self.files.get(request.path, ("", b""))
        return Response(data, 200 if kind else 404, content_type=kind or "text/plain")
