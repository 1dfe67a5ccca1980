"""The VM sizes of a region: their capabilities, and the needs of a cluster's machines. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cluster import names
from cluster.growth import etcd_before
from cluster.plan import Plan
from cluster.record import ClusterRecord
from cluster.roles import CONTROL_PLANE, CONTROLLER, ETCD
from cluster.spec import ClusterSpec

# Debian's image requires this architecture and this Hyper-V generation (arm/cluster).
ARCHITECTURE, GENERATION = "x64", "V2"
# The number in nodes.json before it used the region's number.
FORMER_FAULT_DOMAINS = 2
QUORUM_MEMBERS = 3
SHOWN = 3
CONTROL_PLANE_STAGE = "control-plane"
# kubeadm refuses a control plane with less (its preflight checks NumCPU and Mem).
CONTROL_PLANE_VCPUS, CONTROL_PLANE_GIB = 2, 2.0


@dataclass(frozen=True)
class Size:
    """A VM size in one region.

    Attributes:
        zones: the zones that the subscription may use.
        restrictions: the reasons why the subscription may not use the size in the region at all.
        generations: the Hyper-V generations. Empty if the region does not report them.
        controllers: the disk controllers, SCSI and NVMe.
        data_disks: the highest number of data disks. None if the region does not report it.
        memory_gib: the memory in GiB. None if the region does not report it.
    """

    name: str
    family: str
    vcpus: int
    zones: tuple[str, ...] = ()
    restrictions: tuple[str, ...] = ()
    architecture: str = ARCHITECTURE
    generations: tuple[str, ...] = ()
    controllers: tuple[str, ...] = ("SCSI",)
    data_disks: int | None = None
    memory_gib: float | None = None
    premium_storage: bool = False
    accelerated_networking: bool = False
    trusted_launch: bool = True


@dataclass(frozen=True)
class Offer:
    """The offer of a region.

    Attributes:
        sizes: the VM sizes by name.
        fault_domains: the highest number of fault domains of an availability set. None if the
            region does not report it.
    """

    sizes: Mapping[str, Size]
    fault_domains: int | None = None


@dataclass(frozen=True)
class Need:
    """The needs of the machines whose VM size one field of the spec sets."""

    path: str
    size: str
    count: int
    data_disks: int = 0
    vcpus: int = 1
    memory_gib: float = 0.0


def needs(plan: Plan) -> list[Need]:
    """Returns one need for each field of the spec that has missing machines."""
    spec, missing = plan.spec, set(plan.missing)
    counts: dict[str, int] = {}
    for slot in plan.slots:
        if slot.name in missing:
            counts[slot.pool] = counts.get(slot.pool, 0) + 1
    fields = [
        (CONTROLLER, "controller", spec.controller.vm_size),
        (ETCD, "etcd", spec.etcd.vm_size),
        (CONTROL_PLANE, "controlPlane", spec.control_plane.vm_size),
        *(
            (pool.name, f"workers[{index}]", pool.vm_size)
            for index, pool in enumerate(spec.workers)
        ),
    ]
    return [
        _need(spec, pool, f"{field}.vmSize", size, counts[pool])
        for pool, field, size in fields
        if pool in counts
    ]


def _need(spec: ClusterSpec, pool: str, path: str, size: str, count: int) -> Need:
    if pool == CONTROL_PLANE and CONTROL_PLANE_STAGE in spec.stages:
        return Need(path, size, count, vcpus=CONTROL_PLANE_VCPUS, memory_gib=CONTROL_PLANE_GIB)
    return Need(path, size, count, data_disks=1 if pool == ETCD else 0)


def lacks(size: Size, need: Need) -> list[str]:
    """Returns the properties that the machines need and the size does not have."""
    found: list[str] = []
    if size.architecture != ARCHITECTURE:
        found.append(f"a processor of the image ({ARCHITECTURE}; it has {size.architecture})")
    if size.generations and GENERATION not in size.generations:
        found.append(f"generation 2 of Hyper-V, which the image needs ({GENERATION})")
    if size.data_disks is not None and size.data_disks < need.data_disks:
        found.append(f"room for {need.data_disks} data disk (it takes {size.data_disks})")
    # A list that lacks the number gives 0.
    if 0 < size.vcpus < need.vcpus:
        found.append(f"the {need.vcpus} vCPUs that kubeadm requires (it has {size.vcpus})")
    if size.memory_gib is not None and size.memory_gib < need.memory_gib:
        has = f"{size.memory_gib:g}"
        found.append(f"the {need.memory_gib:g} GiB of memory that kubeadm requires (it has {has})")
    return found


def alternatives(offer: Offer, need: Need, zones: tuple[str, ...]) -> tuple[str, ...]:
    """Returns sizes that meet the need. The sizes most similar to the requested one come first."""
    asked = offer.sizes.get(need.size)
    letter = need.size.partition("_")[2][:1]

    def unlike(size: Size) -> tuple[bool, bool, bool, int, str]:
        return (
            not size.premium_storage,
            not size.accelerated_networking,
            not size.name.partition("_")[2].startswith(letter),
            abs(size.vcpus - asked.vcpus) if asked else size.vcpus,
            size.name,
        )

    fitting = [
        size
        for size in offer.sizes.values()
        if not size.restrictions and set(zones) <= set(size.zones) and not lacks(size, need)
    ]
    return tuple(size.name for size in sorted(fitting, key=unlike)[:SHOWN])


def size_faults(plan: Plan, offer: Offer) -> Iterator[str]:
    """Yields a fault for each VM size that cannot be used.

    Such a size is not available in the region or its zones, or does not meet the needs of its
    machines. The fault names the field, what is missing, and sizes that can be used.
    """
    zones = plan.spec.zones
    for need in needs(plan):
        size = offer.sizes.get(need.size)
        why = list(_size_faults(plan, size, need))
        if why:
            others = ", ".join(alternatives(offer, need, zones)) or "none is offered"
            fault = f"{need.path}: VM size {need.size} {'; '.join(why)}"
            yield f"{fault}. Sizes that would do: {others}"


def _size_faults(plan: Plan, size: Size | None, need: Need) -> Iterator[str]:
    if size is None:
        yield f"is not offered in {plan.location}"
        return
    if size.restrictions:
        yield f"is not available in {plan.location} ({', '.join(size.restrictions)})"
        return
    missing = [zone for zone in plan.spec.zones if zone not in size.zones]
    if missing:
        yield f"is not in zone {', '.join(missing)} of {plan.location}"
    found = lacks(size, need)
    if found:
        yield f"lacks {' and '.join(found)}"


def placement(plan: Plan, offer: Offer) -> tuple[list[str], list[str]]:
    """Returns (faults, notes) about the placement of etcd's members in availability sets of fewer
    than three fault domains.

    A launch and a growth are refused where zones would do. A member that is made again comes to the
    set that there is, and is only a note.
    """
    spec, before = plan.spec, plan.etcd_before
    members = {slot.name for slot in plan.slots if slot.pool == ETCD}
    few = plan.fault_domains is not None and plan.fault_domains < QUORUM_MEMBERS
    made = members & set(plan.missing)
    if spec.zones or len(members) < QUORUM_MEMBERS or not few or not made:
        return [], []
    text = (
        f"etcd.count: an availability set in {plan.location} has {plan.fault_domains} fault "
        f"domains for {len(members)} members of etcd: when one of them fails, the cluster may "
        "lose most of its members at once"
    )
    if len(members) <= before:
        return [], [f"{text}. Zones cannot be given to a cluster that exists"]
    size = offer.sizes.get(spec.etcd.vm_size)
    if not size or len(size.zones) < QUORUM_MEMBERS:
        return [], [f"{text}. {plan.location} has no three zones for {spec.etcd.vm_size}"]
    zones = ", ".join(size.zones)
    if before:
        text += f". Zones cannot be given to a cluster that exists: leave etcd.count at {before}"
        return [f"{text}, or make another cluster with zones: {zones}"], []
    return [f"{text}. Name zones: {zones}"], []


def notes(plan: Plan, offer: Offer) -> list[str]:
    """Returns notes for the spec's author about valid choices that have a disadvantage."""
    size = offer.sizes.get(plan.spec.etcd.vm_size)
    slow = [
        f"etcd.vmSize: VM size {size.name} has no premium storage: etcd's disks are StandardSSD, "
        "whose writes are slower than etcd's makers advise"
        for size in (size,)
        if size and not size.premium_storage and any(n.path == "etcd.vmSize" for n in needs(plan))
    ]
    return slow + placement(plan, offer)[1]


