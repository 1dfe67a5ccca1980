"""The HTTP interface: resource groups, deployments, resources, virtual machines, quota and sizes.

The wire formats follow the service's REST reference and recorded exchanges; see
lab/tests/arm/test_shapes.py.
"""

import re
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from lab.arm.deploy import Deployer
from lab.arm.deployment_routes import Deployments
from lab.arm.errors import ArmError
from lab.arm.fabric_errors import of_fabric
from lab.arm.faults import Faults, InjectedError
from lab.arm.group_routes import Groups
from lab.arm.list_routes import Lists
from lab.arm.put import Putter
from lab.arm.resource_routes import Resources
from lab.arm.state import ArmState
from lab.arm.subscription_routes import Subscriptions
from lab.arm.throttle import Throttle
from lab.arm.wire import Lab, Latency, answer, check_version
from lab.fabric import Fabric


class ArmService:
    """The WSGI application for one subscription. `authorize` raises ArmError for a request without
    a valid token. `clock`, in seconds, refills the throttle's buckets."""

    def __init__(
        self,
        state_dir: Path,
        fabric: Fabric,
        subscription: str,
        authorize: Callable[[str | None], None] = lambda _: None,
        *,
        clock: Callable[[], float] = time.monotonic,
        latency: Latency | None = None,
    ) -> None:
        self.state = ArmState(state_dir / "arm.json")
        self.fabric, self.faults = fabric, Faults()
        self.subscription = subscription
        waits = latency or Latency()
        putter = Putter(self.state, fabric, self.faults, waits.resource)
        self.deployer = Deployer(self.state, putter, subscription)
        self._authorize, self._throttle = authorize, Throttle(clock)
        lab = Lab(
            subscription, self.state, fabric, self.faults, putter, self.deployer, latency=waits
        )
        self._routes = [
            *Deployments(lab).routes(), *Groups(lab).routes(), *Subscriptions(lab).routes(),
            *Resources(lab).routes(),
            *Lists(lab).routes(),
        ]  # fmt: skip

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        response = self._answer(Request(environ))
        request_id = str(uuid.uuid4())
        response.headers["Cache-Control"] = "no-cache"
        response.headers["x-ms-request-id"] = request_id
        response.headers["x-ms-correlation-request-id"] = request_id
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        left: dict[str, str] = {}
        try:
            self._authorize(request.headers.get("Authorization"))
            self.faults.on_request(request.method, request.path)
            left = self._throttle.pass_one(request.method)
            response = self._dispatch(request)
        except ArmError as error:
            response = _refusal(error)
        except HTTPException as error:
            response = _refusal(ArmError(error.code or 400, "BadRequest", str(error.description)))
        except Exception as error:
            response = _refusal(of_fabric(error))
        response.headers.update(left)
        return response

    def _dispatch(self, request: Request) -> Response:
        # Clients send some paths with two slashes (`Microsoft.Web//sites`). ARM treats them as one.
        path = re.sub("//+", "/", request.path.rstrip("/"))
        request.path = path
        for found in self._routes:
            match = found.pattern.fullmatch(path) if found.method == request.method else None
            if match is None:
                continue
            check_version(request, found.versions)
            names = match.groupdict()
            if names.pop("sub", self.subscription).lower() != self.subscription.lower():
                raise ArmError(404, "SubscriptionNotFound", "The subscription could not be found.")
            return found.handler(request, **names)
        raise ArmError(404, "NotFound", f"The stand-in has no '{request.method} {request.path}'.")


def _refusal(error: ArmError) -> Response:
    headers: dict[str, str] = {}
    if isinstance(error, InjectedError):
        headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        headers["WWW-Authenticate"] = (
            'Bearer authorization_uri="https://login.microsoftonline.com/common", '
            'error="invalid_token", error_description="The access token is missing or invalid."'
        )
    return answer({"error": error.document()}, error.status, headers)
