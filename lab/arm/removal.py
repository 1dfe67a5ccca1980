"""Deletion of resources, and of whole groups with their machines first."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lab.arm import kinds
from lab.arm.disks import release_disks
from lab.arm.errors import ArmError
from lab.arm.ids import scope_of
from lab.arm.machines import machine_id
from lab.arm.put import Putter
from lab.arm.references import users
from lab.arm.state import UNDER_WAY, ArmState
from lab.fabric import Fabric

PARALLEL = 4
# The status and the code of each provider's response if the resource is still in use.
IN_USE: dict[str, tuple[int, str]] = {
    kinds.NETWORK: (400, "InUseSubnetCannotBeDeleted"),
    kinds.SUBNET: (400, "InUseSubnetCannotBeDeleted"),
    kinds.SECURITY_GROUP: (400, "InUseNetworkSecurityGroupCannotBeDeleted"),
    kinds.PUBLIC_ADDRESS: (400, "PublicIPAddressCannotBeDeleted"),
    kinds.NAT_GATEWAY: (400, "InUseNatGatewayCannotBeDeleted"),
    kinds.INTERFACE: (400, "NicInUse"),
    kinds.AVAILABILITY_SET: (409, "OperationNotAllowed"),
    kinds.DISK: (409, "OperationNotAllowed"),
}


def refuse_in_use(state: ArmState, resource: dict[str, Any]) -> None:
    """Raises ArmError if another resource uses this one. A machine is never used by another
    resource."""
    found = users(state, resource["id"])
    owner = resource.get("managedBy") or (found[0]["id"] if found else "")
    if owner:
        status, code = IN_USE.get(resource["type"].lower(), (400, "InUseResourceCannotBeDeleted"))
        raise ArmError(
            status, code,
            f"Resource {resource['id']} cannot be deleted: it is in use by {owner}.",
        )  # fmt: skip


def refuse_locked(state: ArmState, identity: str) -> None:
    """Raises ArmError (409 ScopeLocked) if there is a lock on the resource, above it or on a
    resource in it. A lock itself can be deleted."""
    own = identity.lower()
    if f"/{kinds.LOCK}/" in own:
        return
    for lock in state.of_type(kinds.LOCK):
        held = scope_of(lock["id"]).lower()
        if f"{held}/".startswith(f"{own}/") or f"{own}/".startswith(f"{held}/"):
            raise ArmError(
                409, "ScopeLocked",
                f"The scope '{identity}' cannot perform delete operation because following "
                f"scope(s) are locked: '{held}'. Please remove the lock and try again.",
            )  # fmt: skip


def delete_resource(
    state: ArmState, fabric: Fabric, putter: Putter, resource: dict[str, Any]
) -> None:
    """Deletes a resource with its children. With a machine, the interfaces and disks with
    deleteOption Delete are deleted too."""
    identity = resource["id"].lower()
    with putter.busy(identity):
        if state.get(identity) is None:
            return
        machine = resource["type"].lower() == kinds.MACHINE
        if machine:
            fabric.delete(machine_id(resource["id"]))
        with state.change():
            if machine:
                release_disks(state, resource)
                _release_interfaces(state, resource)
            for key in [
                k for k in state.resources if k == identity or k.startswith(f"{identity}/")
            ]:
                del state.resources[key]
        putter.apply_network()


def _release_interfaces(state: ArmState, machine: dict[str, Any]) -> None:
    for named in machine["properties"]["networkProfile"]["networkInterfaces"]:
        interface = state.get(named["id"])
        if interface is None:
            continue
        if (named.get("properties") or {}).get("deleteOption") == "Delete":
            del state.resources[named["id"].lower()]
        else:
            interface["properties"].pop("virtualMachine", None)


def mark_group(state: ArmState, group: dict[str, Any]) -> None:
    """Marks a group as being deleted: it accepts no new resources, and its running deployments are
    cancelled. Raises ArmError (409 ScopeLocked)."""
    with state.change():
        refuse_locked(state, group["id"])
        group["properties"]["provisioningState"] = "Deleting"
        prefix = f"{group['id'].lower()}/"
        for key, deployment in state.deployments.items():
            properties = deployment["properties"]
            if key.startswith(prefix) and properties["provisioningState"] in UNDER_WAY:
                properties["provisioningState"] = "Canceled"


def _held(state: ArmState, own: list[dict[str, Any]]) -> list[tuple[dict[str, Any], str]]:
    """Returns the group's resources that a resource of another group uses, with the id of that
    one."""
    inside = {resource["id"].lower() for resource in own}
    found = ((one, users(state, one["id"])) for one in own if one["type"].count("/") == 1)
    return [
        (one, user["id"])
        for one, uses in found
        for user in uses
        if user["id"].lower() not in inside
    ]


def _blocked(group: str, held: list[tuple[dict[str, Any], str]]) -> ArmError:
    details = [
        ArmError(
            *IN_USE.get(one["type"].lower(), (400, "InUseResourceCannotBeDeleted")),
            f"Resource {one['id']} cannot be deleted: it is in use by {user}.",
            target=one["id"],
        ).document()
        for one, user in held
    ]
    names = ", ".join(one["id"] for one, _ in held)
    return ArmError(
        409,
        "ResourceGroupDeletionBlocked",
        f"Deletion of resource group '{group}' failed as resources with identifiers '{names}' "
        "could not be deleted.",
        details=details,
    )


def delete_group(state: ArmState, fabric: Fabric, putter: Putter, group: dict[str, Any]) -> None:
    """Deletes a group that `mark_group` has marked, with everything in it.

    Raises ArmError (409 ResourceGroupDeletionBlocked) if a resource of another group uses one of
    it. The group is whole again then. Azure would have deleted what nobody uses.
    """
    own = state.in_group(group["name"])
    if blocked := _held(state, own):
        with state.change():
            group["properties"]["provisioningState"] = "Succeeded"
        raise _blocked(group["name"], blocked)
    machines = [r["id"] for r in own if r["type"].lower() == kinds.MACHINE]

    def remove(identity: str) -> None:
        with putter.busy(identity):
            fabric.delete(machine_id(identity))

    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(remove, machines))
    key, prefix = group["name"].lower(), f"{group['id'].lower()}/"
    with state.lock:
        for identity in [k for k, r in state.resources.items() if r["group"] == key]:
            del state.resources[identity]
        for identity in [k for k in state.deployments if k.startswith(prefix)]:
            del state.deployments[identity]
    putter.apply_network()
    with state.change():
        state.groups.pop(key, None)
