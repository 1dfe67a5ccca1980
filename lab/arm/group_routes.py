"""Routes of resource groups, and lists of their resources."""

from typing import Any

from werkzeug.wrappers import Request, Response

from lab.arm import kinds
from lab.arm.errors import ArmError
from lab.arm.filters import terms
from lab.arm.groups import find_group, patch_group, put_group
from lab.arm.ids import is_extension
from lab.arm.removal import delete_group, mark_group
from lab.arm.wire import (
    GROUP,
    SUB,
    Lab,
    Route,
    answer,
    body_of,
    empty,
    page,
    result_url,
    route,
)

LISTED = ("id", "name", "type", "location", "tags", "sku", "zones", "managedBy")


class Groups:
    def __init__(self, lab: Lab) -> None:
        self._lab, self._state = lab, lab.state

    def routes(self) -> list[Route]:
        versions = kinds.GROUP_VERSIONS
        return [
            route("GET", SUB + "/resourcegroups", self._list, versions),
            route("HEAD", GROUP, self._exists, versions),
            route("GET", GROUP, self._get, versions),
            route("PUT", GROUP, self._put, versions),
            route("PATCH", GROUP, self._patch, versions),
            route("DELETE", GROUP, self._delete, versions),
            route("GET", GROUP + "/resources", self._resources, versions),
            route("GET", SUB + "/resources", self._all_resources, versions),
        ]

    def _list(self, request: Request) -> Response:
        groups = [self._state.copy_of(group) for group in list(self._state.groups.values())]
        wanted = terms(request, "tagName", "tagValue")
        return page([group for group in groups if _tagged(group, wanted)])

    def _exists(self, _: Request, group: str) -> Response:
        return empty(204 if group.lower() in self._state.groups else 404)

    def _get(self, _: Request, group: str) -> Response:
        return answer(self._state.copy_of(find_group(self._state, group)))

    def _put(self, request: Request, group: str) -> Response:
        found, new = put_group(self._state, self._lab.subscription, group, body_of(request))
        return answer(found, 201 if new else 200)

    def _patch(self, request: Request, group: str) -> Response:
        return answer(patch_group(self._state, group, body_of(request)))

    def _delete(self, request: Request, group: str) -> Response:
        found = find_group(self._state, group)
        lab = self._lab
        mark_group(self._state, found)
        operation = lab.operations.begin(
            lambda: delete_group(self._state, lab.fabric, lab.putter, found)
        )
        return empty(202, {"Location": result_url(lab, request, operation), **lab.wait()})

    def _resources(self, request: Request, group: str) -> Response:
        find_group(self._state, group)
        return self._page_of(request, self._state.in_group(group))

    def _all_resources(self, request: Request) -> Response:
        return self._page_of(request, list(self._state.resources.values()))

    def _page_of(self, request: Request, found: list[dict[str, Any]]) -> Response:
        """Returns the top-level resources that match the request's filter. In a list filtered by
        tag, resources have no tags."""
        tops = [r for r in found if r["type"].count("/") == 1 and not is_extension(r["id"])]
        wanted = terms(
            request, "tagName", "tagValue", "resourceType", "name", "location", "resourceGroup"
        )
        by_tag = "tagname" in wanted
        if by_tag and wanted.keys() - {"tagname", "tagvalue"}:
            raise ArmError(
                400, "InvalidFilterInQueryString", "A filter by tag can have no other condition."
            )
        listed = [key for key in LISTED if key != "tags" or not by_tag]
        return page([
            {key: r[key] for key in listed if key in r}
            for r in tops
            if _tagged(r, wanted) and _alike(r, wanted)
        ])  # fmt: skip


def _alike(found: dict[str, Any], wanted: dict[str, str]) -> bool:
    """Returns whether the resource matches the filter. As in Azure, values are case-insensitive."""
    own = {
        "resourcetype": found["type"],
        "name": found["name"],
        "location": found["location"],
        "resourcegroup": found["group"],
    }
    return all(
        wanted.get(key, "").lower() in ("", str(value).lower()) for key, value in own.items()
    )


def _tagged(found: dict[str, Any], wanted: dict[str, str]) -> bool:
    """Returns whether the resource has the wanted tag. Tag names are case-insensitive, values
    case-sensitive."""
    if "tagname" not in wanted:
        return True
    tags = {key.lower(): value for key, value in (found["tags"] or {}).items()}
    name = wanted["tagname"].lower()
    return name in tags and wanted.get("tagvalue", tags[name]) == tags[name]
