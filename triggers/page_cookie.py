"""The cookie of the page's sessions: what it looks like, and whether a request has a valid one.

A session stands for the function key, which the Functions host checks before the app. It is known
by a cookie that scripts cannot read and that browsers send to the addresses of sessions only
(docs/decisions/0056-page-sessions.md).
"""

from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import azure.functions as func

from clients.access_settings import Access, AccessSettings
from clients.services import services
from triggers.problems import ProblemError

# Browsers accept a cookie with this prefix only if it is `Secure` and comes over TLS or loopback.
COOKIE = "__Secure-slipway-page"
# Another site of the same domain can add cookies of this name. Of so many, one may be valid.
MOST = 4


def check_session(request: func.HttpRequest, settings: AccessSettings) -> None:
    """Checks that a session stands for the function key.

    Raises:
        ProblemError: 401 without a valid session; 403 if a page of another origin sends the
            request, or where function keys open nothing.
    """
    refuse_without_keys(settings)
    if not has_session(request):
        raise ProblemError(
            HTTPStatus.UNAUTHORIZED,
            "the session has ended",
            "open the page of a cluster and enter a function key",
        )


def refuse_without_keys(settings: AccessSettings) -> None:
    """Raises:
    ProblemError: function keys open nothing here, and so does nothing that stands for one.
    """
    if settings.access is Access.TOKENS:
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            "there are no sessions here",
            "a session stands for a function key, and this installation takes tokens only",
        )


def has_session(request: func.HttpRequest) -> bool:
    """Returns whether a cookie of the request is that of a session.

    Raises:
        ProblemError: a page of another origin sends the request.
    """
    # Every browser that keeps cookies of this kind says where a request comes from.
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            "only the page uses its session",
            "the request comes from another site, or from the address bar",
        )
    now = datetime.now(UTC)
    return any(services().store.has_page_session(one, now) for one in secrets_of(request))


def secrets_of(request: func.HttpRequest) -> list[str]:
    """Returns the values of the cookie. The host joins repeated headers with ','."""
    sent = request.headers.get("cookie", "").replace(",", ";").split(";")
    pairs = [one.strip().partition("=") for one in sent]
    return [value for name, _, value in pairs if name == COOKIE][:MOST]


def cookie_header(request: func.HttpRequest, secret: str) -> dict[str, str]:
    """Returns the header that sets the cookie, or deletes it without a secret.

    It ends with the browser, is sent below this request's own path only, and never with a request
    of another site.
    """
    path = urlsplit(request.url).path.removesuffix("/")
    age = "" if secret else "; Max-Age=0"
    return {
        "Set-Cookie": f"{COOKIE}={secret}{age}; Path={path}; Secure; HttpOnly; SameSite=Strict",
        "Cache-Control": "no-store",
    }
