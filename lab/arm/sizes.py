"""The VM sizes of the lab's region, and the checks of a machine against its size, as in Azure."""

from dataclasses import dataclass
from typing import Any

from lab.arm.errors import ArmError

# The maximum for an availability set with managed disks in the lab's region.
FAULT_DOMAINS = 3
PREMIUM = ("premium_lrs", "premium_zrs", "premiumv2_lrs", "ultrassd_lrs")
# The properties of the image, Debian 13 gen2.
ARCHITECTURE, GENERATION = "x64", "V2"


@dataclass(frozen=True)
class Size:
    """A VM size. `memory` is in GB. The sizes are an excerpt of the public cloud's, with the values
    of its SKU list."""

    family: str
    vcpus: int
    memory: int
    data_disks: int
    premium: bool = True
    accelerated: bool = True
    generations: str = "V1,V2"
    trusted_launch: bool = True
    architecture: str = ARCHITECTURE
    controllers: str = ""

    def capabilities(self) -> list[dict[str, str]]:
        found = {
            "vCPUs": str(self.vcpus),
            "MemoryGB": str(self.memory),
            "MaxDataDiskCount": str(self.data_disks),
            "PremiumIO": str(self.premium),
            "HyperVGenerations": self.generations,
            "CpuArchitectureType": self.architecture,
            "AcceleratedNetworkingEnabled": str(self.accelerated),
        }
        if not self.trusted_launch:
            found["TrustedLaunchDisabled"] = "True"
        if self.controllers:
            found["DiskControllerTypes"] = self.controllers
        return [{"name": name, "value": value} for name, value in found.items()]


SIZES: dict[str, Size] = {
    "Standard_A2_v2": Size(
        "standardAv2Family", 2, 4, 4, premium=False, accelerated=False, generations="V1",
        trusted_launch=False,
    ),
    "Standard_B1s": Size("standardBSFamily", 1, 1, 2, accelerated=False),
    "Standard_B2s_v2": Size("standardBsv2Family", 2, 8, 4),
    "Standard_B4s_v2": Size("standardBsv2Family", 4, 16, 8),
    "Standard_D2_v5": Size("standardDv5Family", 2, 8, 4, premium=False),
    "Standard_D2ps_v5": Size(
        "standardDPSv5Family", 2, 8, 4, architecture="Arm64", generations="V2",
        trusted_launch=False,
    ),
    "Standard_D2s_v5": Size("standardDSv5Family", 2, 8, 4),
    "Standard_D4s_v5": Size("standardDSv5Family", 4, 16, 8),
    "Standard_D8s_v5": Size("standardDSv5Family", 8, 32, 16),
    "Standard_D2s_v6": Size(
        "StandardDsv6Family", 2, 8, 8, generations="V2", controllers="NVMe"
    ),
    "Standard_E4s_v5": Size("standardESv5Family", 4, 32, 8),
    "Standard_E4bds_v5": Size("standardEBDSv5Family", 4, 32, 8, controllers="SCSI, NVMe"),
}  # fmt: skip


def check_abilities(name: str, size: Size, properties: dict[str, Any]) -> None:
    """Raises ArmError if the size does not support the machine's properties."""
    profile = properties["storageProfile"]
    if size.architecture != ARCHITECTURE:
        raise ArmError(
            400, "BadRequest",
            f"Cannot create a VM of size '{name}' because this VM size only supports a CPU "
            f"Architecture of '{size.architecture}', but an image or disk with CPU Architecture "
            f"'{ARCHITECTURE}' was given. Please check that the CPU Architecture of the image or "
            "disk is compatible with that of the VM size.",
        )  # fmt: skip
    if GENERATION not in size.generations.split(","):
        raise ArmError(
            400, "BadRequest",
            f"The selected VM size '{name}' cannot boot Hypervisor Generation '2'. If this was a "
            "Create operation please check that the Hypervisor Generation of the Image matches "
            "the Hypervisor Generation of the selected VM Size. For more information, see "
            "https://aka.ms/azuregen2vm.",
        )  # fmt: skip
    if (properties.get("securityProfile") or {}).get("securityType") and not size.trusted_launch:
        raise ArmError(
            400, "BadRequest",
            f"The VM size '{name}' is not supported for creation of VMs and Virtual Machine Scale "
            "Set with 'TrustedLaunch' security type.",
        )  # fmt: skip
    _check_disks(name, size, profile)


def _check_disks(name: str, size: Size, profile: dict[str, Any]) -> None:
    controllers = [word.strip() for word in (size.controllers or "SCSI").split(",")]
    if (profile.get("diskControllerType") or "SCSI") not in controllers:
        raise ArmError(
            400, "InvalidParameter",
            f"The VM size '{name}' cannot boot with OS image or disk. Please check that disk "
            "controller types supported by the OS image or disk is one of the supported disk "
            "controller types for the VM size. Please query sku api at "
            "https://aka.ms/azure-compute-skus to determine supported disk controller types.",
            target="vmSize",
        )  # fmt: skip
    attached = profile.get("dataDisks") or []
    if len(attached) > size.data_disks:
        raise ArmError(
            409, "OperationNotAllowed",
            "The maximum number of data disks allowed to be attached to a VM of this size is "
            f"{size.data_disks}.", target="dataDisks",
        )  # fmt: skip


def check_storage(name: str, size: Size, disk: str, storage: str) -> None:
    """Raises ArmError if the size does not support the disk's storage type."""
    if storage.lower() in PREMIUM and not size.premium:
        raise ArmError(
            400, "InvalidParameter",
            f"Requested operation cannot be performed because the VM size {name} does not support "
            f"the storage account type {storage} of disk '{disk}'. Consider updating the VM to a "
            "size that supports Premium storage.", target="osDisk.managedDisk.storageAccountType",
        )  # fmt: skip


def check_accelerated(name: str, size: Size, interface: dict[str, Any]) -> None:
    """Raises ArmError if the interface has accelerated networking and the size does not support
    it."""
    if interface["properties"].get("enableAcceleratedNetworking") and not size.accelerated:
        raise ArmError(
            400, "VMSizeIsNotPermittedToEnableAcceleratedNetworking",
            f"The VM size {name} is not permitted to enable accelerated networking on network "
            f"interface {interface['id']}.",
        )  # fmt: skip


def check_fault_domains(properties: dict[str, Any]) -> None:
    """Raises ArmError if the availability set has more fault domains than the region."""
    wanted = properties.get("platformFaultDomainCount", 1)
    if not 1 <= wanted <= FAULT_DOMAINS:
        raise ArmError(
            400, "InvalidParameter",
            f"The specified fault domain count {wanted} must fall in the range 1 to "
            f"{FAULT_DOMAINS}.", target="platformFaultDomainCount",
        )  # fmt: skip
