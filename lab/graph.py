"""Stand-in for Microsoft Graph, limited to what Azure's command line needs to name the holders of a
role: the service principals of the subscription's user-assigned identities.

Source: Graph's reference of servicePrincipal and directoryObjects, v1.0.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.wrappers import Request, Response

AUDIENCE = "https://graph.microsoft.com"
BY_NAME = re.compile(r"servicePrincipalNames/any\(c:c eq '(?P<name>[^']*)'\)")


class Graph:
    """The WSGI application. `accepts(authorization, audience)` validates tokens. `identities`
    returns the identity resources."""

    def __init__(
        self,
        accepts: Callable[..., bool],
        identities: Callable[[], list[dict[str, Any]]],
    ) -> None:
        self._accepts, self._identities = accepts, identities

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        if not self._accepts(request.headers.get("Authorization"), AUDIENCE):
            response = _refused(401, "InvalidAuthenticationToken", "Access token is invalid.")
        else:
            response = self._answer(request)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        known = [_principal(identity["properties"], identity) for identity in self._identities()]
        match request.method, request.path:
            case "POST", "/v1.0/directoryObjects/getByIds":
                wanted = request.get_json()["ids"]
                return _page([one for one in known if one["id"] in wanted])
            case "GET", "/v1.0/servicePrincipals":
                found = BY_NAME.search(request.args.get("$filter", ""))
                name = found["name"] if found else ""
                return _page([one for one in known if name in one["servicePrincipalNames"]])
            case "GET", "/v1.0/me":
                text = "/me request is only valid with delegated authentication flow."
                return _refused(400, "BadRequest", text)
            case _:
                text = f"The lab's directory has no {request.method} {request.path}."
                return _refused(404, "Request_ResourceNotFound", text)


def _principal(properties: dict[str, Any], identity: dict[str, Any]) -> dict[str, Any]:
    return {
        "@odata.type": "#microsoft.graph.servicePrincipal",
        "id": properties["principalId"],
        "appId": properties["clientId"],
        "displayName": identity["name"],
        "servicePrincipalType": "ManagedIdentity",
        "servicePrincipalNames": [properties["clientId"]],
    }


def _page(found: list[dict[str, Any]]) -> Response:
    return Response(json.dumps({"value": found}), mimetype="application/json")


def _refused(status: int, code: str, message: str) -> Response:
    body = {"error": {"code": code, "message": message}}
    return Response(json.dumps(body), status, mimetype="application/json")
