"""Virtual machines: the checks that Azure does, and the machine's specification for the fabric."""

import base64
import binascii
import hashlib
import re
from typing import Any

from lab.arm import kinds
from lab.arm.addresses import network_of
from lab.arm.catalog import IMAGE_GIB, check_quota, check_size, exact_version
from lab.arm.concrete import Concrete
from lab.arm.disks import check_disks, data_disks
from lab.arm.errors import ArmError
from lab.arm.faults import Faults
from lab.arm.ids import take_apart
from lab.arm.sizes import Size, check_abilities, check_accelerated, check_storage
from lab.arm.state import ArmState
from lab.fabric import MachineSpec

MAX_CUSTOM_DATA = 65_536
MAX_IN_SET = 200
HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?")
KEY_TYPES = ("ssh-ed25519", "ssh-rsa")
# Names that Azure does not allow for an administrator.
RESERVED_NAMES = frozenset(
    {
        "1", "123", "a", "actuser", "adm", "admin", "admin1", "admin2", "administrator", "aspnet",
        "backup", "console", "david", "guest", "john", "owner", "root", "server", "sql", "support",
        "support_388945a0", "sys", "test", "test1", "test2", "test3", "user", "user1", "user2",
        "user3", "user4", "user5", "video",
    }
)  # fmt: skip


def check_machine(
    state: ArmState, faults: Faults, concrete: Concrete, body: dict[str, Any]
) -> None:
    """Checks a machine before it is created. Raises ArmError."""
    p, location = body["properties"], body["location"]
    zones = body.get("zones") or []
    size = p["hardwareProfile"]["vmSize"]
    name, able = check_size(faults, size, zones, location)
    exact_version(p["storageProfile"]["imageReference"])
    _check_profile(p["osProfile"])
    if p["storageProfile"]["osDisk"].get("diskSizeGB", IMAGE_GIB) < IMAGE_GIB:
        raise ArmError(
            400, "OperationNotAllowed",
            "The specified disk size is smaller than the size of the corresponding disk in the VM "
            f"image: {IMAGE_GIB} GB.", target="osDisk.diskSizeGB",
        )  # fmt: skip
    _check_place(state, p, zones)
    _check_interfaces(state, concrete, p)
    check_disks(state, concrete, body)
    _check_abilities(state, name, able, p)
    if state.get(concrete.id) is None:
        check_quota(state, faults, size, location)


def _check_abilities(state: ArmState, name: str, size: Size, p: dict[str, Any]) -> None:
    check_abilities(name, size, p)
    profile = p["storageProfile"]
    for disk in (profile["osDisk"], *profile.get("dataDisks", [])):
        managed = disk.get("managedDisk") or {}
        attached = state.get(managed.get("id", ""))
        storage = (attached or {}).get("sku", {}).get("name") or managed.get("storageAccountType")
        check_storage(name, size, disk["name"], storage or "")
    for named in p["networkProfile"]["networkInterfaces"]:
        check_accelerated(name, size, state.resources[named["id"].lower()])


def _wrong(target: str, message: str) -> ArmError:
    return ArmError(400, "InvalidParameter", message, target=target)


def _check_profile(profile: dict[str, Any]) -> None:
    name, admin = profile["computerName"], profile["adminUsername"]
    if not HOST_NAME.fullmatch(name) or name.isdigit():
        raise _wrong(
            "computerName",
            "Linux host name cannot exceed 64 characters in length, be all digits or contain "
            f"other characters than letters, digits and hyphens: '{name}'.",
        )
    if admin.lower() in RESERVED_NAMES:
        raise _wrong("adminUsername", "The Admin Username specified is not allowed.")
    custom_data(profile)
    keys = ((profile.get("linuxConfiguration") or {}).get("ssh") or {}).get("publicKeys") or []
    if not keys:
        raise _wrong("linuxConfiguration.ssh.publicKeys", "The lab needs an SSH key for the admin.")
    for key in keys:
        if key.get("path") != f"/home/{admin}/.ssh/authorized_keys":
            raise _wrong(
                "linuxConfiguration.ssh.publicKeys.path",
                "Destination path for SSH public keys is currently limited to its default value "
                f"/home/{admin}/.ssh/authorized_keys.",
            )
        kind, _, rest = str(key.get("keyData", "")).partition(" ")
        if kind not in KEY_TYPES or not rest.strip():
            raise _wrong(
                "linuxConfiguration.ssh.publicKeys.keyData",
                "The value of parameter linuxConfiguration.ssh.publicKeys.keyData is invalid.",
            )


