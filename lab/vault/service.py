"""Key Vault's REST interface for secrets, API version 2026-04-01, limited to what the SDK uses.

Wire format: a call without a token gets a 401 with the challenge. A set of a soft-deleted name gets
a 409 until the name is recovered or purged.
"""

import base64
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Request, Response

from lab.identity import TENANT

MAX_BYTES = 25_600
NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
PAGE = 25
RETENTION_DAYS = 90
DAY = 86_400
CHALLENGE = (
    f'Bearer authorization="https://login.microsoftonline.com/{TENANT}", '
    'resource="https://vault.azure.net"'
)
AUDIENCE = "https://vault.azure.net"


class VaultError(Exception):
    def __init__(self, status: int, code: str, message: str, inner: str = "") -> None:
        self.status, self.code, self.inner = status, code, inner
        super().__init__(message)


class VaultService:
    """The WSGI application. `accepts(authorization, audience)` validates tokens. Faults: `deny`,
    and `throttle`, the number of next requests that are throttled."""

    def __init__(self, path: Path, accepts: Callable[[str | None, str], bool]) -> None:
        self._path, self._accepts = path, accepts
        self._lock = threading.RLock()
        # Secrets by name: a list of versions, oldest first. Deleted ones likewise, with the time of
        # deletion.
        self.secrets: dict[str, list[dict[str, Any]]] = {}
        self.deleted: dict[str, dict[str, Any]] = {}
        self.deny, self.throttle, self.sets = False, 0, 0
        if path.exists():
            data = json.loads(path.read_text(encoding="utf-8"))
            self.secrets, self.deleted = data["secrets"], data["deleted"]

    def change(self, wanted: dict[str, Any]) -> None:
        self.deny = bool(wanted.get("deny", False))
        self.throttle = int(wanted.get("throttle", 0))

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        try:
            response = self._dispatch(request)
        except VaultError as error:
            body: dict[str, Any] = {"code": error.code, "message": str(error)}
            if error.inner:
                body["innererror"] = {"code": error.inner}
            headers = {"Retry-After": "1"} if error.status == 429 else {}
            response = _answer({"error": body}, error.status, headers)
        return response(environ, start_response)

    def _dispatch(self, request: Request) -> Response:
        if not self._accepts(request.headers.get("Authorization"), AUDIENCE):
            error = {"code": "Unauthorized", "message": "Request is missing a Bearer or PoP token."}
            return _answer({"error": error}, 401, {"WWW-Authenticate": CHALLENGE})
        if self.throttle > 0:
            self.throttle -= 1
            raise VaultError(
                429, "Throttled", "Request was not processed because too many requests"
            )
        if self.deny:
            raise VaultError(
                403, "Forbidden", "Caller is not authorized to perform action.", "ForbiddenByRbac"
            )
        host = request.headers.get("X-Forwarded-Host") or request.host
        base = f"https://{host}"
        parts = request.path.strip("/").split("/")
        with self._lock:
            return self._route(request, base, parts)

    def _route(self, request: Request, base: str, parts: list[str]) -> Response:
        match request.method, parts:
            case "PUT", ["secrets", name]:
                return self._set(base, name, request.get_json())
            case "GET", ["secrets"]:
                return self._list(request, base, self.secrets, "secrets")
            case "PATCH", ["secrets", name]:
                return self._update(base, name, self._versions(name)[-1], request.get_json())
            case "POST", ["secrets", name, "backup"]:
                return _answer({"value": _sealed({"name": name, "versions": self._versions(name)})})
            case "GET", ["secrets", name, "versions"]:
                items = [_without_value(_bundle(base, name, v)) for v in self._versions(name)]
                return _answer({"value": items, "nextLink": None})
            case "GET", ["secrets", name]:
                return _answer(_readable(_bundle(base, name, self._versions(name)[-1])))
            case "GET", ["secrets", name, version]:
                for found in self._versions(name):
                    if found["version"] == version:
                        return _answer(_readable(_bundle(base, name, found)))
                raise _missing(name)
            case "DELETE", ["secrets", name]:
                return self._delete(base, name)
            case "GET", ["deletedsecrets"]:
                return self._list(request, base, self.deleted, "deletedsecrets")
            case "GET", ["deletedsecrets", name]:
                return _answer(self._deleted(base, name))
            case "POST", ["deletedsecrets", name, "recover"]:
                return self._recover(base, name)
            case "DELETE", ["deletedsecrets", name]:
                self._deleted(base, name)
                del self.deleted[name]
                self._save()
                return Response("", 204)
        raise VaultError(405, "MethodNotAllowed", f"{request.method} {request.path}")

    def _set(self, base: str, name: str, body: dict[str, Any]) -> Response:
        if not NAME.fullmatch(name):
            raise VaultError(400, "BadParameter", f"'{name}' is not a secret's name")
        if len(str(body.get("value", "")).encode()) > MAX_BYTES:
            raise VaultError(400, "BadParameter", "The secret value is too long")
        if name in self.deleted:
            raise VaultError(
                409,
                "Conflict",
                f"Secret {name} is currently in a deleted but recoverable state, and its name "
                "cannot be reused; in this state, the secret can only be recovered or purged.",
                "ObjectIsDeletedButRecoverable",
            )
        now = int(time.time())
        version = {
            "version": uuid.uuid4().hex,
            "value": body["value"],
            "tags": body.get("tags") or {},
            "created": now,
        }
        self.secrets.setdefault(name, []).append(version)
        self.sets += 1
        self._save()
        return _answer(_bundle(base, name, version))

    def _update(
        self, base: str, name: str, version: dict[str, Any], body: dict[str, Any]
    ) -> Response:
        """Changes whether the newest version is enabled, and its tags."""
        version["enabled"] = (body.get("attributes") or {}).get("enabled", True)
        version["tags"] = body.get("tags") or version["tags"]
        self._save()
        return _answer(_without_value(_bundle(base, name, version)))

    def _delete(self, base: str, name: str) -> Response:
        self.deleted[name] = {"versions": self._versions(name), "at": int(time.time())}
        del self.secrets[name]
        self._save()
        return _answer(self._deleted(base, name))

    def _recover(self, base: str, name: str) -> Response:
        self._deleted(base, name)
        self.secrets[name] = self.deleted.pop(name)["versions"]
        self._save()
        return _answer(_without_value(_bundle(base, name, self.secrets[name][-1])))

    def _versions(self, name: str) -> list[dict[str, Any]]:
        found = self.secrets.get(name)
        if not found:
            raise _missing(name)
        return found

    def _deleted(self, base: str, name: str) -> dict[str, Any]:
        found = self.deleted.get(name)
        if found is None:
            raise _missing(name)
        return _without_value(_bundle(base, name, found["versions"][-1])) | {
            "recoveryId": f"{base}/deletedsecrets/{name}",
            "deletedDate": found["at"],
            "scheduledPurgeDate": found["at"] + RETENTION_DAYS * DAY,
        }

    def _list(self, request: Request, base: str, holder: dict[str, Any], kind: str) -> Response:
        start = int(request.args.get("$skiptoken", "0"))
        names = sorted(holder)
        items = [{"id": f"{base}/secrets/{name}", "attributes": {"enabled": True}}
                 for name in names[start : start + PAGE]]  # fmt: skip
        following = start + PAGE
        link = f"{base}/{kind}?api-version=2026-04-01&$skiptoken={following}"
        return _answer({"value": items, "nextLink": link if following < len(names) else None})

    def _save(self) -> None:
        part = self._path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(json.dumps({"secrets": self.secrets, "deleted": self.deleted}))
        part.replace(self._path)


