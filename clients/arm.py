"""Azure Resource Manager: resource groups, deployments, resources. Nothing here waits.

Limits: 800 deployments kept per group, polling one operation at most 15 times a minute, template
and parameters 4 MB each. Sources: ARM service limits; azure-mgmt-resource-deployments 2.0.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from clients.answers import azure_errors, root_causes
from clients.credentials import credential_of
from clients.errors import Refused
from clients.settings import Settings
from clients.transport import client_options

MISSING = ("ResourceGroupNotFound", "DeploymentNotFound", "ResourceNotFound", "Http404")
NO_TAGS: dict[str, str] = {}


@dataclass(frozen=True)
class Group:
    name: str
    location: str
    tags: dict[str, str]
    provisioning_state: str


@dataclass(frozen=True)
class ArmError:
    """`message` is the first root cause, `details` are the others."""

    code: str
    message: str
    details: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class DeploymentState:
    """`state`: Accepted, Running, Succeeded, Failed or Canceled."""

    state: str
    outputs: dict[str, Any]
    error: ArmError | None = None
    retry_after: float | None = None


@dataclass(frozen=True)
class Resource:
    id: str
    type: str
    name: str
    tags: dict[str, str]


def _not_found(error: Refused) -> bool:
    return error.code in (
        "ResourceGroupNotFound",
        "DeploymentNotFound",
        "ResourceNotFound",
        "Http404",
    )


class ResourceGroups:
    """Groups by name, without regard to case."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _client(self) -> Any:
        from azure.mgmt.resource.resources import ResourceManagementClient

        return ResourceManagementClient(
            credential_of(self._settings),
            self._settings.subscription_id,
            **client_options(self._settings),
        )

    def get(self, name: str) -> Group | None:
        try:
            with azure_errors(f"resource group {name}"):
                return _group(self._client.resource_groups.get(name))
        except Refused as error:
            if _not_found(error):
                return None
            raise

    def exists(self, name: str) -> bool:
        return self.get(name) is not None

    def create(self, name: str, location: str, tags: dict[str, str]) -> Group:
        with azure_errors(f"resource group {name}"):
            body = {"location": location, "tags": tags}
            return _group(self._client.resource_groups.create_or_update(name, body))

    def begin_delete(self, name: str) -> None:
        """Accepted, not waited for; a group that is gone already is a success."""
        try:
            with azure_errors(f"resource group {name}"):
                self._client.resource_groups.begin_delete(name, polling=False)
        except Refused as error:
            if not _not_found(error):
                raise


