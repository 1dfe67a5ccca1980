"""What the claims of a verified access token of Entra ID say about its holder.

Sources: the references of access token claims, versions 1 and 2, and of optional claims.
"""

from dataclasses import dataclass
from typing import Any, cast

from clients.access_settings import AccessSettings

# The scope that the app registration offers (examples/entra/app-registration.json). A client that
# calls the API on behalf of a user needs it.
SCOPE = "access"


class TokenRefusedError(Exception):
    """The token proves nothing. The text says why and quotes nothing of the token."""


@dataclass(frozen=True)
class Principal:
    """What a verified token says about its holder."""

    name: str
    object_id: str
    groups: tuple[str, ...]
    roles: tuple[str, ...]


def principal(claims: dict[str, Any], settings: AccessSettings) -> Principal:
    """Returns the holder of a token whose signature, audience, issuer and times were verified.

    Raises:
        TokenRefusedError: the token is of another tenant; or an ID token, which says who signed
            in and is no permission to call an API; or a client got it for a user without
            the scope. The app registration itself, as which only the page signs in, needs no
            scope of its own.
    """
    if claims.get("tid") != settings.tenant or not isinstance(claims["aud"], str):
        raise TokenRefusedError(f"tenant {settings.tenant} did not issue it")
    client = text(claims, "azp") or text(claims, "appid")
    object_id = text(claims, "oid")
    if not client or not object_id:
        raise TokenRefusedError("it is not an access token")
    if client != settings.client_id and not (_has_scope(claims) or _is_of_app(claims)):
        audience = settings.audiences[1]
        raise TokenRefusedError(
            f"its client was not given the scope {SCOPE} of {audience}, which a client needs "
            f"to act for a user: request {audience}/.default"
        )
    shown = ("preferred_username", "upn", "unique_name")
    names = [name for claim in shown if (name := text(claims, claim))]
    return Principal(
        name=names[0] if names else f"app {client}",
        object_id=object_id,
        groups=_texts(claims, "groups"),
        roles=_texts(claims, "roles"),
    )


def _has_scope(claims: dict[str, Any]) -> bool:
    """Returns whether a user, or an administrator for all users, let the client call this API."""
    return SCOPE in text(claims, "scp").split(" ")


def _is_of_app(claims: dict[str, Any]) -> bool:
    """Returns whether an application got the token for itself, so that its roles alone decide.

    Such a token has no scope, and its subject is the object itself; the subject of a user is
    another one for every application. The optional claim `idtyp` says so too, if it is there.
    """
    if "scp" in claims or claims.get("idtyp", "app") != "app":
        return False
    return bool(text(claims, "sub")) and claims.get("sub") == claims.get("oid")


def text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def _texts(claims: dict[str, Any], name: str) -> tuple[str, ...]:
    value = claims.get(name)
    listed = cast(list[Any], value) if isinstance(value, list) else []
    return tuple(one for one in listed if isinstance(one, str))
