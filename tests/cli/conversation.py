"""A loopback server that plays the API's part: what it answers, and what it was asked."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cluster.strict_parsing import plain_json, plain_yaml

KEY = "the-key"
CLUSTER = "/api/clusters/shop"
OPERATION = f"{CLUSTER}/operations/1"
EVENTS = f"{CLUSTER}/events"


@dataclass(frozen=True)
class Said:
    status: int
    body: dict[str, Any] = field(default_factory=dict[str, Any])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    text: str = ""


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: str
    body: dict[str, Any] | None
    text: str = field(default="", compare=False)
    content_type: str = field(default="", compare=False)


class Conversation:
    """`script[method, path]` is a list of answers; the last one is given again and again."""

    def __init__(self) -> None:
        self.script: dict[tuple[str, str], list[Said]] = {}
        self.otherwise = Said(404, {"title": "not here"})
        self.asked: list[Asked] = []
        self.on_ask: Callable[[Asked], None] = lambda _: None
        self._lock = threading.Lock()
        talk = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                said = talk.answer(self)
                data = json.dumps(said.body).encode() if said.body else said.text.encode()
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        """From now on nobody answers."""
        self.server.shutdown()
        self.server.server_close()

    def says(self, method: str, path: str, *answers: Said) -> None:
        self.script[method, path] = list(answers)

    def answer(self, request: BaseHTTPRequestHandler) -> Said:
        path, _, query = request.path.partition("?")
        length = int(request.headers.get("Content-Length") or 0)
        text = request.rfile.read(length).decode()
        kind = request.headers.get("Content-Type", "")
        read = plain_json if kind == "application/json" else plain_yaml
        asked = Asked(request.command, path, query, read(text) if text else None, text, kind)
        with self._lock:
            self.asked.append(asked)
            answers = self.script.get((request.command, path), [self.otherwise])
            said = answers.pop(0) if len(answers) > 1 else answers[0]
        self.on_ask(asked)
        if request.headers.get("x-functions-key") != KEY:
            return Said(401)
        return said


def accepted(**more: Any) -> Said:
    body = {"name": "shop", "operation": OPERATION, "location": OPERATION, "joined": False}
    return Said(202, body | more)


def cancelling() -> Said:
    return Said(202, {"name": "shop", "operation": OPERATION, "location": OPERATION})


def running() -> Said:
    return Said(202, {"name": "shop", "status": "running", "phase": "nodes"})


def event(seq: int, text: str, level: str = "info", **more: str) -> dict[str, Any]:
    plain = {"time": "2026-01-02T03:04:05.678Z", "phase": "nodes", "node": "", "task": ""}
    return plain | {"seq": seq, "level": level, "text": text} | more


def cluster(state: str, **more: Any) -> Said:
    node = {"role": "etcd", "pool": "etcd", "address": "10.0.2.4", "state": "ready"}
    body = {
        "name": "shop",
        "state": state,
        "generation": 1,
        "percent": 50,
        "phases": [
            {"name": "plan", "state": "done", "startedAt": "2026-01-02T03:04:05Z", "seconds": 0.4}
        ],
        "nodes": [node | {"name": "shop-etcd-0"}],
        "play": None,
        "cause": None,
        "note": None,
    }
    return Said(200, body | more)
