"""The worker process: imports the function app and runs its functions, as Azure's worker does.

Usage: python -m lab.host.worker APP_DIR SOCKET_FD. Nothing of the app is changed or wrapped: the
converters and decorators of its own libraries do the work.
"""

import asyncio
import base64
import importlib
import inspect
import json
import logging
import socket
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import azure.functions as func
from azure.durable_functions.internal.converters import (
    ActivityTriggerConverter,
    OrchestrationTriggerConverter,
)
from azure.functions import eventgrid, meta

from lab.host.wire import Wire

THREADS = 32


def describe(function: Any) -> dict[str, Any]:
    """What the host must know of a function: its trigger and its durable client's binding."""
    trigger = function.get_trigger()
    kind = type(trigger).__name__
    client = next(
        (b.name for b in function.get_bindings() if type(b).__name__ == "DurableClient"), None
    )
    durable = getattr(trigger, "orchestration", None) or getattr(trigger, "activity", None)
    if kind in ("OrchestrationTrigger", "ActivityTrigger"):
        durable = durable or function.get_function_name()
    level = getattr(trigger, "auth_level", None)
    return {
        "name": function.get_function_name(),
        "kind": kind,
        "parameter": trigger.name,
        "client": client,
        "route": getattr(trigger, "route", None),
        "methods": [str(getattr(m, "value", m)).upper() for m in trigger.methods or ()]
        if kind == "HttpTrigger"
        else [],
        "auth": str(getattr(level, "value", level) or "").lower(),
        "durable": durable,
    }


class Worker:
    """Runs each request in a thread of its own; asynchronous functions get a loop there."""

    def __init__(self, wire: Wire, functions: list[Any]) -> None:
        self._wire = wire
        self._functions = {f.get_function_name(): f for f in functions}
        self._pool = ThreadPoolExecutor(THREADS)

    def serve(self) -> None:
        described = [describe(function) for function in self._functions.values()]
        self._wire.send({"functions": described})
        while (request := self._wire.receive()) is not None:
            self._pool.submit(self._answer, request)

    def _answer(self, request: dict[str, Any]) -> None:
        try:
            result = {"id": request["id"], "ok": True, "value": self._run(request)}
        except Exception as error:
            result = {
                "id": request["id"],
                "ok": False,
                "type": type(error).__name__,
                "message": str(error),
                "stack": traceback.format_exc(),
            }
        self._wire.send(result)

    def _run(self, request: dict[str, Any]) -> Any:
        function = self._functions[request["function"]]
        about = describe(function)
        arguments: dict[str, Any] = {}
        if about["client"]:
            arguments[about["client"]] = request["client"]
        kind, payload = request["kind"], request["payload"]
        arguments[about["parameter"]] = self._decode(kind, payload)
        outcome = function.get_user_function()(**arguments)
        if inspect.isawaitable(outcome):
            outcome = asyncio.run(_awaited(outcome))
        if kind == "http":
            return _http_response(outcome)
        if kind == "activity":
            return ActivityTriggerConverter.encode(outcome, expected_type=None).value
        return outcome if kind == "orchestration" else None

    def _decode(self, kind: str, payload: Any) -> Any:
        if kind == "http":
            return func.HttpRequest(
                method=payload["method"],
                url=payload["url"],
                headers=payload["headers"],
                params=payload["params"],
                route_params=payload["route"],
                body=base64.b64decode(payload["body"]),
            )
        if kind == "event":
            return _event(payload)
        datum = meta.Datum(type="string", value=payload)
        converter = (
            OrchestrationTriggerConverter if kind == "orchestration" else ActivityTriggerConverter
        )
        return converter.decode(datum, trigger_metadata=None)


async def _awaited(outcome: Any) -> Any:
    return await outcome


def _event(payload: dict[str, Any]) -> Any:
    """CloudEvents 1.0, told by `specversion`; the library's own converter decodes it."""
    datum = meta.Datum(type="json", value=json.dumps(payload))
    return eventgrid.EventGridEventInConverter.decode(datum, trigger_metadata=None)


def _http_response(outcome: Any) -> dict[str, Any]:
    response = outcome if isinstance(outcome, func.HttpResponse) else func.HttpResponse(outcome)
    return {
        "status": response.status_code,
        "headers": dict(response.headers),
        "type": response.mimetype,
        "body": base64.b64encode(response.get_body()).decode(),
    }


def main() -> None:
    directory, descriptor = sys.argv[1], int(sys.argv[2])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for noisy in ("azure", "durabletask", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    sys.path.insert(0, directory)
    module = importlib.import_module("function_app")
    connection = socket.socket(fileno=descriptor)
    Worker(Wire(connection), module.app.get_functions()).serve()


if __name__ == "__main__":
    main()