class Deployments:
    """Deployments inside a resource group."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _client(self) -> Any:
        from azure.mgmt.resource.deployments import DeploymentsMgmtClient

        return DeploymentsMgmtClient(
            credential_of(self._settings),
            self._settings.subscription_id,
            **client_options(self._settings),
        )

    def start(
        self, group: str, name: str, template: dict[str, Any], parameters: dict[str, Any]
    ) -> None:
        """Puts the deployment; one of that name that is running already is a success."""
        try:
            with azure_errors(f"deployment {name}"):
                self._client.deployments.begin_create_or_update(
                    group, name, _body(template, parameters), polling=False
                )
        except Refused as error:
            if error.code != "DeploymentActive":
                raise

    def get(self, group: str, name: str) -> DeploymentState | None:
        try:
            with azure_errors(f"deployment {name}"):
                found = self._client.deployments.get(group, name).as_dict()
        except Refused as error:
            if _not_found(error):
                return None
            raise
        properties: dict[str, Any] = found.get("properties") or {}
        outputs: dict[str, Any] = properties.get("outputs") or {}
        state = str(properties.get("provisioningState") or "Running")
        error = properties.get("error")
        return DeploymentState(
            state=state,
            outputs={key: value.get("value") for key, value in outputs.items()},
            error=_error(cast(dict[str, Any], error)) if error and state == "Failed" else None,
        )

    def cancel(self, group: str, name: str) -> None:
        """A deployment that has ended meanwhile cannot be cancelled, and need not be."""
        try:
            with azure_errors(f"deployment {name}"):
                self._client.deployments.cancel(group, name)
        except Refused as error:
            if not (_not_found(error) or "Cancel" in error.code or error.code == "Http409"):
                raise

    def validate(
        self, group: str, template: dict[str, Any], parameters: dict[str, Any]
    ) -> list[ArmError]:
        """What ARM would refuse; the group must exist."""
        with azure_errors("template validation"):
            return _verdict(
                lambda: self._client.deployments.begin_validate(
                    group, "slipway-validation", _body(template, parameters)
                ).result()
            )

    def validate_new_group(
        self, location: str, group: str, template: dict[str, Any], parameters: dict[str, Any]
    ) -> list[ArmError]:
        """The same for a group that does not exist: a subscription deployment that would create
        it, with the template nested inside (inner scope, so that secure values stay secure)."""
        wrapper = _in_new_group(location, group, template, parameters)
        body = {"location": location, **_body(wrapper, {})}
        with azure_errors("template validation"):
            return _verdict(
                lambda: self._client.deployments.begin_validate_at_subscription_scope(
                    "slipway-validation", body
                ).result()
            )


class Resources:
    """Resources of a group by tag, and their removal by id."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _client(self) -> Any:
        return ResourceGroups(self._settings)._client  # pyright: ignore[reportPrivateUsage]

    def list(self, group: str, tag: str, value: str) -> list[Resource]:
        with azure_errors(f"resources of {group}"):
            found = self._client.resources.list_by_resource_group(
                group, filter=f"tagName eq '{tag}' and tagValue eq '{value}'"
            )
            return [Resource(r.id, r.type, r.name, dict(r.tags or NO_TAGS)) for r in found]

    def begin_delete(self, resource_id: str) -> None:
        try:
            with azure_errors(resource_id.rpartition("/")[2]):
                self._client.resources.begin_delete_by_id(
                    resource_id, api_version=_delete_version(resource_id), polling=False
                )
        except Refused as error:
            if not _not_found(error):
                raise


# A delete names an API version of its own; general availability as of 2026-08.
DELETE_VERSIONS = {
    "microsoft.network": "2025-09-01",
    "microsoft.compute/disks": "2026-03-02",
    "microsoft.compute": "2026-04-01",
}


def _delete_version(resource_id: str) -> str:
    kind = "/".join(resource_id.lower().split("/providers/")[-1].split("/")[:2])
    return DELETE_VERSIONS.get(kind) or DELETE_VERSIONS[kind.partition("/")[0]]


def _group(found: Any) -> Group:
    state = found.properties.provisioning_state if found.properties else ""
    return Group(found.name, found.location, dict(found.tags or NO_TAGS), state or "Succeeded")


def _body(template: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {"mode": "Incremental", "template": template, "parameters": parameters}}


def _error(document: dict[str, Any]) -> ArmError:
    return ArmError(*root_causes(document))


def _verdict(ask: Any) -> list[ArmError]:
    """A refused template is a 400 whose body is the verdict, not a fault of the call."""
    from azure.core.exceptions import HttpResponseError

    from clients.answers import error_document

    try:
        answer: dict[str, Any] = ask().as_dict()
    except HttpResponseError as error:
        if error.status_code not in (200, 400):
            raise
        answer = {"error": error_document(error)}
    return list(_faults(answer))


def _faults(answer: dict[str, Any]) -> Iterator[ArmError]:
    if error := answer.get("error"):
        first = _error(error)
        yield ArmError(first.code, first.message)
        for text in first.details:
            yield ArmError(text.partition(":")[0], text.partition(": ")[2] or text)


def _in_new_group(
    location: str, group: str, template: dict[str, Any], parameters: dict[str, Any]
) -> dict[str, Any]:
    return {
        "$schema": "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [
            {
                "type": "Microsoft.Resources/resourceGroups",
                "apiVersion": "2025-04-01",
                "name": group,
                "location": location,
                "properties": {},
            },
            {
                "type": "Microsoft.Resources/deployments",
                "apiVersion": "2025-04-01",
                "name": "slipway-validation-inner",
                "resourceGroup": group,
                "dependsOn": [
                    f"[subscriptionResourceId('Microsoft.Resources/resourceGroups', '{group}')]"
                ],
                "properties": {
                    "mode": "Incremental",
                    "expressionEvaluationOptions": {"scope": "inner"},
                    "template": template,
                    "parameters": parameters,
                },
            },
        ],
    }
