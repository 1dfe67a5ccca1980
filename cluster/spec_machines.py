"""The parts of the spec that say which machines there are, in which network."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from cluster import forms
from cluster.model import Model
from cluster.sources import Cidr
from cluster.spec_fields import Count, Flag, LabelKey, LabelValue, SecurityRules, VmSize, Whole

MAX_POOL_NODES = 1000
# A pool without zones is one availability set.
AVAILABILITY_SET_VMS = 200


class Subnets(Model):
    """Subnets of the fixed roles; each worker pool has its own."""

    controller: Cidr = Field(default="10.0.0.0/24", description="Subnet of the controller.")
    control_plane: Cidr = Field(
        default="10.0.1.0/24", description="Subnet of the control planes and of the API's address."
    )
    etcd: Cidr = Field(default="10.0.2.0/24", description="Subnet of the etcd members.")


class Network(Model):
    """The cluster's virtual network."""

    vnet_cidr: Cidr = Field(
        default="10.0.0.0/16", description="Address space of the virtual network."
    )
    subnets: Subnets = Field(default_factory=Subnets)
    allowed_sources: tuple[Cidr, ...] = Field(
        default=(),
        max_length=64,
        examples=[["203.0.113.0/24"]],
        description="Who may reach the controller's SSH port: IPv4 networks that do not overlap. "
        "Empty: only the address that Slipway itself comes from.",
    )


class Controller(Model):
    """The VM that runs the playbook."""

    vm_size: VmSize = Field(default="Standard_B2s_v2", description="VM size of the controller.")
    keep: Flag = Field(
        default=False,
        description="Leave it running; otherwise it is deallocated between operations.",
    )


class Etcd(Model):
    """The etcd tier: VMs of its own."""

    earlier_names: ClassVar[Mapping[str, str]] = {"data_disk_gi_b": "dataDiskGiB"}

    count: Count = Field(default=3, description="1, 3 or 5: an even count adds no fault tolerance.")
    vm_size: VmSize = Field(default="Standard_D2s_v5", description="VM size of each etcd member.")
    data_disk_gib: Whole = Field(
        default=32,
        ge=4,
        le=4096,
        alias="dataDiskGiB",
        description="Size of the data disk of each member, GiB.",
    )
    security_rules: SecurityRules = ()


class PublicApi(Model):
    """A public frontend of the Kubernetes API, for an allow-list."""

    allowed_sources: tuple[Cidr, ...] = Field(
        min_length=1,
        max_length=64,
        examples=[["203.0.113.0/24"]],
        description="Who may reach it: public IPv4 networks that do not overlap, together not "
        "larger than a /8.",
    )


class ControlPlane(Model):
    """Control plane VMs."""

    count: Count = Field(default=1, description="How many control planes: 1, 3 or 5.")
    vm_size: VmSize = Field(default="Standard_D2s_v5", description="VM size of each control plane.")
    public_api: PublicApi | None = Field(
        default=None,
        description="Without it, the API is reached from inside of the network and by a tunnel "
        "only.",
    )
    security_rules: SecurityRules = ()


class Taint(Model):
    """A Kubernetes taint."""

    key: LabelKey = Field(description="The taint's key.", examples=["workload"])
    value: LabelValue = Field(default="", description="The taint's value.", examples=["batch"])
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(
        description="What happens to pods that do not tolerate the taint.", examples=["NoSchedule"]
    )


class WorkerPool(Model):
    """A named pool of equal workers."""

    earlier_names: ClassVar[Mapping[str, str]] = {"os_disk_gi_b": "osDiskGiB"}

    name: Annotated[str, StringConstraints(pattern=forms.POOL.pattern)] = Field(
        description="Name of the pool, unique in the cluster: " + forms.POOL.rule + ".",
        examples=["worker"],
    )
    count: Whole = Field(
        default=2, ge=0, le=MAX_POOL_NODES, description="How many workers the pool has."
    )
    vm_size: VmSize = Field(default="Standard_D4s_v5", description="VM size of each worker.")
    os_disk_gib: Whole = Field(
        default=64,
        ge=30,
        le=2048,
        alias="osDiskGiB",
        description="Size of the OS disk of each worker, GiB.",
    )
    subnet: Cidr | None = Field(
        default=None,
        description="Subnet of the pool. Default: the next free /22 from the upper part of the "
        "VNet.",
        examples=["10.0.16.0/22"],
    )
    labels: dict[LabelKey, LabelValue] = Field(
        default_factory=dict,
        max_length=32,
        description="Kubernetes labels of the pool's nodes.",
        examples=[{"workload": "batch"}],
    )
    taints: tuple[Taint, ...] = Field(
        default=(), max_length=16, description="Kubernetes taints of the pool's nodes."
    )
    max_surge: Whole = Field(
        default=1,
        ge=0,
        le=100,
        description="How many workers more than `count` a replacement of the pool makes at once.",
    )
    max_unavailable: Whole = Field(
        default=0,
        ge=0,
        le=100,
        description="How many workers less than `count` a replacement of the pool leaves at once. "
        "Without maxSurge, a worker is removed before its machine is made again.",
    )
    security_rules: SecurityRules = ()


class Image(Model):
    """The one operating system image of all machines: Debian 13, generation 2."""

    version: Annotated[str, StringConstraints(pattern=forms.IMAGE_VERSION.pattern)] = Field(
        default="0.20260914.2601", description="Version of the image in Azure's marketplace."
    )


def default_workers() -> tuple[WorkerPool, ...]:
    return (WorkerPool(name="worker"),)
