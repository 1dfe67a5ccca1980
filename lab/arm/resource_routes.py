"""Routes of single resources, of machines' power, and of quota and sizes."""

from typing import Any

from werkzeug.wrappers import Request, Response

from lab.arm import kinds, power
from lab.arm.catalog import LOCATIONS, skus, usages
from lab.arm.errors import ArmError
from lab.arm.filters import terms
from lab.arm.groups import find_group
from lab.arm.ids import take_apart
from lab.arm.operations import AsyncOperation
from lab.arm.removal import delete_resource, refuse_in_use, refuse_locked
from lab.arm.views import instance_view, shown
from lab.arm.wire import (
    GROUP,
    SUB,
    Lab,
    Route,
    answer,
    check_version,
    empty,
    here,
    page,
    result_url,
    route,
    version_of,
)

COMPUTE = r"/providers/microsoft\.compute"
VMS = COMPUTE + "/virtualmachines"
VM = GROUP + VMS + "/(?P<name>[^/]+)"
# The path of one resource. A path that ends with a type is a list (list_routes.py).
RESOURCE = r"(?:/.+)?/providers/[^/]+(?:/[^/]+/[^/]+)+"
SKU_VERSIONS = ("2021-07-01", "2019-04-01")


class Resources:
    def __init__(self, lab: Lab) -> None:
        self._lab, self._state = lab, lab.state

    def routes(self) -> list[Route]:
        versions = kinds.COMPUTE_VERSIONS
        region = SUB + COMPUTE + "/locations/(?P<location>[^/]+)"
        return [
            route("GET", VM, self._machine, versions),
            route("GET", VM + "/instanceview", self._instance_view, versions),
            *(route("POST", f"{VM}/(?P<action>{a})", self._power, versions) for a in power.STATES),
            route("GET", region + "/usages", self._usages, versions),
            route("GET", SUB + COMPUTE + "/skus", self._skus, SKU_VERSIONS),
            route("GET", region + "/operations/(?P<operation>[^/]+)", self._operation),
            route("GET", SUB + "/operationresults/(?P<operation>[^/]+)", self._result),
            route("GET", GROUP + RESOURCE, self._get),
            route("HEAD", GROUP + "/providers/.+", self._exists),
            route("DELETE", GROUP + "/providers/.+", self._delete),
            route("GET", SUB + RESOURCE, self._get),
            route("DELETE", SUB + "/providers/.+", self._delete),
        ]  # fmt: skip

    def _find(self, request: Request, identity: str = "") -> dict[str, Any]:
        """Returns the resource of the path. Raises ArmError if it does not exist, or if its type
        does not support the API version."""
        path = identity or request.path.rstrip("/")
        kind = take_apart(path).type.lower()
        if kind not in kinds.KINDS:
            raise ArmError(
                404, "InvalidResourceType",
                f"The resource type '{take_apart(path).type}' could not be found.",
            )  # fmt: skip
        check_version(request, kinds.wire_versions(kind))
        found = self._state.get(path)
        if found is None:
            group, name = take_apart(path).group, path.rpartition("/providers/")[2]
            if group:
                find_group(self._state, group)
            raise ArmError(
                404, "ResourceNotFound",
                f"The Resource '{name}' under resource group '{group}' was not found.",
            )  # fmt: skip
        return found

    def _get(self, request: Request, group: str = "") -> Response:
        del group
        return answer(shown(self._state, self._find(request)))

    def _exists(self, request: Request, group: str) -> Response:
        del group
        try:
            self._find(request)
        except ArmError as error:
            return empty(error.status)
        return empty(204)

    def _delete(self, request: Request, group: str = "") -> Response:
        del group
        try:
            found = self._find(request)
        except ArmError as error:
            if error.code == "ResourceNotFound":
                return empty(204)
            raise
        lab, gone = self._lab, shown(self._state, found)
        with self._state.lock:
            refuse_in_use(self._state, found)
            refuse_locked(self._state, found["id"])
            found["properties"]["provisioningState"] = "Deleting"
        operation = lab.operations.begin(
            lambda: delete_resource(self._state, lab.fabric, lab.putter, found)
        )
        if found["type"].lower() != kinds.MACHINE:
            # The deletion of anything but a machine takes no time, and the service responds at
            # once.
            operation.over.wait()
            if operation.error:
                raise operation.error
            if found["type"].lower().startswith("microsoft.authorization/role"):
                return answer(gone)
            return empty(200)
        return self._accepted(request, found, operation)

    def _accepted(
        self, request: Request, machine: dict[str, Any], operation: AsyncOperation
    ) -> Response:
        location = machine["location"]
        status = (
            f"{here(request)}/subscriptions/{self._lab.subscription}/providers/Microsoft.Compute"
            f"/locations/{location}/operations/{operation.id}?api-version={version_of(request)}"
        )
        headers = {
            "Location": result_url(self._lab, request, operation),
            "Azure-AsyncOperation": status,
        }
        return empty(202, {**headers, **self._lab.wait()})

    def _machine(self, request: Request, group: str, name: str) -> Response:
        del group, name
        found = self._find(request)
        body = shown(self._state, found)
        if "instanceview" in request.args.get("$expand", "").lower():
            body["properties"]["instanceView"] = instance_view(self._lab.fabric, found)
        return answer(body)

    def _instance_view(self, request: Request, group: str, name: str) -> Response:
        del group, name
        found = self._find(request, request.path.rpartition("/")[0])
        return answer(instance_view(self._lab.fabric, found))

    def _power(self, request: Request, group: str, name: str, action: str) -> Response:
        del group, name
        found = self._find(request, request.path.rpartition("/")[0])
        lab, verb = self._lab, action.lower()
        power.begin(self._state, found, verb)
        operation = lab.operations.begin(
            lambda: power.run(self._state, lab.fabric, lab.putter, found, verb)
        )
        return self._accepted(request, found, operation)

    def _operation(self, _: Request, location: str, operation: str) -> Response:
        del location
        found = self._lab.operations.get(operation)
        return answer(found.document(), 200, {} if found.over.is_set() else self._lab.wait())

    def _result(self, request: Request, operation: str) -> Response:
        found = self._lab.operations.get(operation)
        if not found.over.is_set():
            location = result_url(self._lab, request, found)
            return empty(202, {"Location": location, **self._lab.wait()})
        if found.error:
            raise found.error
        return answer(found.result) if found.result else empty(200)

    def _usages(self, _: Request, location: str) -> Response:
        del location
        return page(usages(self._state, self._lab.faults))

    def _skus(self, request: Request) -> Response:
        wanted = terms(request, "location").get("location")
        found = [wanted] if wanted else list(LOCATIONS)
        return page([sku for location in found for sku in skus(location, self._lab.faults)])