def _bundle(base: str, name: str, version: dict[str, Any]) -> dict[str, Any]:
    return {
        "value": version["value"],
        "id": f"{base}/secrets/{name}/{version['version']}",
        "attributes": {
            "enabled": version.get("enabled", True),
            "created": version["created"],
            "updated": version["created"],
            "recoveryLevel": "Recoverable",
            "recoverableDays": RETENTION_DAYS,
        },
        "tags": version["tags"],
    }


def _without_value(bundle: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in bundle.items() if key != "value"}


def _readable(bundle: dict[str, Any]) -> dict[str, Any]:
    """Returns the secret. Raises VaultError if it is disabled."""
    if bundle["attributes"]["enabled"]:
        return bundle
    text = "Operation get is not allowed on a disabled secret."
    raise VaultError(403, "Forbidden", text, "SecretDisabled")


def _sealed(backup: dict[str, Any]) -> str:
    """Returns a backup as text. Only the lab reads it, so it is not encrypted, unlike the
    service's."""
    return base64.urlsafe_b64encode(json.dumps(backup).encode()).decode().rstrip("=")


def _missing(name: str) -> VaultError:
    message = f"A secret with (name/id) {name} was not found in this key vault."
    return VaultError(404, "SecretNotFound", message)


def _answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, headers or {}, mimetype="application/json")
