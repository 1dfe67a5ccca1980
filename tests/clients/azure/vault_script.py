"""Key Vault's wire format for the tests' script, with a clock that the test moves.

Shapes: azure-sdk-for-python, recorded exchanges of azure-keyvault-secrets, API version 2026-04-01.
"""

import itertools
from typing import Any

from werkzeug.wrappers import Request, Response

from tests.clients.conftest import VAULT, document

CHALLENGE = (
    'Bearer authorization="https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111",'
    ' resource="https://vault.azure.net"'
)


class VaultScript:
    """Secrets by name, each a list of versions. `before_set` runs when a set arrives."""

    def __init__(self) -> None:
        self.versions: dict[str, list[dict[str, Any]]] = {}
        self.deleted: dict[str, list[dict[str, Any]]] = {}
        self.conflict = ""
        self.before_set: Any = None
        self.before_recover: Any = None
        self.now = 1_700_000_000
        self.calls: list[str] = []
        self._numbers = itertools.count()

    def add(self, name: str, value: str, tags: dict[str, str] | None = None) -> str:
        version = f"{next(self._numbers):032x}"
        self.versions.setdefault(name, []).append(
            {"version": version, "value": value, "tags": tags or {}, "created": self.now}
        )
        return version

    def __call__(self, request: Request) -> Response:
        if not request.headers.get("Authorization"):
            return Response("", 401, {"WWW-Authenticate": CHALLENGE})
        parts = request.path.strip("/").split("/")
        self.calls.append(f"{request.method} {request.path}")
        return self._route(request, parts) or _error(404, "SecretNotFound", "")

    def _route(self, request: Request, parts: list[str]) -> Response | None:
        answer: Response | None = None
        match request.method, parts:
            case "GET", ["secrets", name, "versions"] if name in self.versions:
                items = [_bundle(name, one, value=False) for one in reversed(self.versions[name])]
                answer = document(200, {"value": items, "nextLink": None})
            case "GET", ["secrets", name, *rest] if name in self.versions:
                found = [v for v in self.versions[name] if not rest or v["version"] == rest[0]]
                answer = document(200, _bundle(name, found[-1]))
            case "PUT", ["secrets", name]:
                answer = self._set(name, request.get_json())
            case "DELETE", ["secrets", _] if self.conflict:
                answer = _error(409, "Conflict", self.conflict)
            case "DELETE", ["secrets", name] if name in self.versions:
                self.deleted[name] = self.versions.pop(name)
                recovery = {"recoveryId": f"{VAULT}/deletedsecrets/{name}"}
                answer = document(200, _bundle(name, self.deleted[name][-1]) | recovery)
            case "POST", ["deletedsecrets", name, "recover"]:
                answer = self._recover(name)
        return answer

    def _set(self, name: str, body: dict[str, Any]) -> Response:
        if self.before_set:
            before, self.before_set = self.before_set, None
            before()
        if name in self.deleted or self.conflict:
            return _error(409, "Conflict", self.conflict or "ObjectIsDeletedButRecoverable")
        self.add(name, body["value"], body.get("tags"))
        return document(200, _bundle(name, self.versions[name][-1]))

    def _recover(self, name: str) -> Response:
        if self.before_recover:
            self.before_recover()
        if name not in self.deleted:
            return _error(404, "SecretNotFound", "")
        self.versions[name] = self.deleted.pop(name)
        return document(200, _bundle(name, self.versions[name][-1], value=False))


def _bundle(name: str, version: dict[str, Any], *, value: bool = True) -> dict[str, Any]:
    times = {"created": version["created"], "updated": version["created"]}
    return {
        "id": f"{VAULT}/secrets/{name}/{version['version']}",
        "attributes": {"enabled": version.get("enabled", True), **times},
        "tags": version["tags"],
        **({"value": version["value"]} if value else {}),
    }


def _error(status: int, code: str, inner: str) -> Response:
    message = f"the value 'hunter2' of the secret: {inner}"
    return document(
        status, {"error": {"code": code, "message": message, "innererror": {"code": inner}}}
    )
