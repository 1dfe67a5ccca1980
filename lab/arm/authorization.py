"""Role definitions and role assignments: the requests that Microsoft.Authorization rejects.

The built-in roles are those that the project's templates use. Any other id is rejected as unknown.
Source: Microsoft's list of built-in roles.
"""

import re
import uuid
from typing import Any

from lab.arm import platform_kinds as kinds
from lab.arm.concrete import Concrete
from lab.arm.errors import ArmError
from lab.arm.ids import scope_of
from lab.arm.state import ArmState

BUILT_IN = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "0ad04412-c4d5-4796-b79c-f76d14c8d402": "Durable Task Data Contributor",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
}
ACTION = re.compile(r"\*|[A-Za-z]+\.[A-Za-z.]+(/[A-Za-z*]+)+")


def built_in_roles(subscription: str) -> list[dict[str, Any]]:
    """Returns the built-in roles as a list response shows them, without their permissions."""
    root = f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions"
    return [
        {
            "id": f"{root}/{name}",
            "type": "Microsoft.Authorization/roleDefinitions",
            "name": name,
            "properties": {
                "roleName": role,
                "type": "BuiltInRole",
                "description": role,
                "assignableScopes": ["/"],
                "permissions": [],
            },
        }
        for name, role in BUILT_IN.items()
    ]


def check_role(state: ArmState, concrete: Concrete, properties: dict[str, Any]) -> None:
    """Checks a role definition. Raises ArmError."""
    _need_guid(concrete)
    for permission in properties["permissions"]:
        for part, actions in permission.items():
            for action in actions:
                if not ACTION.fullmatch(action):
                    raise ArmError(
                        400, "InvalidActionOrNotAction",
                        f"'{action}' among the {part} of role '{properties['roleName']}' does not "
                        "match any of the actions supported by the providers.",
                    )  # fmt: skip
    for other in state.of_type(kinds.ROLE):
        same = other["properties"]["roleName"].lower() == properties["roleName"].lower()
        if same and other["id"].lower() != concrete.id.lower():
            raise ArmError(
                409, "RoleDefinitionWithSameNameExists",
                f"A custom role with the same name already exists in this directory: "
                f"'{properties['roleName']}'. Use a different name.",
            )  # fmt: skip


def check_assignment(state: ArmState, concrete: Concrete, properties: dict[str, Any]) -> None:
    """Checks a role assignment. Raises ArmError."""
    _need_guid(concrete)
    principal, role = properties["principalId"], properties["roleDefinitionId"]
    _need_principal(state, principal)
    scope = scope_of(concrete.id).lower()
    _need_role(state, role, scope)
    for other in state.of_type(kinds.ASSIGNMENT):
        theirs = other["properties"]
        same = (theirs["principalId"], theirs["roleDefinitionId"].lower())
        itself = other["id"].lower() == concrete.id.lower()
        if itself and same != (principal, role.lower()):
            raise ArmError(
                400, "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            )  # fmt: skip
        here = scope_of(other["id"]).lower() == scope
        if not itself and here and same == (principal, role.lower()):
            raise ArmError(
                409, "RoleAssignmentExists",
                f"The role assignment already exists. The ID of the existing role assignment is "
                f"{other['name']}.",
            )  # fmt: skip


def _need_guid(concrete: Concrete) -> None:
    try:
        uuid.UUID(concrete.name)
    except ValueError:
        raise ArmError(
            400, "InvalidRoleAssignmentId",
            f"The ID '{concrete.name}' of a {concrete.type} must be a GUID.",
        ) from None  # fmt: skip


def _need_principal(state: ArmState, principal: str) -> None:
    known = {i["properties"]["principalId"] for i in state.of_type(kinds.IDENTITY)}
    if principal not in known:
        raise ArmError(
            400, "PrincipalNotFound",
            f"Principal {principal} does not exist in the directory.",
        )  # fmt: skip


def _need_role(state: ArmState, role: str, scope: str) -> None:
    if role.rpartition("/")[2].lower() in BUILT_IN:
        return
    found = state.get(role)
    if found is None:
        raise ArmError(
            400, "RoleDefinitionDoesNotExist",
            f"The specified role definition with ID '{role.rpartition('/')[2]}' does not exist.",
        )  # fmt: skip
    scopes = [assignable.lower() for assignable in found["properties"]["assignableScopes"]]
    if not any(f"{scope}/".startswith(f"{assignable}/") for assignable in scopes):
        raise ArmError(
            400, "RoleAssignmentScopeNotAssignableToRoleDefinition",
            f"The scope '{scope}' cannot be assigned to role '{found['properties']['roleName']}'.",
        )  # fmt: skip
