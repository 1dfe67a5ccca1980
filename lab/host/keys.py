"""The host's keys: which of them opens functions, the extensions' hooks, and the host's own API."""

from http import HTTPStatus

from lab.host.http_request import Request
from lab.host.http_server import Response


class Keys:
    """`keys`: function, master, and one system key for each hook (durableTask, eventGrid)."""

    def __init__(self, keys: dict[str, str]) -> None:
        self._keys = keys

    def opens_functions(self, request: Request) -> bool:
        return self._is(request, "function", "master")

    def refused_by_hook(self, request: Request, own: str) -> Response | None:
        """The refusal; None where the hook's own key or the master key came along."""
        if self._is(request, own, "master"):
            return None
        return forbidden() if self._is(request, *self._keys) else unauthorized()

    def refused_by_admin(self, request: Request) -> Response | None:
        if self._is(request, "master"):
            return None
        return forbidden() if self._is(request, "function") else unauthorized()

    def _is(self, request: Request, *names: str) -> bool:
        """The header wins; of repeated ones the first counts."""
        codes = request.param("code")
        given = request.header("x-functions-key") or (codes[0] if codes else "")
        return given in [self._keys[name] for name in names]


def unauthorized() -> Response:
    return Response(HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})


def forbidden() -> Response:
    return Response(HTTPStatus.FORBIDDEN)
