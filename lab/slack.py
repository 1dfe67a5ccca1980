"""Stand-in for Slack's incoming webhook. It stores what it receives, and can be throttled, slow or
down."""

import json
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Request, Response

MAX_TEXT = 40_000


class SlackSink:
    """The WSGI application. Messages are JSON lines in a file, each with time and text. Faults:
    `throttle` (the number of next posts), `down`, `slow`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.throttle, self.down, self.slow = 0, False, 0.0

    def change(self, wanted: dict[str, Any]) -> None:
        self.throttle = int(wanted.get("throttle", 0))
        self.down = bool(wanted.get("down", False))
        self.slow = float(wanted.get("slow", 0))

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self._post(Request(environ))(environ, start_response)

    def _post(self, request: Request) -> Response:
        if self.slow:
            time.sleep(self.slow)
        if self.down:
            return Response("service_unavailable", 503)
        with self._lock:
            if self.throttle > 0:
                self.throttle -= 1
                return Response("rate_limited", 429, {"Retry-After": "1"})
            try:
                body = json.loads(request.get_data())
            except ValueError:
                return Response("invalid_payload", 400)
            text = body.get("text") if isinstance(body, dict) else None
            if not text and not (isinstance(body, dict) and body.get("blocks")):
                return Response("no_text", 400)
            if len(text or "") > MAX_TEXT:
                return Response("msg_too_long", 400)
            line = json.dumps({"time": round(time.time(), 3), "text": text}, ensure_ascii=False)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        return Response("ok")
