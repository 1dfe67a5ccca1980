"""Stands in for the managed identity endpoint of App Service, and checks the tokens it gave."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterable
from typing import Any

from werkzeug.wrappers import Request, Response

HOUR = 3600
VERSION = "2019-08-01"


class Identity:
    """Tokens are signed with a key of this lab; they name their audience and end after an hour."""

    def __init__(self, key: str, header: str) -> None:
        self._key, self.header = key.encode(), header

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        resource = request.args.get("resource", "")
        if not hmac.compare_digest(request.headers.get("X-IDENTITY-HEADER", ""), self.header):
            response = Response("", 401)
        elif request.args.get("api-version") != VERSION or not resource:
            response = Response('{"message": "api-version and resource are required"}', 400)
        else:
            expires = int(time.time()) + HOUR
            body = {
                "access_token": self.token(resource, expires),
                "expires_on": str(expires),
                "resource": resource,
                "token_type": "Bearer",
            }
            response = Response(json.dumps(body), mimetype="application/json")
        return response(environ, start_response)

    def token(self, audience: str, expires: int) -> str:
        claims = json.dumps({"aud": audience.rstrip("/"), "exp": expires}).encode()
        text = base64.urlsafe_b64encode(claims).decode().rstrip("=")
        return f"lab.{text}.{self._sign(text)}"

    def accepts(self, authorization: str | None, audience: str) -> bool:
        """Whether the header holds a token of ours for that audience that has not ended."""
        kind, _, token = (authorization or "").partition(" ")
        parts = token.split(".")
        if kind != "Bearer" or len(parts) != 3 or parts[0] != "lab":
            return False
        if not hmac.compare_digest(parts[2], self._sign(parts[1])):
            return False
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=="))
        return claims["aud"] == audience and claims["exp"] > time.time()

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()
