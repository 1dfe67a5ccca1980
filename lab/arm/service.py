"""The HTTP face: resource groups, deployments, resources, virtual machines, quota and sizes.

Wire formats after the service's REST reference and recorded exchanges; see tests/arm_standin.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Request, Response

from lab.arm import compute
from lab.arm.deploy import Deployer
from lab.arm.errors import ArmError
from lab.arm.faults import Faults
from lab.arm.removal import delete_group, delete_resource
from lab.arm.state import ArmState
from lab.fabric import Fabric

SUB = r"/subscriptions/(?P<sub>[^/]+)"
GROUP = SUB + r"/resourcegroups/(?P<group>[^/]+)"
DEPLOYMENT = r"/providers/microsoft\.resources/deployments/(?P<name>[^/]+)"
VMS = GROUP + r"/providers/microsoft\.compute/virtualmachines"
COMPUTE = r"/providers/microsoft\.compute"
SECONDS = {"Retry-After": "1"}
ENDED = ("Succeeded", "Failed", "Canceled")

type Handler = Callable[..., Response]


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, headers or {}, mimetype="application/json")


class ArmService:
    """One subscription. `authorize` raises ArmError for a request without a right token."""

    def __init__(
        self,
        state_dir: Path,
        fabric: Fabric,
        subscription: str,
        authorize: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        self.state = ArmState(state_dir / "arm.json")
        self.fabric, self.faults = fabric, Faults()
        self.subscription = subscription
        self.deployer = Deployer(self.state, fabric, self.faults, subscription)
        self._authorize = authorize
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = [
            (method, re.compile(pattern, re.IGNORECASE), handler)
            for method, pattern, handler in (
                ("GET", SUB + r"/resourcegroups", self._groups),
                ("GET", GROUP, self._group),
                ("HEAD", GROUP, self._group),
                ("PUT", GROUP, self._put_group),
                ("PATCH", GROUP, self._put_group),
                ("DELETE", GROUP, self._delete_group),
                ("GET", GROUP + r"/resources", self._resources),
                ("PUT", GROUP + DEPLOYMENT, self._put_deployment),
                ("GET", GROUP + DEPLOYMENT, self._deployment),
                ("POST", GROUP + DEPLOYMENT + "/validate", self._validate),
                ("POST", GROUP + DEPLOYMENT + "/cancel", self._cancel),
                ("POST", SUB + DEPLOYMENT + "/validate", self._validate_subscription),
                ("GET", GROUP + r"/deployments/(?P<name>[^/]+)/operations", self._operations),
                ("GET", GROUP + DEPLOYMENT + r"/operationstatuses/[^/]+", self._status),
                ("GET", VMS, self._machines),
                ("GET", VMS + "/(?P<name>[^/]+)", self._machine),
                ("POST", VMS + "/(?P<name>[^/]+)/(?P<verb>start|deallocate|restart|poweroff)",
                 self._power),
                ("GET", SUB + COMPUTE + r"/locations/[^/]+/usages", self._usages),
                ("GET", SUB + COMPUTE + r"/skus", self._skus),
                ("GET", SUB + r"/operationresults/[^/]+", self._no_content),
                ("DELETE", GROUP + r"/providers/.+", self._delete),
                ("GET", GROUP + r"/providers/.+", self._resource),
            )
        ]  # fmt: skip

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self._dispatch(Request(environ))(environ, start_response)

    def _dispatch(self, request: Request) -> Response:
        try:
            self._authorize(request.headers.get("Authorization"))
            if "api-version" not in {key.lower() for key in request.args}:
                raise ArmError(400, "MissingApiVersionParameter", "api-version is required")
            self.faults.on_request()
            for method, pattern, handler in self._routes:
                match = pattern.fullmatch(request.path.rstrip("/"))
                if match and method == request.method:
                    names = match.groupdict()
                    if names.pop("sub", "").lower() != self.subscription.lower():
                        raise ArmError(404, "SubscriptionNotFound", "the subscription is unknown")
                    return handler(request, **names)
            raise ArmError(404, "InvalidResourceType", f"{request.method} {request.path}")
        except ArmError as error:
            headers = SECONDS if error.status == 429 else {}
            if error.status == 401:
                headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return answer({"error": error.document()}, error.status, headers)

    # -- groups ------------------------------------------------------------------------------

    def _find_group(self, group: str) -> dict[str, Any]:
        found = self.state.groups.get(group.lower())
        if found is None:
            message = f"Resource group '{group}' could not be found."
            raise ArmError(404, "ResourceGroupNotFound", message)
        return found

    def _groups(self, _: Request) -> Response:
        return answer({"value": list(self.state.groups.values())})

    def _group(self, _: Request, group: str) -> Response:
        return answer(self._find_group(group))

    def _put_group(self, request: Request, group: str) -> Response:
        body = request.get_json()
        with self.state.lock:
            old = self.state.groups.get(group.lower())
            if old and body.get("location", old["location"]) != old["location"]:
                raise ArmError(
                    409, "InvalidResourceGroupLocation", f"'{group}' is in {old['location']}"
                )
            found = {
                "id": f"/subscriptions/{self.subscription}/resourceGroups/{group}",
                "name": old["name"] if old else group,
                "type": "Microsoft.Resources/resourceGroups",
                "location": body.get("location") or (old or {})["location"],
                "tags": body.get("tags", (old or {}).get("tags", {})),
                "properties": {"provisioningState": "Succeeded"},
            }
            self.state.groups[group.lower()] = found
        self.state.save()
        return answer(found, 200 if old else 201)

    def _delete_group(self, request: Request, group: str) -> Response:
        found = self._find_group(group)
        found["properties"]["provisioningState"] = "Deleting"
        threading.Thread(
            target=delete_group, args=(self.state, self.fabric, self.deployer, group), daemon=True
        ).start()
        location = f"https://{_host(request)}/subscriptions/{self.subscription}/operationresults/1"
        return Response("", 202, {"Location": f"{location}?api-version=2025-04-01", **SECONDS})

    def _no_content(self, _: Request) -> Response:
        return Response("", 204)

    # -- deployments -------------------------------------------------------------------------

    def _key(self, group: str, name: str) -> str:
        root = f"/subscriptions/{self.subscription}/resourceGroups/{group}"
        return f"{root}/providers/Microsoft.Resources/deployments/{name}"

    def _put_deployment(self, request: Request, group: str, name: str) -> Response:
        found = self._find_group(group)
        if found["properties"]["provisioningState"] == "Deleting":
            raise ArmError(409, "ResourceGroupBeingDeleted", f"'{group}' is being deleted")
        key = self._key(found["name"], name)
        old = self.state.deployments.get(key.lower())
        if old and old["properties"]["provisioningState"] not in ENDED:
            raise ArmError(409, "DeploymentActive", f"The deployment '{name}' is still running.")
        deployment = self.deployer.start(key, found["name"], name, request.get_json())
        status = f"https://{_host(request)}{key}/operationStatuses/1?api-version=2025-04-01"
        headers = {"Azure-AsyncOperation": status, **SECONDS}
        return answer(_public(deployment), 200 if old else 201, headers)

    def _find_deployment(self, group: str, name: str) -> dict[str, Any]:
        self._find_group(group)
        found = self.state.deployments.get(self._key(group, name).lower())
        if found is None:
            raise ArmError(404, "DeploymentNotFound", f"Deployment '{name}' could not be found.")
        return found

    def _deployment(self, _: Request, group: str, name: str) -> Response:
        return answer(_public(self._find_deployment(group, name)))

    def _status(self, _: Request, group: str, name: str) -> Response:
        properties = self._find_deployment(group, name)["properties"]
        body = {"status": properties["provisioningState"]}
        if "error" in properties:
            body["error"] = properties["error"]
        return answer(body, 200, {} if body["status"] in ENDED else SECONDS)

    def _operations(self, _: Request, group: str, name: str) -> Response:
        return answer({"value": self._find_deployment(group, name)["operations"]})

    def _validate(self, request: Request, group: str, name: str) -> Response:
        found = self._find_group(group)
        return self._verdict(found["name"], found["location"], name, request)

    def _validate_subscription(self, request: Request, name: str) -> Response:
        return self._verdict("", str(request.get_json().get("location")), name, request)

    def _verdict(self, group: str, location: str, name: str, request: Request) -> Response:
        try:
            evaluation = self.deployer.check(group, location, request.get_json())
        except ArmError as error:
            if error.status == 404:
                raise
            return answer({"error": error.document()}, 400)
        return answer(
            {
                "id": self._key(group, name),
                "name": name,
                "type": "Microsoft.Resources/deployments",
                "properties": {
                    "mode": "Incremental",
                    "provisioningState": "Succeeded",
                    "validatedResources": [{"id": c.id} for c in evaluation.resources],
                },
            }
        )

    def _cancel(self, _: Request, group: str, name: str) -> Response:
        properties = self._find_deployment(group, name)["properties"]
        if properties["provisioningState"] in ENDED:
            raise ArmError(409, "DeploymentCannotBeCancelled", f"'{name}' is not running")
        properties["provisioningState"] = "Canceled"
        self.state.save()
        return Response("", 204)

    # -- resources ---------------------------------------------------------------------------

    def _resources(self, request: Request, group: str) -> Response:
        self._find_group(group)
        found = self.state.in_group(group)
        text = request.args.get("$filter", "")
        match = re.fullmatch(r"tagName eq '([^']*)' and tagValue eq '([^']*)'", text)
        if text and not match:
            raise ArmError(400, "InvalidFilterInQueryString", f"'{text}'")
        if match:
            found = [r for r in found if r["tags"].get(match[1]) == match[2]]
        keys = ("id", "name", "type", "location", "tags")
        tops = [r for r in found if r["type"].count("/") == 1]
        return answer({"value": [{key: r[key] for key in keys} for r in tops]})

    def _find(self, identity: str) -> dict[str, Any]:
        found = self.state.get(identity)
        if found is None:
            raise ArmError(404, "ResourceNotFound", f"The Resource '{identity}' was not found.")
        return found

    def _resource(self, request: Request, group: str) -> Response:
        del group
        return answer(_shown(self._find(request.path)))

    def _delete(self, request: Request, group: str) -> Response:
        del group
        found = self.state.get(request.path)
        if found is None:
            return Response("", 204)
        delete_resource(self.state, self.fabric, found)
        self.deployer.refresh_network()
        self.state.save()
        return Response("", 200)

    def _machines(self, _: Request, group: str) -> Response:
        self._find_group(group)
        kind = "microsoft.compute/virtualmachines"
        found = [r for r in self.state.in_group(group) if r["type"].lower() == kind]
        return answer({"value": [_shown(r) for r in found]})

    def _machine(self, request: Request, group: str, name: str) -> Response:
        del group, name
        shown = _shown(self._find(request.path))
        if "instanceview" in request.args.get("$expand", "").lower():
            view = compute.instance_view(self.fabric, shown["id"])
            shown["properties"] = {**shown["properties"], "instanceView": view}
        return answer(shown)

    def _power(self, request: Request, group: str, name: str, verb: str) -> Response:
        del group, name
        found = self._find(request.path.rpartition("/")[0])
        machine = compute.machine_id(found["id"])
        action = {
            "start": self.fabric.start,
            "restart": self.fabric.restart,
            "deallocate": self.fabric.stop,
            "poweroff": self.fabric.stop,
        }[verb.lower()]
        threading.Thread(target=action, args=(machine,), daemon=True).start()
        time.sleep(0)
        location = f"https://{_host(request)}/subscriptions/{self.subscription}/operationresults/1"
        return Response("", 202, {"Location": f"{location}?api-version=2026-04-01", **SECONDS})

    def _usages(self, _: Request) -> Response:
        return answer({"value": compute.usages(self.state, self.faults.quota)})

    def _skus(self, request: Request) -> Response:
        match = re.search(r"location eq '([^']+)'", request.args.get("$filter", ""))
        location = match[1] if match else "westeurope"
        return answer({"value": compute.skus(location, self.faults.restricted)})


def _host(request: Request) -> str:
    return request.headers.get("X-Forwarded-Host") or request.host


def _public(deployment: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in deployment.items() if key != "operations"}


def _shown(resource: dict[str, Any]) -> dict[str, Any]:
    """As GET answers: customData is never returned."""
    hidden = {"body", "group"}
    shown = {key: value for key, value in resource.items() if key not in hidden}
    profile = shown["properties"].get("osProfile")
    if profile:
        kept = {key: value for key, value in profile.items() if key != "customData"}
        shown["properties"] = {**shown["properties"], "osProfile": kept}
    return shown
