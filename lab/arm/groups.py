"""Resource groups: creation, tags, lookup."""

import re
from typing import Any

from lab.arm.errors import ArmError
from lab.arm.ids import group_id
from lab.arm.state import ArmState

NAME = re.compile(r"[-\w._()]{0,89}[-\w_()]")


def find_group(state: ArmState, name: str) -> dict[str, Any]:
    found = state.groups.get(name.lower())
    if found is None:
        raise ArmError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
    return found


def refuse_deleting(group: dict[str, Any], name: str) -> None:
    """Raises ArmError if the group is being deleted. `name` is the name in the request."""
    if group["properties"]["provisioningState"] == "Deleting":
        raise ArmError(
            409, "ResourceGroupBeingDeleted",
            f"The resource group '{name}' is in deprovisioning state and cannot perform this "
            "operation.",
        )  # fmt: skip


def put_group(
    state: ArmState, subscription: str, name: str, body: dict[str, Any]
) -> tuple[dict[str, Any], bool]:
    """Creates or updates a group. Returns the group and whether it is new. Tags are replaced; the
    location cannot change."""
    if not NAME.fullmatch(name):
        raise ArmError(400, "InvalidResourceGroup", f"The provided name '{name}' is not valid.")
    location = body.get("location")
    if not location:
        raise ArmError(400, "LocationRequired", "The location property is required.")
    with state.change():
        old = state.groups.get(name.lower())
        if old and old["location"] != location:
            raise ArmError(
                409, "InvalidResourceGroupLocation",
                f"Invalid resource group location '{location}'. The Resource group already exists "
                f"in location '{old['location']}'.",
            )  # fmt: skip
        if old:
            refuse_deleting(old, name)
        state.groups[name.lower()] = {
            "id": old["id"] if old else group_id(subscription, name),
            "name": old["name"] if old else name,
            "type": "Microsoft.Resources/resourceGroups",
            "location": location,
            "tags": body.get("tags") or {},
            "properties": {"provisioningState": "Succeeded"},
        }
        return state.groups[name.lower()], old is None


def patch_group(state: ArmState, name: str, body: dict[str, Any]) -> dict[str, Any]:
    """Replaces the group's tags and returns the group. Nothing else of a group can be patched."""
    with state.change():
        found = find_group(state, name)
        if "tags" in body:
            found["tags"] = body["tags"] or {}
        return found
