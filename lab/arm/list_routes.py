"""Lists of resources of one type: in the subscription, in a group, below a parent resource, and at
a scope (locks, roles, role assignments)."""

from typing import Any

from werkzeug.wrappers import Request, Response

from lab.arm import kinds
from lab.arm.authorization import built_in_roles
from lab.arm.errors import ArmError
from lab.arm.filters import terms
from lab.arm.groups import find_group
from lab.arm.ids import parent_of, scope_of, take_apart
from lab.arm.platform_kinds import ASSIGNMENT, ROLE
from lab.arm.views import shown
from lab.arm.wire import SUB, Lab, Route, check_version, page, route

COLLECTION = (
    r"(?:/resourcegroups/(?P<group>[^/]+))?(?:/[^/]+)*?/providers/[^/]+/[^/]+(?:/[^/]+/[^/]+)*"
)
# Published types that the lab never creates. Their lists are empty; requesting them is no error.
NEVER_MADE = {
    "microsoft.compute": ("galleries", "images", "snapshots", "sshpublickeys",
        "virtualmachines/extensions", "virtualmachinescalesets"),
    "microsoft.keyvault": ("deletedmanagedhsms", "deletedvaults", "managedhsms"),
    "microsoft.network": ("applicationgateways", "applicationsecuritygroups", "azurefirewalls",
        "bastionhosts", "dnszones", "networkwatchers", "privatednszones", "privateendpoints",
        "publicipprefixes", "routetables", "virtualnetworkgateways",
        "virtualnetworks/virtualnetworkpeerings"),
}  # fmt: skip


class Lists:
    def __init__(self, lab: Lab) -> None:
        self._lab, self._state = lab, lab.state

    def routes(self) -> list[Route]:
        return [route("GET", SUB + COLLECTION, self._list)]

    def _list(self, request: Request, group: str | None) -> Response:
        path = request.path.rstrip("/")
        name = take_apart(path).type.lower()
        if group:
            find_group(self._state, group)
        if "/locations/" in f"{name}/":
            # A location is no resource: it cannot be missing as a parent is.
            raise ArmError(404, "NotFound", f"The stand-in has no 'GET {path}'.")
        parent = parent_of(f"{path}/any")
        if parent and self._state.get(parent) is None:
            raise ArmError(
                404, "ParentResourceNotFound",
                f"Failed to perform 'read' on resource(s) of type '{take_apart(path).type}', "
                "because the parent resource could not be found.",
            )  # fmt: skip
        namespace, _, rest = name.partition("/")
        kind = kinds.KINDS.get(name)
        if kind is None and rest in NEVER_MADE.get(namespace, ()):
            return page([])
        if kind is None:
            raise ArmError(
                404, "InvalidResourceType",
                f"The resource type '{take_apart(path).type}' could not be found.",
            )  # fmt: skip
        check_version(request, kinds.wire_versions(name))
        inside = f"{parent or scope_of(path)}/".lower()
        found = [
            shown(self._state, one)
            for one in self._state.of_type(name)
            if one["id"].lower().startswith(inside)
        ]
        match name:
            case str() if name == ASSIGNMENT:
                return page(_assignments(request, found))
            case str() if name == ROLE:
                return page(_roles(request, [*found, *built_in_roles(self._lab.subscription)]))
            case _:
                return page(found)


def _assignments(request: Request, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    wanted = terms(request, "principalId", "assignedTo", "atScope", "roleDefinitionId")
    scope = scope_of(request.path.rstrip("/")).lower()
    principal = wanted.get("principalid") or wanted.get("assignedto")
    return [
        one
        for one in found
        if (not principal or one["properties"]["principalId"].lower() == principal.lower())
        and ("atscope" not in wanted or scope_of(one["id"]).lower() == scope)
        and _same(wanted.get("roledefinitionid"), one["properties"]["roleDefinitionId"])
    ]


def _roles(request: Request, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    wanted = terms(request, "roleName", "type", "atScopeAndBelow", "atScope")
    return [
        one
        for one in found
        if _same(wanted.get("rolename"), one["properties"]["roleName"])
        and _same(wanted.get("type"), one["properties"].get("type", "CustomRole"))
    ]


def _same(wanted: str | None, found: str) -> bool:
    return not wanted or wanted.lower() == found.lower()
