"""Routes of deployments, of a resource group and of the subscription.

Source: azure-mgmt-resource-deployments 2.0 (API version 2026-06-01).
"""

from typing import Any

from werkzeug.wrappers import Request, Response

from lab.arm import answers, kinds
from lab.arm.errors import ArmError
from lab.arm.groups import find_group, refuse_deleting
from lab.arm.ids import group_id, subscription_id
from lab.arm.state import UNDER_WAY
from lab.arm.whatif import compare
from lab.arm.wire import (
    GROUP,
    SUB,
    Lab,
    Route,
    answer,
    body_of,
    empty,
    here,
    page,
    result_url,
    route,
    version_of,
)

ALL = r"/providers/microsoft\.resources/deployments"
ONE = ALL + r"/(?P<name>[^/]+)"
TRIMMED_FROM = 775


class Deployments:
    """Handlers of deployment requests. `group` is empty for the subscription's own deployments."""

    def __init__(self, lab: Lab) -> None:
        self._lab, self._state = lab, lab.state

    def routes(self) -> list[Route]:
        found: list[Route] = []
        for scope in (GROUP, SUB):
            for method, path, handler in (
                ("GET", ALL, self._list),
                ("PUT", ONE, self._put),
                ("GET", ONE, self._get),
                ("HEAD", ONE, self._exists),
                ("DELETE", ONE, self._delete),
                ("POST", ONE + "/validate", self._validate),
                ("POST", ONE + "/whatif", self._what_if),
                ("POST", ONE + "/cancel", self._cancel),
                ("GET", ONE + "/operationstatuses/[^/]+", self._status),
                ("GET", ONE + "/operations", self._operations),
                ("GET", ONE + "/operations/(?P<operation>[^/]+)", self._operation),
            ):
                found.append(route(method, scope + path, handler, kinds.DEPLOYMENT_VERSIONS))
        # Clients request a group's operations without the provider's part of the path.
        short = GROUP + "/deployments/(?P<name>[^/]+)/operations"
        one = short + "/(?P<operation>[^/]+)"
        return [
            *found,
            route("GET", short, self._operations, kinds.DEPLOYMENT_VERSIONS),
            route("GET", one, self._operation, kinds.DEPLOYMENT_VERSIONS),
        ]

    def _root(self, group: str) -> str:
        subscription = self._lab.subscription
        if not group:
            return subscription_id(subscription)
        return group_id(subscription, find_group(self._state, group)["name"])

    def _id(self, group: str, name: str) -> str:
        return f"{self._root(group)}/providers/Microsoft.Resources/deployments/{name}"

    def _find(self, group: str, name: str) -> dict[str, Any]:
        found = self._state.deployments.get(self._id(group, name).lower())
        if found is None:
            raise ArmError(404, "DeploymentNotFound", f"Deployment '{name}' could not be found.")
        return found

    def _scope(self, group: str, body: dict[str, Any]) -> tuple[str, str]:
        """Returns the group's name as it is stored, and the location."""
        if group:
            found = find_group(self._state, group)
            return found["name"], found["location"]
        if not body.get("location"):
            raise ArmError(
                400, "LocationRequired", "The 'location' property is required for this deployment."
            )
        return "", str(body["location"])

    def _put(self, request: Request, name: str, group: str = "") -> Response:
        body = body_of(request)
        written, location = self._scope(group, body)
        if group:
            refuse_deleting(find_group(self._state, group), group)
        identity = self._id(group, name)
        known = identity.lower() in self._state.deployments
        accepted = self._lab.deployer.start(identity, written, location, body)
        self._trim(f"{self._root(group)}/providers/".lower())
        url = (
            f"{here(request)}{identity}/operationStatuses/{accepted['properties']['correlationId']}"
        )
        headers = {"Azure-AsyncOperation": f"{url}?api-version={version_of(request)}"}
        return answer(accepted, 200 if known else 201, {**headers, **self._lab.wait()})

    def _trim(self, prefix: str) -> None:
        """Deletes the oldest finished deployments. Azure also deletes old ones before its limit is
        reached."""
        with self._state.lock:
            own = [
                (deployment["properties"]["timestamp"], key)
                for key, deployment in self._state.deployments.items()
                if key.startswith(prefix)
                and deployment["properties"]["provisioningState"] not in UNDER_WAY
            ]
            for _, key in sorted(own)[: max(0, len(own) - TRIMMED_FROM)]:
                del self._state.deployments[key]

    def _public(self, deployment: dict[str, Any]) -> dict[str, Any]:
        found = {key: value for key, value in deployment.items() if key != "operations"}
        return self._state.copy_of(found)

    def _list(self, _: Request, group: str = "") -> Response:
        prefix = f"{self._root(group)}/providers/microsoft.resources/".lower()
        found = list(self._state.deployments.items())
        return page([self._public(value) for key, value in found if key.startswith(prefix)])

    def _get(self, _: Request, name: str, group: str = "") -> Response:
        found = self._public(self._find(group, name))
        going_on = found["properties"]["provisioningState"] in UNDER_WAY
        return answer(found, 200, self._lab.wait() if going_on else {})

    def _exists(self, _: Request, name: str, group: str = "") -> Response:
        return empty(204 if self._id(group, name).lower() in self._state.deployments else 404)

    def _delete(self, request: Request, name: str, group: str = "") -> Response:
        """Deletes the deployment's record only. The deployed resources stay."""
        key = self._id(group, name).lower()
        with self._state.change():
            found = self._state.deployments.get(key)
            if found is None:
                return empty(204)
            if found["properties"]["provisioningState"] in UNDER_WAY:
                raise ArmError(
                    409, "DeploymentActive",
                    f"The deployment '{name}' is still active: cancel it first.",
                )  # fmt: skip
            del self._state.deployments[key]
        operation = self._lab.operations.begin(lambda: None)
        location = result_url(self._lab, request, operation)
        return empty(202, {"Location": location, **self._lab.wait()})

    def _status(self, _: Request, name: str, group: str = "") -> Response:
        properties = self._public(self._find(group, name))["properties"]
        body = {"status": properties["provisioningState"]}
        if "error" in properties:
            body["error"] = properties["error"]
        return answer(body, 200, self._lab.wait() if body["status"] in UNDER_WAY else {})

    def _operations(self, _: Request, name: str, group: str = "") -> Response:
        return page(self._state.copy_of(self._find(group, name))["operations"])

    def _operation(self, _: Request, name: str, operation: str, group: str = "") -> Response:
        for found in self._state.copy_of(self._find(group, name))["operations"]:
            if found["operationId"] == operation:
                return answer(found)
        raise ArmError(404, "DeploymentOperationNotFound", f"'{operation}' could not be found.")

    def _validate(self, request: Request, name: str, group: str = "") -> Response:
        body = body_of(request)
        written, location = self._scope(group, body)
        evaluation = self._lab.deployer.check(written, location, name, body)
        template = body["properties"]["template"]
        found = answers.deployment(self._id(group, name), location, template, evaluation)
        found["properties"]["provisioningState"] = "Succeeded"
        found["properties"]["validatedResources"] = [{"id": c.id} for c in evaluation.resources]
        return answer(found)

    def _what_if(self, request: Request, name: str, group: str = "") -> Response:
        body = body_of(request)
        written, location = self._scope(group, body)
        settings = (body.get("properties") or {}).get("whatIfSettings") or {}
        full = settings.get("resultFormat", "FullResourcePayloads") == "FullResourcePayloads"

        def work() -> dict[str, Any]:
            try:
                evaluation = self._lab.deployer.check(written, location, name, body)
            except ArmError as error:
                return {"status": "Failed", "error": error.document()}
            with self._state.lock:
                found = compare(self._state, written, evaluation, full=full)
            return {"status": "Succeeded", "properties": found}

        operation = self._lab.operations.begin(work)
        location_url = result_url(self._lab, request, operation)
        return empty(202, {"Location": location_url, **self._lab.wait()})

    def _cancel(self, _: Request, name: str, group: str = "") -> Response:
        """Cancels the deployment. Resources that are being put are finished; no other one is
        started."""
        with self._state.change():
            properties = self._find(group, name)["properties"]
            if properties["provisioningState"] not in UNDER_WAY:
                raise ArmError(
                    409, "DeploymentCannotBeCancelled",
                    f"The deployment '{name}' cannot be cancelled: its provisioning state is "
                    f"'{properties['provisioningState']}'.",
                )  # fmt: skip
            properties["provisioningState"] = "Canceled"
        return empty(204)
