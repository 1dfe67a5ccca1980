"""Azure Resource Manager: resource groups and their resources.

No method waits for a long-running operation. Source: azure-mgmt-resource 26.
"""

from dataclasses import dataclass, field
from typing import Any

from clients.azure.credentials import credential_of
from clients.azure.deployments import DeploymentOperation, Deployments, DeploymentState
from clients.azure.errors import azure_errors, none_if_missing
from clients.azure.transport import arm_options
from clients.azure.validation import ArmError
from clients.errors import Refused
from clients.locked_cached_property import locked_cached_property
from clients.settings import Settings

__all__ = [
    "ArmError",
    "DeploymentOperation",
    "DeploymentState",
    "Deployments",
    "Group",
    "Resource",
    "ResourceGroups",
    "Resources",
]

NO_TAGS: dict[str, str] = {}


@dataclass(frozen=True)
class Group:
    name: str
    location: str
    tags: dict[str, str]
    provisioning_state: str


@dataclass(frozen=True)
class Resource:
    id: str
    type: str
    name: str
    tags: dict[str, str] = field(default_factory=dict[str, str])


class ResourceGroups:
    """Resource groups by name, case-insensitive. Every method may raise Transient or Refused."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @locked_cached_property
    def _client(self) -> Any:
        return _resource_client(self._settings)

    def get(self, name: str) -> Group | None:
        with none_if_missing(), azure_errors(f"resource group {name}"):
            return _group(self._client.resource_groups.get(name))

    def names(self) -> set[str]:
        """Returns the names, in lower case, of all groups that the app may see."""
        with azure_errors("the list of resource groups"):
            return {str(found.name).lower() for found in self._client.resource_groups.list()}

    def exists(self, name: str) -> bool:
        return self.get(name) is not None

    def create(self, name: str, location: str, tags: dict[str, str]) -> Group:
        """Creates the group, or replaces the tags of the existing one."""
        with azure_errors(f"resource group {name}"):
            body = {"location": location, "tags": tags}
            return _group(self._client.resource_groups.create_or_update(name, body))

    def replace_tags(self, name: str, tags: dict[str, str]) -> None:
        """Replaces all tags of the group. A group that does not exist is a success."""
        with none_if_missing(), azure_errors(f"resource group {name}"):
            self._client.resource_groups.update(name, {"tags": tags})

    def begin_delete(self, name: str) -> str | None:
        """Requests the deletion; returns the URL of the operation, or None.

        A group that does not exist is a success.
        """
        with none_if_missing(), azure_errors(f"resource group {name}"):
            begun = self._client.resource_groups.begin_delete(name, polling=False, cls=_location)
            return begun.result()


class Resources:
    """Resources of a group. Every method may raise Transient or Refused."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @locked_cached_property
    def _client(self) -> Any:
        return _resource_client(self._settings)

    def list(self, group: str) -> list[Resource]:
        """Returns every top-level resource of the group, with all its tags.

        The list is not filtered by tag: a filtered list has no tags, and whose a resource is
        depends on several of them. A disk without tags of a machine that is listed too has the
        machine's: Azure makes the OS disk, and no document says that it copies the tags.
        """
        with azure_errors(f"resources of {group}"):
            found = list(self._client.resources.list_by_resource_group(group))
        tags = {r.id.lower(): dict(r.tags or NO_TAGS) for r in found}
        machines = {r.id.lower(): str(r.managed_by or "").lower() for r in found}
        return [
            Resource(r.id, r.type, r.name, tags[own] or dict(tags.get(machines[own], NO_TAGS)))
            for r in found
            for own in [r.id.lower()]
        ]

    def begin_delete(self, resource_id: str, api_version: str | None = None) -> None:
        """Requests the deletion; a resource that does not exist is a success.

        Args:
            api_version: a version of the resource's type; None for types of Slipway's templates.

        Raises:
            Refused: ApiVersionUnknown, the type is in no template of Slipway.
        """
        version = api_version or _delete_version(resource_id)
        with none_if_missing(), azure_errors(resource_id.rpartition("/")[2]):
            self._client.resources.begin_delete_by_id(
                resource_id, api_version=version, polling=False
            )


# General availability as of 2026-08.
DELETE_VERSIONS = {
    "microsoft.network": "2025-09-01",
    "microsoft.compute/disks": "2026-03-02",
    "microsoft.compute": "2026-04-01",
}


def _delete_version(resource_id: str) -> str:
    kind = "/".join(resource_id.lower().rpartition("/providers/")[2].split("/")[:2])
    version = DELETE_VERSIONS.get(kind) or DELETE_VERSIONS.get(kind.partition("/")[0])
    if version is None:
        raise Refused("ApiVersionUnknown", f"{kind} is not a type that Slipway creates")
    return version


def _resource_client(settings: Settings) -> Any:
    from azure.mgmt.resource.resources import ResourceManagementClient

    return ResourceManagementClient(
        credential_of(settings), settings.subscription_id, **arm_options(settings)
    )


def _location(answer: Any, _: Any, __: Any) -> str | None:
    return answer.http_response.headers.get("Location")


def _group(found: Any) -> Group:
    state = found.properties.provisioning_state if found.properties else ""
    return Group(found.name, found.location, dict(found.tags or NO_TAGS), state or "Succeeded")
