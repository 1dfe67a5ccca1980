"""Managed disks: their creation with a machine, their attachment, and their release when the
machine is deleted."""

import uuid
from datetime import UTC, datetime
from typing import Any

from lab.arm.concrete import Concrete
from lab.arm.errors import ArmError
from lab.arm.ids import take_apart
from lab.arm.state import ArmState
from lab.fabric import DataDisk

MAX_LUN = 63


def disk_id(machine: str, name: str) -> str:
    """Returns the id of a disk in the machine's resource group."""
    return f"{machine.rpartition('/virtualMachines/')[0]}/disks/{name}"


def name_disks(concrete: Concrete, body: dict[str, Any]) -> None:
    """Sets the names that the service would choose for the machine's unnamed disks."""
    profile = body["properties"]["storageProfile"]
    for number, disk in enumerate([profile["osDisk"], *profile.get("dataDisks", [])], 1):
        attached = (disk.get("managedDisk") or {}).get("id")
        chosen = take_apart(attached).name if attached else f"{concrete.name}_disk{number}"
        disk.setdefault("name", chosen)


def check_disks(state: ArmState, concrete: Concrete, body: dict[str, Any]) -> None:
    """Checks the data disks of a machine. Raises ArmError."""
    profile = body["properties"]["storageProfile"]
    luns: set[int] = set()
    for disk in profile.get("dataDisks", []):
        lun = disk.get("lun")
        if lun is None or not 0 <= lun <= MAX_LUN or lun in luns:
            raise ArmError(
                400, "InvalidParameter", f"The lun {lun} of a data disk is missing, used twice or "
                f"not from 0 to {MAX_LUN}.", target="dataDisk.lun",
            )  # fmt: skip
        luns.add(lun)
        if disk.get("createOption") == "Attach":
            _check_attached(state, concrete, body, disk)
        elif not disk.get("diskSizeGB"):
            raise ArmError(
                400, "InvalidParameter", "Required parameter 'dataDisk.diskSizeGB' is missing.",
                target="dataDisk.diskSizeGB",
            )  # fmt: skip


def _check_attached(
    state: ArmState, concrete: Concrete, body: dict[str, Any], disk: dict[str, Any]
) -> None:
    identity = (disk.get("managedDisk") or {}).get("id", "")
    found = state.get(identity)
    if found is None:
        raise ArmError(404, "ResourceNotFound", f"The Resource '{identity}' was not found.")
    owner = found.get("managedBy", "")
    if owner and owner.lower() != concrete.id.lower():
        raise ArmError(
            409, "ConflictingUserInput",
            f"Disk '{identity}' cannot be attached as the disk is already owned by VM '{owner}'.",
        )  # fmt: skip
    if found.get("zones") != body.get("zones"):
        raise ArmError(
            400, "BadRequest",
            f"Disk {identity} cannot be attached to the VM because it is not in zone "
            f"'{','.join(body.get('zones') or ['none'])}'.",
        )  # fmt: skip


def hold_disks(state: ArmState, machine: dict[str, Any]) -> None:
    """Creates the machine's own disks and marks all its disks as attached. The caller holds the
    state's lock."""
    profile = machine["properties"]["storageProfile"]
    for disk in (profile["osDisk"], *profile.get("dataDisks", [])):
        identity = (disk.get("managedDisk") or {}).get("id") or disk_id(machine["id"], disk["name"])
        resource = state.resources.setdefault(identity.lower(), _new(machine, disk, identity))
        resource["managedBy"] = machine["id"]
        resource["properties"]["diskState"] = "Attached"
        disk["managedDisk"] = {**(disk.get("managedDisk") or {}), "id": identity}
        disk["diskSizeGB"] = resource["properties"]["diskSizeGB"]


def _new(machine: dict[str, Any], disk: dict[str, Any], identity: str) -> dict[str, Any]:
    """Returns a disk that is created with its machine. It has the machine's tags, location and
    zones."""
    storage = (disk.get("managedDisk") or {}).get("storageAccountType", "Premium_LRS")
    option = disk.get("createOption", "Empty")
    created: dict[str, Any] = {"createOption": option}
    properties = {"creationData": created, "diskSizeGB": disk.get("diskSizeGB", 30)}
    if option == "FromImage":
        properties["osType"] = "Linux"
    return {
        "id": identity,
        "name": disk["name"],
        "type": "Microsoft.Compute/disks",
        "location": machine["location"],
        "tags": dict(machine["tags"]),
        "group": machine["group"],
        "sku": {"name": storage},
        **({"zones": machine["zones"]} if "zones" in machine else {}),
        "properties": {
            **properties,
            "provisioningState": "Succeeded",
            "timeCreated": datetime.now(UTC).isoformat(),
            "uniqueId": str(uuid.uuid4()),
        },
        "body": {"properties": properties},
    }


def release_disks(state: ArmState, machine: dict[str, Any]) -> None:
    """Deletes or detaches each of the machine's disks, according to its deleteOption. The caller
    holds the state's lock."""
    profile = machine["properties"]["storageProfile"]
    for disk in (profile["osDisk"], *profile.get("dataDisks", [])):
        identity = ((disk.get("managedDisk") or {}).get("id") or "").lower()
        resource = state.resources.get(identity)
        if resource is None:
            continue
        if disk.get("deleteOption") == "Delete":
            del state.resources[identity]
        else:
            resource.pop("managedBy", None)
            resource["properties"]["diskState"] = "Unattached"


def data_disks(state: ArmState, machine: dict[str, Any]) -> tuple[DataDisk, ...]:
    """Returns the machine's data disks for the fabric, in order of their LUNs. `hold_disks` must
    have run before."""
    found: list[DataDisk] = []
    for disk in machine["properties"]["storageProfile"].get("dataDisks", []):
        resource = state.get(disk["managedDisk"]["id"])
        size = resource["properties"]["diskSizeGB"] if resource else disk["diskSizeGB"]
        found.append(DataDisk(disk["lun"], size, disk["name"]))
    return tuple(sorted(found, key=lambda disk: disk.lun))


def check_disk(state: ArmState, concrete: Concrete, body: dict[str, Any]) -> None:
    """Checks a disk that is put by itself, not with a machine. Raises ArmError."""
    properties = body["properties"]
    if properties["creationData"].get("createOption") != "Empty":
        raise ArmError(
            400, "InvalidParameter", "The lab makes empty disks only.", target="createOption"
        )
    old = state.get(concrete.id)
    size, before = properties.get("diskSizeGB", 0), (old or {}).get("properties", {})
    if size < 1:
        raise ArmError(400, "InvalidParameter", "A disk has 1 GB at least.", target="diskSizeGB")
    if before.get("diskSizeGB", 0) > size:
        raise ArmError(
            400, "BadRequest",
            f"New disk size {size} is less than the current size {before['diskSizeGB']}; a disk "
            "does not shrink.", target="diskSizeGB",
        )  # fmt: skip
    if before.get("diskState") == "Attached" and before["diskSizeGB"] != size:
        raise ArmError(
            409, "OperationNotAllowed", "The lab does not resize a disk that a machine uses."
        )
