"""Stand-in for App Service's managed identity endpoint. It also validates the tokens that it
issued."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterable
from typing import Any

from werkzeug.wrappers import Request, Response

HOUR = 3600
# The tenant of the lab's subscription, and the principal of every token.
TENANT = "11111111-1111-1111-1111-111111111111"
PRINCIPAL = "22222222-2222-2222-2222-222222222222"
VERSION = "2019-08-01"


class Identity:
    """Issues tokens that are signed with this lab's key. A token has one audience and expires after
    an hour."""

    def __init__(self, key: str, header: str) -> None:
        self._key, self.header = key.encode(), header

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        resource = request.args.get("resource", "")
        if not self.admits(request):
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

    def admits(self, request: Request) -> bool:
        """Returns whether the request has this lab's secret header."""
        return hmac.compare_digest(request.headers.get("X-IDENTITY-HEADER", ""), self.header)

    def token(self, audience: str, expires: int) -> str:
        """Returns a JSON Web Token, which clients read: `tid` is the tenant, `oid` the
        principal."""
        head = _part({"alg": "HS256", "typ": "JWT"})
        claims = {
            "aud": audience.rstrip("/"),
            "exp": expires,
            "iss": f"https://sts.windows.net/{TENANT}/",
            "oid": PRINCIPAL,
            "tid": TENANT,
        }
        text = f"{head}.{_part(claims)}"
        return f"{text}.{self._sign(text)}"

    def accepts(self, authorization: str | None, *audiences: str) -> bool:
        """Returns whether the header holds an unexpired token of this lab for one of the
        audiences."""
        kind, _, token = (authorization or "").partition(" ")
        text, _, signature = token.rpartition(".")
        if kind != "Bearer" or not hmac.compare_digest(signature, self._sign(text)):
            return False
        claims = json.loads(base64.urlsafe_b64decode(text.partition(".")[2] + "=="))
        return claims["aud"] in audiences and claims["exp"] > time.time()

    def _sign(self, text: str) -> str:
        return _encoded(hmac.new(self._key, text.encode(), hashlib.sha256).digest())


def _part(value: dict[str, Any]) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
