"""The HTTP server in front of the in-memory engine and the worker. It responds like the real host
on the app's routes, the extensions' webhooks and the host's own pages.

`lab/tests/host/table` holds the requests that were sent to the real host and extensions, and their
responses.
"""

import base64
import logging
import re
import threading
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

log = logging.getLogger("lab.host")
HOOK = re.compile(r"/runtime/webhooks(?:/+([^/]*)(.*))?", re.IGNORECASE | re.DOTALL)
ADMIN = re.compile(r"/admin(?:/.*)?", re.IGNORECASE | re.DOTALL)
ADMIN_FUNCTION = re.compile(r"/admin/functions/([^/]+)", re.IGNORECASE)
# What a timer's function gets that is run by hand.
NOT_PAST_DUE = {"IsPastDue": False}
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
        self._timers = {f["name"] for f in app.functions if f["kind"] == "TimerTrigger"}
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
        if refused := self._keys.refused_by_admin(request):
            return refused
        match = ADMIN_FUNCTION.fullmatch(request.path)
        if match is None or request.method != "POST" or match[1] not in self._timers:
            return Response(HTTPStatus.NOT_FOUND)
        # The host does not wait for the function's end, either.
        threading.Thread(target=self._run_timer, args=(match[1],), daemon=True).start()
        return Response(HTTPStatus.ACCEPTED)

    def _run_timer(self, function: str) -> None:
        try:
            self._app.ask("timer", function, NOT_PAST_DUE, self.binding)
        except (WorkerLostError, FunctionFailedError):
            log.exception("%s failed", function)

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