def machine_parameters(size: Size) -> dict[str, Any]:
    """Returns the templates' parameters that depend on the size."""
    scsi = "SCSI" in size.controllers
    return {
        "diskType": "Premium_LRS" if size.premium_storage else "StandardSSD_LRS",
        "acceleratedNetworking": size.accelerated_networking,
        "trustedLaunch": size.trusted_launch,
        "diskController": "SCSI" if scsi else "NVMe",
    }


def fitted(plan: Plan, offer: Offer, record: ClusterRecord) -> Plan:
    """Returns the plan with the parameters that each deployment's VM size and the region require.

    If a size is not available, the templates' defaults remain, and preflight refuses the size. The
    number of fault domains of an availability set cannot change, so an existing cluster keeps its
    own.
    """
    domains = offer.fault_domains
    if record.built is not None:
        domains = record.fault_domains or FORMER_FAULT_DOMAINS
    deployments = tuple(
        deployment.model_copy(
            update={
                "parameters": deployment.parameters
                | _of_size(offer, str(deployment.parameters["vmSize"]))
                | ({"faultDomains": domains} if domains and deployment.template == "nodes" else {})
            }
        )
        if deployment.template != names.NETWORK
        else deployment
        for deployment in plan.deployments
    )
    before = etcd_before(record, plan.spec)
    changes = {"deployments": deployments, "fault_domains": domains, "etcd_before": before}
    return plan.model_copy(update=changes)


def _of_size(offer: Offer, name: str) -> dict[str, Any]:
    size = offer.sizes.get(name)
    return machine_parameters(size) if size else {}
