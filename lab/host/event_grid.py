"""The Event Grid extension's webhook: validation of a subscription, single deliveries and
batches."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

from lab.host.http_request import Request, joined
from lab.host.http_server import Response
from lab.host.pool import FunctionFailedError, WorkerLostError

ORIGIN = "eventgrid.azure.net"
TEXT = {"Content-Type": "text/plain; charset=utf-8"}
# The number of events of a batch that run at once. The worker runs no more.
AT_ONCE = 32

type Run = Callable[[str, Any], None]


class EventGridHook:
    """The webhook. `functions`: the names of the functions with an Event Grid trigger. `run` calls
    one of them with an event."""

    def __init__(self, functions: list[str], run: Run, body_limit: int) -> None:
        self._functions, self._run, self._limit = functions, run, body_limit

    def answer(self, request: Request) -> Response:
        name = joined(request.param("functionName"))
        if name not in self._functions:
            return _text(HTTPStatus.NOT_FOUND, f"cannot find function: '{name}'")
        if request.method == "OPTIONS":
            return Response(HTTPStatus.OK, headers={"WebHook-Allowed-Origin": ORIGIN})
        match request.header("aeg-event-type").lower():
            case "subscriptionvalidation":
                return self._validate(request)
            case "notification":
                return self._deliver(name, request)
            case "unsubscribe":
                return Response(HTTPStatus.ACCEPTED)
            case _:
                return Response(HTTPStatus.BAD_REQUEST)

    def _validate(self, request: Request) -> Response:
        try:
            code = self._events(request)[0]["data"]["validationCode"]
        except (ValueError, LookupError, TypeError):
            return Response(HTTPStatus.INTERNAL_SERVER_ERROR)
        answer = json.dumps({"validationResponse": code}, separators=(",", ":"))
        return _text(HTTPStatus.OK, answer)

    def _deliver(self, name: str, request: Request) -> Response:
        """Runs all events of a batch at once, even if one fails. After a failure Event Grid sends
        the whole batch again."""
        try:
            events = self._events(request)
        except ValueError:
            return Response(HTTPStatus.INTERNAL_SERVER_ERROR)
        with ThreadPoolExecutor(AT_ONCE) as threads:
            runs = [threads.submit(self._run, name, event) for event in events]
        for run in runs:
            try:
                run.result()
            except (WorkerLostError, FunctionFailedError):
                return _text(
                    HTTPStatus.INTERNAL_SERVER_ERROR, f"Exception while executing function: {name}"
                )
        return Response(HTTPStatus.ACCEPTED)

    def _events(self, request: Request) -> list[dict[str, Any]]:
        """Returns the events in the body. Raises ValueError if the body is neither an event nor a
        list of events."""
        body = json.loads(request.body.read(self._limit).decode("utf-8-sig", errors="replace"))
        events: list[Any] = body if isinstance(body, list) else [body]
        if not all(isinstance(event, dict) for event in events):
            raise ValueError("an event is a JSON object")
        return events


def _text(status: int, text: str) -> Response:
    return Response(status, text.encode(), TEXT)
