"""The worker process: runs the function app with Microsoft's own worker library.

Usage: python -m lab.host.worker APP_DIR SOCKET_FD. Indexing, decoding, encoding, threads and the
trace's context are the library's (azure-functions-runtime, which the Python worker of the Functions
host loads). The lab's code replaces only the gRPC stream: it sends one message for each call.
"""

import asyncio
import base64
import json
import logging
import socket
import sys
import threading
from collections.abc import Sequence
from typing import Any

import azure_functions_runtime as runtime

from lab.host import logs
from lab.host.messages import StatusResult, invocation, parameter, request, set_cookie
from lab.host.wire import Wire

log = logging.getLogger("lab.host")


class AppRefusedError(Exception):
    """The library rejects the function app. The message is the library's own."""


def describe(name: str, raw_bindings: Sequence[str]) -> dict[str, Any]:
    """Returns the parts of a function's metadata that the host uses: trigger, durable client,
    route."""
    bindings = [json.loads(raw) for raw in raw_bindings]
    trigger = next(b for b in bindings if b["type"].endswith("Trigger"))
    clients = [b["name"] for b in bindings if b["type"] == "durableClient"]
    kind = trigger["type"][:1].upper() + trigger["type"][1:]
    durable = trigger.get("orchestration") or trigger.get("activity")
    if kind in ("OrchestrationTrigger", "ActivityTrigger"):
        durable = durable or name
    return {
        "name": name,
        "kind": kind,
        "parameter": trigger["name"],
        "client": next(iter(clients), None),
        "route": trigger.get("route"),
        "methods": [method.upper() for method in trigger.get("methods") or ()],
        "auth": trigger.get("authLevel", "").lower(),
        "durable": durable,
    }


async def load(directory: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Loads the app as the host does. Returns the id and description of each function by name.

    Raises:
        AppRefusedError: the library rejects the app or one of its functions.
    """
    # On the Functions host, the proxy worker does the same two things before it calls the library.
    sys.path.insert(0, directory)
    runtime.start_threadpool_executor()
    begun = await runtime.worker_init_request(
        request("worker_init_request", capabilities={}, function_app_directory=directory)
    )
    _succeeded(begun.result)
    metadata = await runtime.functions_metadata_request(request("functions_metadata_request"))
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for one in metadata.function_metadata_results or ():
        asked = request("function_load_request", function_id=one.function_id, metadata=one)
        _succeeded((await runtime.function_load_request(asked)).result)
        found[one.name] = (one.function_id, describe(one.name, one.raw_bindings))
    if not found:
        raise AppRefusedError(f"{directory} has no function_app.py with functions")
    return found


def _succeeded(result: Any) -> None:
    if result.status == StatusResult.Failure:
        log.error("the function app was refused\n%s", result.exception.stack_trace)
        raise AppRefusedError(result.exception.message)


class Worker:
    """Runs one task for each call, as Microsoft's worker does. The library decides in which thread
    a call runs."""

    def __init__(self, wire: Wire, functions: dict[str, tuple[str, dict[str, Any]]]) -> None:
        self._wire = wire
        self._functions = functions
        self._tasks: set[asyncio.Task[None]] = set()
        # The function of each call in flight, by the call's number.
        self.called: dict[str, str] = {}

    async def serve(self) -> None:
        """Serves calls. Returns when the host closes the connection."""
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()

        def listen() -> None:
            while (call := self._wire.receive()) is not None:
                loop.call_soon_threadsafe(self._begin, call)
            loop.call_soon_threadsafe(ended.set)

        self._wire.send({"functions": [about for _, about in self._functions.values()]})
        threading.Thread(target=listen, daemon=True, name="host").start()
        await ended.wait()

    def _begin(self, call: dict[str, Any]) -> None:
        task = asyncio.create_task(self._answer(call), name=str(call["id"]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, call: dict[str, Any]) -> None:
        number = str(call["id"])
        self.called[number] = call["function"]
        try:
            answer = await self._run(call)
        except Exception as error:
            # After any error, the host must still get a response; otherwise it would wait forever.
            log.exception("the call %s of %s could not be made", call["id"], call["function"])
            answer = {"ok": False, "type": type(error).__name__, "message": str(error), "stack": ""}
        del self.called[number]
        self._wire.send({"id": call["id"], **answer})

    async def _run(self, call: dict[str, Any]) -> dict[str, Any]:
        function_id, about = self._functions[call["function"]]
        inputs = [parameter(about["parameter"], **_typed(call["kind"], call["payload"]))]
        if about["client"]:
            inputs.append(parameter(about["client"], string=call["client"]))
        asked = invocation(function_id, str(call["id"]), inputs, call.get("trace", ""))
        response = await runtime.invocation_request(asked)
        if response.result.status == StatusResult.Failure:
            return {"ok": False, **_failure(response.result.exception)}
        return {"ok": True, "value": _value(call["kind"], response.return_value)}


def _typed(kind: str, payload: Any) -> dict[str, Any]:
    """Returns the payload as the field of TypedData in which the host sends it."""
    if kind in ("event", "timer"):
        return {"json": json.dumps(payload)}
    if kind != "http":
        return {"string": payload}
    http = {
        "method": payload["method"],
        "url": payload["url"],
        "headers": payload["headers"],
        "query": payload["params"],
        "params": payload["route"],
        "body": parameter("body", bytes=base64.b64decode(payload["body"])).data,
    }
    return {"http": parameter("http", **http).data}


def _value(kind: str, returned: Any) -> Any:
    """Returns the function's result in the host's form."""
    if returned is None:
        return None
    if kind != "http":
        return getattr(returned, returned.WhichOneof("data"))
    if returned.WhichOneof("data") == "string":
        body = base64.b64encode(returned.string.encode()).decode()
        return {"status": 200, "headers": {}, "type": "text/plain", "body": body}
    cookies = [set_cookie(cookie) for cookie in returned.http.cookies or ()]
    if len(cookies) > 1:
        raise NotImplementedError("the lab's host passes one cookie on")
    headers = dict(returned.http.headers)
    if cookies:
        headers["Set-Cookie"] = cookies[0]
    return {
        "status": int(returned.http.status_code),
        "headers": headers,
        "type": None,
        "body": base64.b64encode(returned.http.body.bytes).decode(),
    }


def _failure(error: Any) -> dict[str, str]:
    """Parses the library's text of an exception, `Type: text`."""
    name, _, text = error.message.partition(": ")
    return {"type": name, "message": text, "stack": error.stack_trace}


async def run(directory: str, wire: Wire) -> None:
    try:
        functions = await load(directory)
    except AppRefusedError as error:
        wire.send({"refused": str(error)})
        return
    worker = Worker(wire, functions)
    logs.categorize(worker.called)
    await worker.serve()


def main() -> None:
    directory, descriptor = sys.argv[1], int(sys.argv[2])
    logs.start()
    asyncio.run(run(directory, Wire(socket.socket(fileno=descriptor))))


if __name__ == "__main__":
    main()
