"""Stand-in for the tenant of Microsoft Entra ID that issues tokens for Slipway's API.

Source: OpenID Connect Discovery 1.0 and the token reference of the Microsoft identity platform
(claims of versions 1 and 2).
"""

import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from werkzeug.wrappers import Request, Response

from lab.identity import TENANT

HOST = "login.microsoftonline.com"
# The app registration of the lab's installation, and Azure's command line, which asks for tokens.
CLIENT_ID = "33333333-3333-3333-3333-333333333333"
AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
LIFE_SECONDS = 3600


@dataclass(frozen=True)
class Holder:
    """A user or a workload, with what is assigned to it in the app registration."""

    name: str
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    workload: bool = False

    @property
    def object_id(self) -> str:
        """The same for the same name, as in a directory."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"holder:{self.name}"))


class SigningKey:
    """An RSA key with an id."""

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex

    @cached_property
    def private(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def public(self) -> dict[str, Any]:
        """Returns the entry of a key set."""
        entry: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(self.private.public_key()))
        return entry | {"kid": self.id, "use": "sig", "issuer": f"https://{HOST}/{TENANT}/v2.0"}


class Issuer:
    """Issues tokens, and serves the documents with which they are verified."""

    def __init__(self) -> None:
        self.keys = [SigningKey()]
        # For tests: every request gets this status.
        self.failure = 0
        self.asked: list[str] = []

    def rotate(self) -> None:
        """Signs with a new key from now on, and forgets the old one."""
        self.keys = [SigningKey()]

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        self.asked.append(request.path)
        if self.failure:
            return Response("", self.failure)
        match request.method, request.path.removeprefix(f"/{TENANT}"):
            case "GET", "/v2.0/.well-known/openid-configuration":
                return _json(self.discovery())
            case "GET", "/discovery/v2.0/keys":
                return _json({"keys": [key.public() for key in self.keys]})
            case _:
                return Response("", 404)

    def discovery(self) -> dict[str, Any]:
        base = f"https://{HOST}/{TENANT}"
        return {
            "issuer": f"{base}/v2.0",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def claims(self, holder: Holder, version: int = 2) -> dict[str, Any]:
        """Returns the claims of an access token for Slipway's API."""
        now = int(time.time())
        found: dict[str, Any] = {
            "iat": now,
            "nbf": now,
            "exp": now + LIFE_SECONDS,
            "oid": holder.object_id,
            "sub": holder.object_id,
            "tid": TENANT,
            "ver": f"{version}.0",
        }
        if holder.roles:
            found["roles"] = list(holder.roles)
        if holder.groups:
            found["groups"] = list(holder.groups)
        client = holder.object_id if holder.workload else AZURE_CLI
        if not holder.workload:
            found["scp"] = "access"
            found["name"] = holder.name
            found["preferred_username" if version == 2 else "upn"] = holder.name
        if version == 2:
            issuer = f"https://{HOST}/{TENANT}/v2.0"
            return found | {"aud": CLIENT_ID, "iss": issuer, "azp": client}
        issuer = f"https://sts.windows.net/{TENANT}/"
        return found | {"aud": f"api://{CLIENT_ID}", "iss": issuer, "appid": client}

    def sign(self, claims: dict[str, Any], key: SigningKey | None = None) -> str:
        used = key or self.keys[0]
        return jwt.encode(claims, used.private, "RS256", headers={"kid": used.id})

    def token(self, holder: Holder) -> str:
        return self.sign(self.claims(holder))


def _json(document: dict[str, Any]) -> Response:
    return Response(json.dumps(document), mimetype="application/json")
