"""The HTTP server in front of the in-memory engine and the worker. It responds like the real host
on the app's routes, the extensions' webhooks and the host's own pages.

`lab/tests/host/table` holds the requests that were sent to the real host and extensions, and their
responses.
"""

import base64
import re
from http import HTTPStatus
from typing import Any

from durabletask.client import TaskHubGrpcClient

from lab.host.event_grid import EventGridHook
from lab.host.http_request import Request, joined
from lab.host.http_server import Response
from lab.host.hub import Functions, HubOptions
from lab.host.keys import Keys, unauthorized
from lab.host.management import ManagementHook
from lab.host.pool import FunctionFailedError, WorkerLostError
from lab.host.routes import Routes
from lab.host.urls import encode_path

HOOK = re.compile(r"/runtime/webhooks(?:/+([^/]*)(.*))?", re.IGNORECASE | re.DOTALL)
ADMIN = re.compile(r"/admin(?:/.*)?", re.IGNORECASE | re.DOTALL)
OPEN_PAGES = ("/admin/host/ping", "/admin/warmup")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")


class Front:
    """The HTTP server. `binding` is the value from which the app creates a durable client."""

    def __init__(self, app: Functions, client: TaskHubGrpcClient, options: HubOptions) -> None:
        self._app, self._limit = app, options.body_limit
        self._keys = Keys(options.keys)
        self._routes = Routes(app.functions, options.route_prefix)
        handlers = [f["name"] for f in app.functions if f["kind"] == "EventGridTrigger"]
        self._events = EventGridHook(handlers, self._take_event, self._limit)
        self._management = ManagementHook(client, self._limit)
        self.binding = ""

    def answer(self, request: Request) -> Response:
        if match := HOOK.fullmatch(request.path):
            return self._hook(request, (match[1] or "").lower(), match[2] or "")
        if ADMIN.fullmatch(request.path):
            return self._admin(request)
        return self._function(request)

    def _hook(self, request: Request, name: str, rest: str) -> Response:
        match name:
            case "eventgrid":
                refused = self._keys.refused_by_hook(request, "eventGrid")
                return refused or self._events.answer(request)
            case "durabletask":
                refused = self._keys.refused_by_hook(request, "durableTask")
                return refused or self._management.answer(request, rest)
            case _:
                known = self._keys.refused_by_admin(request) is None
                return Response(HTTPStatus.NOT_FOUND) if known else unauthorized()

    def _admin(self, request: Request) -> Response:
        if request.path.lower() in OPEN_PAGES:
            return Response(HTTPStatus.OK)
        return self._keys.refused_by_admin(request) or Response(HTTPStatus.NOT_FOUND)

    def _take_event(self, function: str, event: Any) -> None:
        self._app.ask("event", function, event, self.binding)

    def _function(self, request: Request) -> Response:
        found = self._routes.find(request.method, request.path)
        if found is None:
            return Response(HTTPStatus.NOT_FOUND)
        function, route = found
        if function["auth"] != "anonymous" and not self._keys.opens_functions(request):
            return Response(HTTPStatus.UNAUTHORIZED)
        # The host does not pass on a chunked body.
        body = request.body.read(self._limit) if request.body.length else b""
        seen = {
            "method": request.method,
            "url": f"http://{request.header('host')}{encode_path(request.path)}{request.query}",
            "headers": {name: joined(values) for name, values in request.headers.items()},
            "params": {k: text for k, v in request.params.items() if (text := joined(v))},
            "route": route,
            "body": base64.b64encode(body).decode(),
        }
        try:
            answer = self._app.ask("http", function["name"], seen, self.binding)
        except (WorkerLostError, FunctionFailedError):
            return Response(HTTPStatus.INTERNAL_SERVER_ERROR)
        return _response(answer)


def _response(answer: dict[str, Any]) -> Response:
    headers = {str(name): str(value) for name, value in answer["headers"].items()}
    for name, value in headers.items():
        if not HEADER_NAME.fullmatch(name) or not HEADER_VALUE.fullmatch(value):
            return Response(HTTPStatus.INTERNAL_SERVER_ERROR)
    if "content-type" not in {name.lower() for name in headers} and answer["type"]:
        headers["Content-Type"] = answer["type"]
    return Response(answer["status"], base64.b64decode(answer["body"]), headers)
