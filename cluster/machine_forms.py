"""What the machines of each tier and pool are made as, and what is known of one that exists."""

from collections.abc import Iterator
from dataclasses import dataclass

from cluster.roles import CONTROL_PLANE, ETCD
from cluster.spec import ClusterSpec

NODE_DISK_GIB = 32


@dataclass(frozen=True)
class MachineForm:
    """A machine's VM size, image version, and sizes of its OS disk and of its data disk, which only
    etcd's members have. "" and None: not known, or none."""

    size: str = ""
    image: str = ""
    os_disk_gib: int | None = None
    data_disk_gib: int | None = None

    def differs(self, wanted: "MachineForm") -> bool:
        """Returns whether it is known to be another machine than the wanted one. Azure compares
        names of sizes without regard to case. A data disk that somebody made larger stays."""
        return bool(
            (self.size and self.size.lower() != wanted.size.lower())
            or (self.image and self.image != wanted.image)
            or (self.os_disk_gib and self.os_disk_gib != wanted.os_disk_gib)
            or (self.data_disk_gib and self.data_disk_gib < (wanted.data_disk_gib or 0))
        )


def machine_forms(spec: ClusterSpec) -> dict[str, MachineForm]:
    """Returns what the machines of each tier and pool are made as."""
    image = spec.image.version
    return {
        CONTROL_PLANE: MachineForm(spec.control_plane.vm_size, image, NODE_DISK_GIB),
        ETCD: MachineForm(spec.etcd.vm_size, image, NODE_DISK_GIB, spec.etcd.data_disk_gib),
        **{p.name: MachineForm(p.vm_size, image, p.os_disk_gib) for p in spec.workers},
    }


def changed_forms(before: ClusterSpec, wanted: ClusterSpec) -> Iterator[str]:
    """Yields the tiers and pools of both specs whose machines are made as others."""
    old = machine_forms(before)
    for name, form in machine_forms(wanted).items():
        if name in old and old[name].differs(form):
            yield name
