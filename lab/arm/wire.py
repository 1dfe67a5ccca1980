"""HTTP helpers: routes, responses, and the objects that all handlers share."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Request, Response

from lab.arm.deploy import Deployer
from lab.arm.errors import ArmError
from lab.arm.faults import Faults
from lab.arm.lenient import read_lenient
from lab.arm.operations import AsyncOperation, AsyncOperations
from lab.arm.put import Putter
from lab.arm.state import ArmState
from lab.fabric import Fabric

SUB = r"/subscriptions/(?P<sub>[^/]+)"
GROUP = SUB + r"/resourcegroups/(?P<group>[^/]+)"

type Handler = Callable[..., Response]


@dataclass(frozen=True)
class Latency:
    """`resource`: seconds that each resource takes, in addition to its machine's boot.
    `retry_after`: the Retry-After of responses to poll again, in whole seconds, at least 1 (clients
    fail on any other value)."""

    resource: float = 0.0
    retry_after: int = 1


@dataclass(frozen=True)
class Lab:
    """The objects that all handlers share."""

    subscription: str
    state: ArmState
    fabric: Fabric
    faults: Faults
    putter: Putter
    deployer: Deployer
    operations: AsyncOperations = field(default_factory=AsyncOperations)
    latency: Latency = field(default_factory=Latency)

    def wait(self) -> dict[str, str]:
        return {"Retry-After": str(self.latency.retry_after)}


@dataclass(frozen=True)
class Route:
    """A method and path with their handler. `versions` are the API versions that it accepts; if
    empty, the handler checks the version."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    versions: tuple[str, ...]


def route(method: str, pattern: str, handler: Handler, versions: tuple[str, ...] = ()) -> Route:
    """Returns a route whose path is case-insensitive, as in ARM."""
    return Route(method, re.compile(pattern, re.IGNORECASE), handler, versions)


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, headers or {}, mimetype="application/json")


def empty(status: int, headers: dict[str, str] | None = None) -> Response:
    return Response("", status, headers or {})


def page(items: list[Any]) -> Response:
    return answer({"value": items})


def body_of(request: Request) -> dict[str, Any]:
    """Returns the request's body. Raises ArmError if it is not a JSON object."""
    try:
        found = read_lenient(request.get_data().decode())
    except ValueError as error:
        raise ArmError(
            400, "InvalidRequestContent", f"The request content was invalid: '{error}'."
        ) from None
    if not isinstance(found, dict):
        raise ArmError(400, "InvalidRequestContent", "The request content is no JSON object.")
    return found


def version_of(request: Request) -> str:
    found = next((v for k, v in request.args.items() if k.lower() == "api-version"), None)
    if not found:
        raise ArmError(
            400, "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )  # fmt: skip
    return found


def check_version(request: Request, versions: tuple[str, ...]) -> None:
    found = version_of(request)
    if versions and found not in versions:
        raise ArmError(
            400, "InvalidApiVersionParameter",
            f"The api-version '{found}' is invalid. The supported versions are "
            f"'{','.join(versions)}'.",
        )  # fmt: skip


def here(request: Request) -> str:
    """Returns the service's own URL, as the client knows it."""
    return f"https://{request.headers.get('X-Forwarded-Host') or request.host}"


def result_url(lab: Lab, request: Request, operation: AsyncOperation) -> str:
    return (
        f"{here(request)}/subscriptions/{lab.subscription}/operationresults/{operation.id}"
        f"?api-version={version_of(request)}"
    )
