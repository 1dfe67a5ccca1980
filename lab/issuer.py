"""Stand-in for the tenant of Microsoft Entra ID that issues tokens for Slipway's API.

Source: OpenID Connect Discovery 1.0 and the token reference of the Microsoft identity platform
(claims of versions 1 and 2).
"""

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from werkzeug.wrappers import Request, Response

from lab.identity import TENANT

HOST = "login.microsoftonline.com"
# The app registration of the lab's installation, and Azure's command line, which asks for tokens.
CLIENT_ID = "33333333-3333-3333-3333-333333333333"
AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
# The scope of the app registration; Azure's command line has consent for it.
SCOPE = "access"
LIFE_SECONDS = 3600
# The audience of a workload's own token, which is exchanged for one of the tenant.
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EXCHANGE = "api://AzureADTokenExchange"


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

    def subject(self, application: str) -> str:
        """Returns the subject of a user's tokens, another one for each application."""
        digest = hashlib.sha256(f"{application}:{self.name}".encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


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


@dataclass(frozen=True)
class FederatedIdentity:
    """A workload whose own issuer vouches for it, as the issuer of a pipeline does."""

    holder: Holder
    issuer: str
    subject: str
    key: SigningKey

    def assertion(self, **changes: Any) -> str:
        """Returns the workload's own token. Its issuer signs it."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": EXCHANGE,
            "nbf": now,
            "exp": now + 300,
        }
        return jwt.encode(claims | changes, self.key.private, "RS256")


class Issuer:
    """Issues tokens, and serves the documents with which they are verified."""

    def __init__(self) -> None:
        self.keys = [SigningKey()]
        # For tests: every request gets this status.
        self.failure = 0
        # Whoever sits at the browser; None declines.
        self.signed_in: Holder | None = None
        # By client id.
        self.federated: dict[str, FederatedIdentity] = {}
        self._codes: dict[str, tuple[Holder | None, str, str]] = {}
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
        # In the lab, browsers reach the issuer by its own address instead of Entra's host name.
        match request.method, request.path.removeprefix(f"/{TENANT}"):
            case "GET", "/oauth2/v2.0/authorize":
                return self._authorize(request)
            case "POST", "/oauth2/v2.0/token":
                if request.form.get("grant_type") == "client_credentials":
                    return self._exchange(request)
                return self._redeem(request)
            case "GET", "/v2.0/.well-known/openid-configuration":
                return _json(self.discovery())
            case "GET", "/discovery/v2.0/keys":
                return _json({"keys": [key.public() for key in self.keys]})
            case _:
                return Response("", 404)

    def _authorize(self, request: Request) -> Response:
        """Signs in `signed_in` without a question. Entra ID returns errors to the client too, but
        never to an address that is not registered."""
        asked = request.args
        target = asked.get("redirect_uri", "")
        if asked.get("client_id") != CLIENT_ID or not target.endswith("/api/view/signed-in"):
            return Response("AADSTS50011: the redirect URI does not match", 400)
        answer = {"state": asked.get("state", "")}
        challenge = asked.get("code_challenge", "")
        if self.signed_in is None and asked.get("prompt") == "none":
            answer |= {"error": "login_required", "error_description": "AADSTS50058: no session"}
        elif self.signed_in is None:
            answer |= {"error": "access_denied", "error_description": "AADSTS65004: declined"}
        elif asked.get("code_challenge_method") != "S256" or not challenge:
            answer |= {"error": "invalid_request", "error_description": "AADSTS9002325: PKCE"}
        else:
            code = uuid.uuid4().hex
            self._codes[code] = (self.signed_in, challenge, target)
            answer["code"] = code
        return Response("", 302, {"Location": f"{target}?{urlencode(answer)}"})

    def _redeem(self, request: Request) -> Response:
        """Exchanges a code, once, for whoever has its verifier."""
        sent = request.form
        holder, challenge, target = self._codes.pop(sent.get("code", ""), (None, "", ""))
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        verified = base64.urlsafe_b64encode(digest).decode().rstrip("=") == challenge
        if holder is None or not verified or sent.get("redirect_uri") != target:
            answer = _json({"error": "invalid_grant", "error_description": "AADSTS70008"})
            answer.status_code = 400
        elif sent.get("scope") != f"{CLIENT_ID}/.default":
            answer = _json({"error": "invalid_scope", "error_description": "AADSTS70011"})
            answer.status_code = 400
        else:
            token = self.sign(self.claims(holder, client=CLIENT_ID))
            answer = _json({"access_token": token, "expires_in": LIFE_SECONDS})
        # Entra ID answers a browser's script at the origin of a redirect URI of the kind SPA.
        answer.headers["Access-Control-Allow-Origin"] = target.removesuffix("/api/view/signed-in")
        return answer

    def _exchange(self, request: Request) -> Response:
        """Exchanges a workload's own token for one of the tenant, by the federated credential."""
        sent = request.form
        known = self.federated.get(sent.get("client_id", ""))
        try:
            if known is None or sent.get("client_assertion_type") != ASSERTION_TYPE:
                raise jwt.InvalidTokenError
            jwt.decode(
                sent.get("client_assertion", ""),
                known.key.private.public_key(),
                algorithms=["RS256"],
                audience=EXCHANGE,
                issuer=known.issuer,
                subject=known.subject,
                options={"require": ["exp", "sub"]},
            )
        except jwt.InvalidTokenError:
            answer = _json({
                "error": "invalid_client",
                "error_description": "AADSTS700213: No matching federated identity record found",
            })  # fmt: skip
            answer.status_code = 401
            return answer
        if sent.get("scope") != f"api://{CLIENT_ID}/.default":
            answer = _json({"error": "invalid_scope", "error_description": "AADSTS70011"})
            answer.status_code = 400
            return answer
        token = self.token(known.holder)
        return _json({
            "token_type": "Bearer",
            "expires_in": LIFE_SECONDS,
            "access_token": token,
        })  # fmt: skip

    def discovery(self) -> dict[str, Any]:
        base = f"https://{HOST}/{TENANT}"
        return {
            "issuer": f"{base}/v2.0",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def claims(self, holder: Holder, version: int = 2, client: str = AZURE_CLI) -> dict[str, Any]:
        """Returns the claims of an access token for Slipway's API. `client` signs users in. The app
        registration has no scope for itself."""
        now = int(time.time())
        found: dict[str, Any] = {
            "iat": now,
            "nbf": now,
            "exp": now + LIFE_SECONDS,
            "oid": holder.object_id,
            "sub": holder.object_id if holder.workload else holder.subject(CLIENT_ID),
            "tid": TENANT,
            "ver": f"{version}.0",
        }
        if holder.roles:
            found["roles"] = list(holder.roles)
        if holder.groups:
            found["groups"] = list(holder.groups)
        client = holder.object_id if holder.workload else client
        if not holder.workload:
            if client != CLIENT_ID:
                found["scp"] = SCOPE
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
