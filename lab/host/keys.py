"""The host's keys, which give access to functions, the extensions' webhooks and the host's own
API."""

from http import HTTPStatus

from lab.host.http_request import Request
from lab.host.http_server import Response


class Keys:
    """The keys by name: function, master, and one system key for each webhook (durableTask,
    eventGrid)."""

    def __init__(self, keys: dict[str, str]) -> None:
        self._keys = keys

    def opens_functions(self, request: Request) -> bool:
        return self._is(request, "function", "master")

    def refused_by_hook(self, request: Request, own: str) -> Response | None:
        """Returns the error response, or None if the request has the webhook's own key or the
        master key."""
        if self._is(request, own, "master"):
            return None
        return forbidden() if self._is(request, *self._keys) else unauthorized()

    def refused_by_admin(self, request: Request) -> Response | None:
        if self._is(request, "master"):
            return None
        return forbidden() if self._is(request, "function") else unauthorized()

    def _is(self, request: Request, *names: str) -> bool:
        """Returns whether the request has one of the named keys. The header takes precedence over
        the query; of repeated values the first one counts."""
        codes = request.param("code")
        given = request.header("x-functions-key") or (codes[0] if codes else "")
        return given in [self._keys[name] for name in names]


def unauthorized() -> Response:
    return Response(HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})


def forbidden() -> Response:
    return Response(HTTPStatus.FORBIDDEN)
