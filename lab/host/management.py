"""The Durable extension's management webhook: an instance's state, and an operator's actions on
it."""

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from durabletask.client import OrchestrationState, OrchestrationStatus, TaskHubGrpcClient

from lab.host.http_request import Request, joined
from lab.host.http_server import Response
from lab.host.urls import encode_path

JSON = {"Content-Type": "application/json; charset=utf-8"}
RUNNING = ("Pending", "Running", "Suspended", "ContinuedAsNew")
POLL_SECONDS = 5


class ManagementHook:
    """Serves `/instances`, `/instances/ID` and `/instances/ID/OPERATION`, limited to what an
    operator of a hub uses. The history is in the engine's own form."""

    def __init__(self, client: TaskHubGrpcClient, body_limit: int) -> None:
        self._client, self._limit = client, body_limit

    def answer(self, request: Request, rest: str) -> Response:
        """Returns the response. `rest` is the path below the webhook's own."""
        parts = rest.removesuffix("/").split("/")[1:]
        if not parts or parts[0].lower() != "instances":
            return Response(HTTPStatus.NOT_FOUND)
        match request.method, *parts[1:]:
            case ["GET"]:
                return self._list(request)
            case ["GET", instance] if found := self._state(instance):
                return self._status(request, found)
            case ["DELETE", instance] if found := self._state(instance):
                return self._purge(found)
            case ["POST", instance, action] if found := self._state(instance):
                return self._operate(request, found, action.lower(), "")
            case ["POST", instance, "raiseEvent", event] if found := self._state(instance):
                return self._operate(request, found, "raiseevent", event)
            case _:
                return Response(HTTPStatus.NOT_FOUND)

    def _state(self, instance: str) -> OrchestrationState | None:
        return self._client.get_orchestration_state(instance)

    def _list(self, request: Request) -> Response:
        wanted = joined(request.param("runtimeStatus")).lower().split(",")
        states = self._client.get_all_orchestration_states()
        bodies = [self._body(request, state) for state in states]
        shown = [b for b in bodies if wanted == [""] or b["runtimeStatus"].lower() in wanted]
        return _json(HTTPStatus.OK, shown, {"x-ms-continuation-token": ""})

    def _status(self, request: Request, state: OrchestrationState) -> Response:
        body = self._body(request, state)
        if body["runtimeStatus"] in RUNNING:
            url = f"http://{request.header('host')}{encode_path(request.path)}{request.query}"
            headers = {"Location": url, "Retry-After": str(POLL_SECONDS)}
            return _json(HTTPStatus.ACCEPTED, body, headers)
        failed = body["runtimeStatus"] == "Failed"
        if failed and _flag(request, "returnInternalServerErrorOnFailure", default=False):
            return _json(HTTPStatus.INTERNAL_SERVER_ERROR, body)
        return _json(HTTPStatus.OK, body)

    def _body(self, request: Request, state: OrchestrationState) -> dict[str, Any]:
        history = self._client.get_orchestration_history(state.instance_id)
        shows_input = _flag(request, "showInput", default=True)
        output = _value(state.serialized_output)
        if state.failure_details is not None:
            output = f"{state.failure_details.error_type}: {state.failure_details.message}"
        body = {
            "name": state.name,
            "version": next((v for e in history if (v := getattr(e, "version", None))), None),
            "instanceId": state.instance_id,
            "runtimeStatus": _title(state.runtime_status),
            "input": _value(state.serialized_input) if shows_input else None,
            "customStatus": _value(state.serialized_custom_status),
            "output": output,
            "createdTime": _time(state.created_at),
            "lastUpdatedTime": _time(state.last_updated_at),
        }
        if _flag(request, "showHistory", default=False):
            body["historyEvents"] = [repr(event) for event in history]
        return body

    def _purge(self, state: OrchestrationState) -> Response:
        status = _title(state.runtime_status)
        if status in RUNNING:
            text = (
                "Only orchestrations in a terminal state can be purged, but the orchestration "
                f"with instance ID {state.instance_id} has status {status}"
            )
            return _json(HTTPStatus.PRECONDITION_FAILED, text)
        done = self._client.purge_orchestration(state.instance_id)
        return _json(HTTPStatus.OK, {"instancesDeleted": done.deleted_instance_count})

    def _operate(
        self, request: Request, state: OrchestrationState, action: str, event: str
    ) -> Response:
        instance = state.instance_id
        if action not in ("raiseevent", "terminate", "suspend", "resume"):
            return Response(HTTPStatus.NOT_FOUND)
        if _title(state.runtime_status) not in RUNNING:
            return Response(HTTPStatus.GONE)
        match action:
            case "raiseevent":
                return self._raise_event(request, instance, event)
            case "terminate":
                reason = joined(request.param("reason"))
                self._client.terminate_orchestration(instance, output=reason)
            case "suspend":
                self._client.suspend_orchestration(instance)
            case _:
                self._client.resume_orchestration(instance)
        return Response(HTTPStatus.ACCEPTED)

    def _raise_event(self, request: Request, instance: str, event: str) -> Response:
        kind = request.header("content-type").partition(";")[0].strip().lower()
        if kind != "application/json":
            return _refused("Only application/json request content is supported")
        try:
            data = json.loads(request.body.read(self._limit))
        except ValueError:
            return _refused("Invalid JSON content")
        self._client.raise_orchestration_event(instance, event, data=data)
        return Response(HTTPStatus.ACCEPTED)


def _refused(message: str) -> Response:
    return _json(HTTPStatus.BAD_REQUEST, {"Message": message})


def _json(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(status, text.encode(), JSON | (headers or {}))


def _flag(request: Request, name: str, *, default: bool) -> bool:
    text = joined(request.param(name)).lower()
    return text == "true" if text in ("true", "false") else default


def _title(status: OrchestrationStatus) -> str:
    return "".join(word.capitalize() for word in status.name.split("_"))


def _time(moment: datetime) -> str:
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _value(text: str | None) -> Any:
    """Returns a payload. A payload that is not JSON is returned as text."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text
