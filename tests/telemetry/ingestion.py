"""An endpoint that takes telemetry, of Application Insights and of OTLP."""

import gzip
import json
from typing import Any

from werkzeug.wrappers import Request, Response


class Ingestion:
    """Takes what comes, by path."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, bytes]] = []

    def __call__(self, request: Request) -> Response:
        data = request.get_data()
        if request.headers.get("Content-Encoding") == "gzip":
            data = gzip.decompress(data)
        self.bodies.append((request.path, data))
        if "track" not in request.path:
            return Response(b"", 200, mimetype="application/x-protobuf")
        count = len(json.loads(data))
        answer = {"itemsReceived": count, "itemsAccepted": count, "errors": []}
        return Response(json.dumps(answer), 200, mimetype="application/json")

    def of(self, path: str) -> list[bytes]:
        return [body for where, body in self.bodies if path in where]

    def items(self) -> list[dict[str, Any]]:
        """What Application Insights got."""
        return [item for body in self.of("/track") for item in json.loads(body)]
