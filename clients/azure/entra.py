"""Verifies access tokens of Microsoft Entra ID with the tenant's public keys.

Sources: the token reference of the Microsoft identity platform (claims of versions 1 and 2),
OpenID Connect Discovery 1.0, and RFC 8725 (one algorithm, explicit audience and issuer).
"""

import threading
import time
from dataclasses import dataclass, field
from typing import Any, cast

from clients.access_settings import AccessSettings
from clients.azure.errors import azure_errors
from clients.azure.token_claims import Principal, TokenRefusedError, principal, text
from clients.azure.transport import transport_of
from clients.errors import Transient
from clients.time_limit import time_limit

AUTHORITY = "https://login.microsoftonline.com"
# The issuer of version 1 tokens, which the tenant signs with the same keys.
ISSUER_1 = "https://sts.windows.net/{tenant}/"
# Entra ID signs with this algorithm only. A token's own header never chooses another one.
ALGORITHM = "RS256"
MAX_TOKEN = 16 * 1024
# Seconds. Clocks may differ by that much.
LEEWAY = 60
FETCH_SECONDS = 12.0
# The keys are fetched anew after an hour. If that fails, they are used for a day.
FRESH_SECONDS, LONGEST_SECONDS = 3600.0, 86_400.0
# A token with an unknown key, and a failure, lead to one fetch in this time.
PAUSE_SECONDS = 30.0


@dataclass(frozen=True)
class _Keys:
    """The public keys by id, and when they were fetched."""

    keys: dict[str, Any] = field(default_factory=dict[str, Any])
    fetched: float = float("-inf")

    def age(self) -> float:
        return time.monotonic() - self.fetched


class TokenVerifier:
    """Verifies tokens for one app registration of one tenant. It is safe for threads."""

    def __init__(self, settings: AccessSettings) -> None:
        self._settings = settings
        self._issuer = f"{AUTHORITY}/{settings.tenant}/v2.0"
        self._issuers = (self._issuer, ISSUER_1.format(tenant=settings.tenant))
        self._known = _Keys()
        self._tried = float("-inf")
        self._fetching = threading.Lock()

    def verify(self, token: str) -> Principal:
        """Returns the holder of the token.

        Raises:
            TokenRefusedError: the token is not a valid access token for this installation.
            Transient: the tenant's keys cannot be fetched at the moment.
        """
        import jwt

        if len(token) > MAX_TOKEN:
            raise TokenRefusedError("it is too large")
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            raise TokenRefusedError("it is not a JSON Web Token") from None
        key_id = header.get("kid")
        if header.get("alg") != ALGORITHM or not isinstance(key_id, str):
            raise TokenRefusedError(f"it is not signed with {ALGORITHM} and a named key")
        key = self._key(key_id)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self._settings.audiences,
                issuer=self._issuers,
                leeway=LEEWAY,
                options={"require": ["aud", "exp", "iat", "iss", "nbf"]},
            )
        except jwt.ExpiredSignatureError:
            raise TokenRefusedError("it has expired") from None
        except jwt.ImmatureSignatureError:
            raise TokenRefusedError("it is not valid yet") from None
        except jwt.InvalidAudienceError:
            audience = self._settings.audiences[1]
            raise TokenRefusedError(f"it is for another audience than {audience}") from None
        except jwt.InvalidIssuerError:
            raise TokenRefusedError(f"tenant {self._settings.tenant} did not issue it") from None
        except jwt.InvalidSignatureError:
            raise TokenRefusedError("its signature is wrong") from None
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise TokenRefusedError("it is not a valid JSON Web Token") from None
        return principal(claims, self._settings)

    def refresh(self) -> int:
        """Fetches the tenant's keys anew. Returns how many there are.

        Raises:
            Transient: they cannot be fetched.
        """
        with self._fetching:
            self._known = _Keys(self._fetch(), time.monotonic())
            return len(self._known.keys)

    def _key(self, key_id: str) -> Any:
        """Returns the public key.

        Raises:
            TokenRefusedError: the tenant has no such key.
            Transient: the keys are not known, or another thread fetches new ones at the moment.
        """
        known = self._known
        usable = known.age() <= LONGEST_SECONDS
        wanted = key_id not in known.keys or known.age() > FRESH_SECONDS
        paused = time.monotonic() - self._tried <= PAUSE_SECONDS
        # While there are keys, nobody waits for another thread: ids of keys may be invented.
        if (not usable or (wanted and not paused)) and self._fetching.acquire(blocking=not usable):
            try:
                self._update(known)
            finally:
                self._fetching.release()
        is_fetching = self._fetching.locked()  # asked before the keys are read
        known = self._known
        if known.age() > LONGEST_SECONDS:
            raise Transient(f"{AUTHORITY} did not answer with its keys", PAUSE_SECONDS)
        if key_id not in known.keys:
            if is_fetching:
                raise Transient(f"the keys of {AUTHORITY} are being fetched", FETCH_SECONDS)
            raise TokenRefusedError("none of the tenant's keys signed it")
        return known.keys[key_id]

    def _update(self, seen: _Keys) -> None:
        """Fetches the keys, unless another thread did so meanwhile or a moment ago.

        Raises:
            Transient: they cannot be fetched, and the known ones are too old.
        """
        now = time.monotonic()
        if self._known is not seen or now - self._tried <= PAUSE_SECONDS:
            return
        self._tried = now
        try:
            self._known = _Keys(self._fetch(), now)
        except Transient:
            if seen.age() > LONGEST_SECONDS:
                raise

    def _fetch(self) -> dict[str, Any]:
        """Returns the tenant's keys by id, from the place that its discovery document names.

        Raises:
            Transient: there was no answer, or it is not what a tenant answers.
        """
        with time_limit(FETCH_SECONDS):
            found = self._document(f"{self._issuer}/.well-known/openid-configuration")
            place = found.get("jwks_uri")
            if found.get("issuer") != self._issuer or not isinstance(place, str):
                raise Transient(f"{AUTHORITY} describes another issuer than tenant "
                                f"{self._settings.tenant}", PAUSE_SECONDS)  # fmt: skip
            if not place.startswith(f"{AUTHORITY}/"):
                raise Transient(f"{AUTHORITY} names keys of another host", PAUSE_SECONDS)
            keys = _signing_keys(self._document(place))
        if not keys:
            raise Transient(f"{AUTHORITY} answered without a signing key", PAUSE_SECONDS)
        return keys

    def _document(self, url: str) -> dict[str, Any]:
        from azure.core.rest import HttpRequest

        with azure_errors(url):
            answer = transport_of(self._settings).send(HttpRequest("GET", url))
            try:
                if answer.status_code != 200:
                    raise Transient(f"{url} answers {answer.status_code}", PAUSE_SECONDS)
                answer.read()
                found: Any = answer.json()
            finally:
                answer.close()
        if not isinstance(found, dict):
            raise Transient(f"{url}: an answer that is not a JSON object", PAUSE_SECONDS)
        return cast(dict[str, Any], found)


def _signing_keys(document: dict[str, Any]) -> dict[str, Any]:
    """Returns the RSA keys of a key set (RFC 7517) by id. Other entries are ignored."""
    import jwt

    listed = document.get("keys")
    found: dict[str, Any] = {}
    for entry in cast(list[Any], listed) if isinstance(listed, list) else []:
        if not isinstance(entry, dict):
            continue
        key = cast(dict[str, Any], entry)
        if key.get("kty") != "RSA" or key.get("use", "sig") != "sig":
            continue
        try:
            found[text(key, "kid")] = jwt.PyJWK(key, ALGORITHM)
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
    found.pop("", None)
    return found
