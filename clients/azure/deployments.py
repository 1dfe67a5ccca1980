"""Deployments of a resource group: started and polled, never waited for.

Limits: 800 deployments kept per group, polling one operation at most 15 times a minute, template
and parameters 4 MB each. Sources: ARM service limits; azure-mgmt-resource-deployments 2.0 (API
version 2026-06-01).
"""

from dataclasses import dataclass, field
from typing import Any

from clients.azure import validation
from clients.azure.credentials import credential_of
from clients.azure.errors import azure_errors, leaves, none_if_missing, retry_after
from clients.azure.transport import arm_options
from clients.azure.validation import ArmError
from clients.errors import Refused, Transient
from clients.locked_cached_property import locked_cached_property
from clients.settings import Settings
from cluster.presentable import presentable

ENDED = ("Succeeded", "Failed", "Canceled")


@dataclass(frozen=True)
class DeploymentState:
    """`state`: Accepted, Running, Succeeded, Failed or Canceled. `retry_after` in seconds.
    `tags`: as those of a `ListedDeployment`."""

    state: str
    outputs: dict[str, Any]
    error: ArmError | None = None
    retry_after: float | None = None
    tags: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class ListedDeployment:
    """A deployment of a group. `tags`: those that it gives its resources, if it is one of
    Slipway's; they say whose it is."""

    name: str
    state: str
    tags: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class DeploymentOperation:
    """The operation of a deployment on one resource; `resource` is the resource's name."""

    resource: str
    state: str
    error: ArmError | None = None


class Deployments:
    """Deployments of a resource group. Every method may raise Transient or Refused."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @locked_cached_property
    def _client(self) -> Any:
        from azure.mgmt.resource.deployments import DeploymentsMgmtClient

        return DeploymentsMgmtClient(
            credential_of(self._settings),
            self._settings.subscription_id,
            **arm_options(self._settings),
        )

    def start(
        self, group: str, name: str, template: dict[str, Any], parameters: dict[str, Any]
    ) -> None:
        """Starts the deployment; a running one of that name is a success."""
        try:
            with azure_errors(f"deployment {name}"):
                self._client.deployments.begin_create_or_update(
                    group, name, validation.body(template, parameters), polling=False
                )
        except Refused as error:
            if error.code != "DeploymentActive":
                raise

    def get(self, group: str, name: str) -> DeploymentState | None:
        """The deployment, or None. The error of a failed one names the resources that failed."""
        with none_if_missing(), azure_errors(f"deployment {name}"):
            found, response = self._client.deployments.get(group, name, cls=_with_response)
            properties: dict[str, Any] = found.as_dict().get("properties") or {}
            outputs: dict[str, Any] = properties.get("outputs") or {}
            state = str(properties.get("provisioningState") or "Running")
            return DeploymentState(
                state=state,
                outputs={key: value.get("value") for key, value in outputs.items()},
                error=self._failure(group, name, properties) if state == "Failed" else None,
                retry_after=retry_after(response),
                tags=_owner_tags(properties),
            )

    def active(self, group: str) -> list[ListedDeployment]:
        """The group's deployments that have not ended."""
        return [one for one in self.every(group) if one.state not in ENDED]

    def every(self, group: str) -> list[ListedDeployment]:
        """The deployments that ARM keeps of the group, ended or not."""
        with azure_errors(f"deployments of {group}"):
            found = self._client.deployments.list_by_resource_group(group)
            return [_listed(one.as_dict()) for one in found]

    def operations(self, group: str, name: str) -> list[DeploymentOperation]:
        """One for each resource so far, in ARM's order; empty if the deployment does not exist."""
        with none_if_missing(), azure_errors(f"deployment {name}"):
            found = self._client.deployment_operations.list(group, name)
            return [o for o in (_operation(item.as_dict()) for item in found) if o.resource]
        return []

    def cancel(self, group: str, name: str) -> None:
        """Requests the cancellation; a deployment that has ended is a success."""
        try:
            with none_if_missing(), azure_errors(f"deployment {name}"):
                self._client.deployments.cancel(group, name)
        except Refused as error:
            if error.code not in ("DeploymentCannotBeCancelled", "Http409"):
                raise

    def validate(
        self, group: str, template: dict[str, Any], parameters: dict[str, Any]
    ) -> list[ArmError]:
        """Validates a deployment in an existing group: one error for each root cause."""
        return validation.ask(
            self._client,
            f"/subscriptions/{self._settings.subscription_id}/resourcegroups/{group}",
            validation.body(template, parameters),
        )

    def validate_new_group(
        self, location: str, group: str, template: dict[str, Any], parameters: dict[str, Any]
    ) -> list[ArmError]:
        """Validates a deployment in a group that does not exist yet."""
        wrapper = validation.in_new_group(location, group, template, parameters)
        return validation.ask(
            self._client,
            f"/subscriptions/{self._settings.subscription_id}",
            {"location": location, **validation.body(wrapper, {})},
        )

    def _failure(self, group: str, name: str, properties: dict[str, Any]) -> ArmError:
        try:
            failed = [o for o in self.operations(group, name) if o.error]
        except (Transient, Refused):
            failed = []  # the deployment's own error is less precise, but sufficient
        causes = [
            (code, f"{operation.resource}: {text}")
            for operation in failed
            if operation.error
            for code, _, text in (detail.partition(": ") for detail in operation.error.details)
        ]
        return _arm_error(causes or leaves(properties.get("error")))


def _with_response(answer: Any, model: Any, _: Any) -> tuple[Any, Any]:
    return model, answer.http_response


def _listed(item: dict[str, Any]) -> ListedDeployment:
    properties: dict[str, Any] = item.get("properties") or {}
    state = str(properties.get("provisioningState") or "")
    return ListedDeployment(str(item["name"]), state, _owner_tags(properties))


def _owner_tags(properties: dict[str, Any]) -> dict[str, str]:
    parameters: dict[str, Any] = properties.get("parameters") or {}
    owner: dict[str, Any] = parameters.get("ownerTags") or {}
    tags: dict[str, str] = owner.get("value") or {}
    return tags


def _operation(item: dict[str, Any]) -> DeploymentOperation:
    properties: dict[str, Any] = item.get("properties") or {}
    target: dict[str, Any] = properties.get("targetResource") or {}
    state = str(properties.get("provisioningState") or "")
    causes = leaves(properties.get("statusMessage")) if state == "Failed" else []
    return DeploymentOperation(
        str(target.get("resourceName") or ""), state, _arm_error(causes) if causes else None
    )


def _arm_error(causes: list[tuple[str, str]]) -> ArmError:
    shown = [(code, presentable(text)) for code, text in causes] or [
        ("Failed", "ARM gives no details")
    ]
    return ArmError(*shown[0], [f"{code}: {text}" for code, text in shown])
