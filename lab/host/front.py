"""HTTP in front of the app: function routes with their keys, Event Grid, durable management."""

import base64
import hmac
import json
import re
from collections.abc import Iterable
from typing import Any

from durabletask.client import TaskHubGrpcClient
from werkzeug.wrappers import Request, Response

from lab.host.hub import Functions
from lab.host.pool import FunctionFailedError, WorkerLostError

MAX_BODY = 100 * 1024 * 1024
EVENTS = "/runtime/webhooks/eventgrid"
MANAGEMENT = "/runtime/webhooks/durabletask/instances/"


class Front:
    """`keys`: function, master, and durableTask and eventGrid, which open their own hook only."""

    def __init__(
        self, pool: Functions, client: TaskHubGrpcClient, keys: dict[str, str], prefix: str
    ) -> None:
        self._pool, self._client = pool, client
        self._keys = keys
        self._prefix = prefix
        self.binding = ""

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        if request.path == EVENTS:
            response = self._event(request)
        elif request.path.startswith(MANAGEMENT):
            response = self._manage(request)
        elif request.path == "/admin/host/ping":
            response = Response("", 200)
        else:
            response = self._function(request)
        return response(environ, start_response)

    def _function(self, request: Request) -> Response:
        found, allowed = self._match(request)
        if found is None:
            return Response("", 405 if allowed else 404)
        about, route = found
        if about["auth"] != "anonymous" and not self._allowed(request):
            return Response("", 401)
        if (request.content_length or 0) > MAX_BODY:
            return Response("", 413)
        payload = {
            "method": request.method,
            "url": request.url,
            "headers": dict(request.headers),
            "params": request.args.to_dict(),
            "route": route,
            "body": base64.b64encode(request.get_data()).decode(),
        }
        try:
            answer = self._pool.ask("http", about["name"], payload, self.binding)
        except WorkerLostError:
            return Response("", 502)
        except FunctionFailedError:
            return Response("", 500)
        return Response(
            base64.b64decode(answer["body"]),
            answer["status"],
            answer["headers"],
            mimetype=answer["type"],
        )

    def _match(self, request: Request) -> tuple[tuple[dict[str, Any], dict[str, str]] | None, bool]:
        other = False
        for about in self._pool.functions:
            if about["kind"] != "HttpTrigger":
                continue
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(about["route"]))
            match = re.fullmatch(f"/{self._prefix}/{pattern}/?", request.path)
            if match and (not about["methods"] or request.method in about["methods"]):
                return (about, match.groupdict()), True
            other = other or bool(match)
        return None, other

    def _allowed(self, request: Request) -> bool:
        given = request.headers.get("x-functions-key") or request.args.get("code") or ""
        return hmac.compare_digest(given.encode(), self._keys["function"].encode())

    # -- Event Grid ----------------------------------------------------------------------------

    def _event(self, request: Request) -> Response:
        code = request.args.get("code", "")
        if not hmac.compare_digest(code.encode(), self._keys["eventGrid"].encode()):
            return Response("", 401)
        name = request.args.get("functionName", "")
        about = next((f for f in self._pool.functions if f["name"].lower() == name.lower()), None)
        if about is None or about["kind"] != "EventGridTrigger":
            return Response("", 404)
        if request.method == "OPTIONS":
            origin = request.headers.get("WebHook-Request-Origin", "")
            return Response("", 200, {"WebHook-Allowed-Origin": origin})
        try:
            body = json.loads(request.get_data())
        except ValueError:
            return Response("", 400)
        events = body if isinstance(body, list) else [body]
        if request.headers.get("aeg-event-type") == "SubscriptionValidation":
            answer = {"validationResponse": events[0]["data"]["validationCode"]}
            return Response(json.dumps(answer), 200, mimetype="application/json")
        try:
            for event in events:
                self._pool.ask("event", about["name"], event, self.binding)
        except (WorkerLostError, FunctionFailedError):
            return Response("", 500)
        return Response("", 202)

    # -- the task hub's own API ----------------------------------------------------------------

    def _manage(self, request: Request) -> Response:
        code = request.args.get("code", "")
        if not hmac.compare_digest(code.encode(), self._keys["durableTask"].encode()):
            return Response("", 401)
        state = self._client.get_orchestration_state(request.path.removeprefix(MANAGEMENT))
        if state is None:
            return Response("", 404)
        body = {
            "name": state.name,
            "instanceId": state.instance_id,
            "runtimeStatus": state.runtime_status.name.capitalize(),
            "customStatus": _json(state.serialized_custom_status),
            "output": _json(state.serialized_output),
            "createdTime": state.created_at.isoformat(),
            "lastUpdatedTime": state.last_updated_at.isoformat(),
        }
        if request.args.get("showHistory") == "true":
            # As the engine keeps them, inputs and results included; the service's own form differs.
            events = self._client.get_orchestration_history(state.instance_id)
            body["historyEvents"] = [repr(event) for event in events]
        return Response(json.dumps(body), 200, mimetype="application/json")


def _json(text: str | None) -> Any:
    return json.loads(text) if text else None