def custom_data(profile: dict[str, Any]) -> bytes:
    try:
        data = base64.b64decode(profile.get("customData", ""), validate=True)
    except binascii.Error:
        raise _wrong("customData", "Custom data in OSProfile must be in Base64 encoding.") from None
    if len(data) > MAX_CUSTOM_DATA:
        raise _wrong(
            "customData",
            "Custom data in OSProfile must be in Base64 encoding and with a maximum length of "
            f"{MAX_CUSTOM_DATA} bytes.",
        )
    return data


def _check_place(state: ArmState, properties: dict[str, Any], zones: list[str]) -> None:
    wanted = (properties.get("availabilitySet") or {}).get("id", "")
    if wanted and zones:
        raise ArmError(
            400, "BadRequest",
            "Virtual Machine cannot be created because both Availability Zone and Availability Set "
            "were specified.",
        )  # fmt: skip
    if len(zones) > 1:
        raise ArmError(400, "BadRequest", "A virtual machine can be in one zone only.")
    found = state.get(wanted) if wanted else None
    if found is None:
        return
    if (found.get("sku") or {}).get("name") != "Aligned":
        raise ArmError(
            409, "OperationNotAllowed",
            "Addition of a VM with managed disks to non-managed Availability Set or addition of a "
            "VM with blob based disks to managed Availability Set is not supported.",
        )  # fmt: skip
    members = [
        machine
        for machine in state.of_type(kinds.MACHINE)
        if (machine["properties"].get("availabilitySet") or {}).get("id", "").lower()
        == wanted.lower()
    ]
    if len(members) >= MAX_IN_SET:
        raise ArmError(
            409, "OperationNotAllowed",
            f"The maximum number of VMs of an Availability Set is {MAX_IN_SET}.",
        )  # fmt: skip


def _check_interfaces(state: ArmState, concrete: Concrete, properties: dict[str, Any]) -> None:
    named = properties["networkProfile"]["networkInterfaces"]
    if len(named) != 1:
        raise _wrong("networkInterfaces", "A machine of the lab has exactly one interface.")
    found = state.get(named[0].get("id", ""))
    if found is None or found["type"].lower() != kinds.INTERFACE:
        raise _wrong("networkInterfaces", f"'{named[0].get('id')}' is no network interface.")
    owner = (found["properties"].get("virtualMachine") or {}).get("id", "")
    if owner and owner.lower() != concrete.id.lower():
        raise ArmError(
            400, "NicInUse",
            f"Network Interface {found['id']} is used by existing resource {owner}. In order to "
            "use the network interface, it must be detached from it first.",
        )  # fmt: skip


def machine_id(identity: str) -> str:
    parts = take_apart(identity)
    return f"{parts.group}/{parts.name}".lower()


def machine_spec(state: ArmState, machine: dict[str, Any], body: dict[str, Any]) -> MachineSpec:
    """Returns the machine's specification for the fabric. `body` still contains the secrets, which
    the state does not store."""
    p = body["properties"]
    interface = state.resources[p["networkProfile"]["networkInterfaces"][0]["id"].lower()]
    config = interface["properties"]["ipConfigurations"][0]["properties"]
    subnet = state.resources[config["subnet"]["id"].lower()]
    keys = p["osProfile"]["linuxConfiguration"]["ssh"]["publicKeys"]
    return MachineSpec(
        id=machine_id(machine["id"]),
        hostname=p["osProfile"]["computerName"],
        network=network_of(subnet["id"]),
        address=config["privateIPAddress"],
        subnet=subnet["properties"]["addressPrefix"],
        admin_user=p["osProfile"]["adminUsername"],
        ssh_public_keys=tuple(key["keyData"].strip() for key in keys),
        custom_data=custom_data(p["osProfile"]),
        data_disks=data_disks(state, machine),
        vm_size=p["hardwareProfile"]["vmSize"],
    )


def fingerprint(spec: MachineSpec) -> str:
    """Returns a hash that identifies the specification without revealing its secrets."""
    return hashlib.sha256(repr(spec).encode()).hexdigest()
