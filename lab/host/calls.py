"""Server for the function calls that functions-host posts. The worker runs them."""

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lab.host.executions import Executions
from lab.host.hub import Functions
from lab.host.pool import FunctionFailedError, NoWorkerError, WorkerLostError

log = logging.getLogger("lab.host")
# A call waits until its function ends. This is the number of connections that may be pending.
BACKLOG = 256


class Calls:
    """An HTTP server on loopback. `binding` is the value from which the app creates a durable
    client."""

    def __init__(self, functions: Functions, executions: Executions) -> None:
        self._functions, self._executions = functions, executions
        self._activities = {f["name"]: f["durable"] for f in functions.functions}
        self.binding = ""
        answer = self.answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body = json.dumps(answer(call)).encode()
                try:
                    self.send_response(200)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except ConnectionError:
                    log.warning("the result of %s is lost: the host ended", call["function"])
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Does nothing, because the program logs its calls itself."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True, name="calls").start()

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, call: dict[str, str]) -> dict[str, Any]:
        """Runs the call and returns its state: ok, failed, lost (the worker died during the call)
        or none (there is no worker)."""
        function = call["function"]
        try:
            return {"state": "ok", "value": self._value(call["kind"], function, call["payload"])}
        except FunctionFailedError as error:
            log.warning("%s raised %s: %s", function, error.type, error)
            text = {"type": error.type, "message": str(error), "stack": error.stack}
            return {"state": "failed", **text}
        except NoWorkerError:
            return {"state": "none"}
        except WorkerLostError:
            log.warning("%s was lost with its worker", function)
            return {"state": "lost"}

    def _value(self, kind: str, function: str, payload: str) -> Any:
        if kind == "activity":
            return self._executions.run(
                self._activities[function],
                lambda: self._functions.ask(kind, function, payload, self.binding),
            )
        if kind == "orchestration":
            self._executions.turn()
            return self._functions.ask(kind, function, payload, self.binding)
        answer = self._functions.ask(kind, function, json.loads(payload), self.binding)
        return json.dumps(answer) if kind == "http" else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = BACKLOG
