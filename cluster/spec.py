"""The cluster spec: what a user asks for. Everything but the name has a default.

Fields that stand alone are checked here; what depends on several fields is in `spec_rules`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    Strict,
    StringConstraints,
)

from cluster import forms
from cluster.add_ons import AddOns
from cluster.model import Model
from cluster.security_rules import MAX_RULES, SecurityRule
from cluster.sources import Cidr
from cluster.stages import LAST_STAGES, LastStage, stages_through
from cluster.trust import CERTIFICATE_RULE, MAX_REGISTRIES, MAX_TRUSTED, Certificate, Registry
from cluster.urls import Url

MAX_POOL_NODES = 1000


def _require_integer(value: object) -> object:
    """Refuses values that equal 1, 3 or 5 and are not integers: true and 3.0."""
    if type(value) is not int:
        raise ValueError("should be 1, 3 or 5")
    return value


def _region(value: str) -> str:
    """Returns the region's name of a display name: westeurope for West Europe."""
    return value.replace(" ", "").lower()


def _zone(value: object) -> object:
    """Accepts the numbers 1, 2 and 3 as well."""
    return str(value) if type(value) is int and value in (1, 2, 3) else value


VmSize = Annotated[str, StringConstraints(pattern=forms.VM_SIZE.pattern)]
Count = Annotated[Literal[1, 3, 5], BeforeValidator(_require_integer)]
# "3", 3.0 and true are no numbers, "yes" is no flag: the published schema says the same.
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
LabelKey = Annotated[str, StringConstraints(pattern=forms.LABEL_KEY.pattern)]
LabelValue = Annotated[str, StringConstraints(pattern=forms.LABEL_VALUE.pattern)]
TagKey = Annotated[str, StringConstraints(pattern=forms.TAG_KEY.pattern)]
TagValue = Annotated[str, StringConstraints(pattern=forms.TAG_VALUE.pattern)]
Group = Annotated[str, StringConstraints(pattern=forms.GROUP.pattern)]
Location = Annotated[
    str, StringConstraints(pattern=forms.LOCATION.pattern), AfterValidator(_region)
]
Zone = Annotated[Literal["1", "2", "3"], BeforeValidator(_zone)]


SecurityRules = Annotated[
    tuple[SecurityRule, ...],
    Field(
        max_length=MAX_RULES,
        description="Further ports that others may reach, besides those of Slipway's own rules.",
    ),
]


class Kubernetes(Model):
    """Version and address ranges of Kubernetes."""

    version: Literal["1.34", "1.35", "1.36"] = Field(
        default="1.36",
        description="Minor version; the patch that the manifest pins is used.",
    )
    pod_cidr: Cidr = Field(
        default="10.244.0.0/16", description="Pod addresses; a /24 of it for each node."
    )
    service_cidr: Cidr = Field(default="10.96.0.0/16", description="Service addresses.")


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
    security_rules: SecurityRules = ()


class Image(Model):
    """The one operating system image of all machines: Debian 13, generation 2."""

    version: Annotated[str, StringConstraints(pattern=forms.IMAGE_VERSION.pattern)] = Field(
        default="0.20260914.2601", description="Version of the image in Azure's marketplace."
    )


class Slack(Model):
    """Where messages go. Not the webhook itself: that is a credential."""

    secret: Annotated[str, StringConstraints(pattern=forms.SECRET.pattern)] = Field(
        description="Name of the Key Vault secret that holds the incoming webhook's URL.",
        examples=["slack-webhook"],
    )


class Artifacts(Model):
    """A mirror for everything that is downloaded."""

    url: Url = Field(
        description="Address of the mirror.", examples=["https://mirror.example.com/slipway"]
    )
    manifest_sha256: Annotated[str, StringConstraints(pattern=forms.SHA256.pattern)] = Field(
        description="SHA-256 of the mirror's manifest.yml; 'slipway mirror' prints it.",
        examples=["0123456789abcdef" * 4],
    )


class Proxy(Model):
    """HTTP(S) proxy of the nodes: of their package manager, containerd, kubelet and downloads."""

    http: Url | None = Field(
        default=None,
        description="Proxy for http URLs. Without it, they are reached directly.",
        examples=["http://proxy.example.com:3128"],
    )
    https: Url | None = Field(
        default=None,
        description="Proxy for https URLs. Default: the same as for http.",
        examples=["http://proxy.example.com:3128"],
    )
    no_proxy: tuple[Annotated[str, StringConstraints(pattern=forms.NO_PROXY.pattern)], ...] = Field(
        default=(),
        max_length=256,
        description="Hosts, domains, addresses and CIDRs that are reached directly, besides the "
        "cluster's own networks and names and Azure's metadata.",
        examples=[[".example.com"]],
    )

    @property
    def for_https(self) -> str | None:
        return self.https or self.http


class Drain(Model):
    """How pods leave the nodes that are removed."""

    deadline_seconds: Whole = Field(
        default=900,
        ge=60,
        le=14_400,
        description="How long a run asks for the evictions, for all its nodes together.",
    )
    force: Flag = Field(
        default=False,
        description="Evict pods without a controller too, and delete what is left after the "
        "deadline, against disruption budgets. Otherwise the run fails and names what holds it.",
    )
    uncordon: Flag = Field(
        default=True,
        description="Make nodes that were not emptied schedulable again if the run fails or is "
        "cancelled.",
    )


class Playbook(Model):
    """How far the play goes."""

    through: LastStage | None = Field(
        default=None,
        description="Last stage to run, of: " + ", ".join(LAST_STAGES) + ". Default: the last.",
        examples=["verify"],
    )


def default_workers() -> tuple[WorkerPool, ...]:
    return (WorkerPool(name="worker"),)


class ClusterSpec(Model):
    """A self-managed Kubernetes cluster on Azure virtual machines."""

    name: Annotated[str, StringConstraints(pattern=forms.NAME.pattern)] = Field(
        description="Name of the cluster: " + forms.NAME.rule + ".", examples=["demo"]
    )
    location: Location = Field(default="westeurope", description="Azure region of the cluster.")
    resource_group: Group | None = Field(
        default=None,
        description="Resource group of the cluster, found or created. Default: the cluster's name "
        "and '-rg'.",
        examples=["demo-rg"],
    )
    kubernetes: Kubernetes = Field(default_factory=Kubernetes)
    network: Network = Field(default_factory=Network)
    controller: Controller = Field(default_factory=Controller)
    etcd: Etcd = Field(default_factory=Etcd)
    control_plane: ControlPlane = Field(default_factory=ControlPlane)
    workers: tuple[WorkerPool, ...] = Field(
        default_factory=default_workers,
        max_length=16,
        description="Worker pools. Default: one pool, worker, of two machines.",
    )
    add_ons: AddOns = Field(default_factory=AddOns)
    admin_user: Annotated[str, StringConstraints(pattern=forms.ADMIN.pattern)] = Field(
        default="slipway", description="Administrator of every machine, who signs in by SSH key."
    )
    image: Image = Field(default_factory=Image)
    zones: tuple[Zone, ...] = Field(
        default=(),
        max_length=3,
        description="Availability zones; none: an availability set per pool.",
        examples=[["1", "2", "3"]],
    )
    tags: dict[TagKey, TagValue] = Field(
        default_factory=dict,
        max_length=40,
        description="Tags of every resource of the cluster, besides Slipway's own.",
        examples=[{"team": "platform"}],
    )
    slack: Slack | None = Field(
        default=None, description="Where messages go. Default: as the installation says."
    )
    artifacts: Artifacts | None = Field(
        default=None,
        description="A mirror for everything that is downloaded. Default: the official hosts.",
    )
    proxy: Proxy | None = Field(
        default=None, description="HTTP(S) proxy of the machines. Default: none."
    )
    package_mirror: Url | None = Field(
        default=None,
        description="Base URL of a Debian archive mirror. Default: Debian's own hosts.",
        examples=["https://mirror.example.com/debian"],
    )
    registries: tuple[Registry, ...] = Field(
        default=(),
        max_length=MAX_REGISTRIES,
        description="Mirrors and authorities of image registries, for containerd.",
    )
    trusted_certificates: tuple[Certificate, ...] = Field(
        default=(),
        max_length=MAX_TRUSTED,
        description="Authorities that every machine trusts for every purpose: package archives, "
        "artifacts, images. Each: " + CERTIFICATE_RULE + ".",
    )
    drain: Drain = Field(default_factory=Drain)
    playbook: Playbook = Field(default_factory=Playbook)

    @property
    def group(self) -> str:
        return self.resource_group or f"{self.name}-rg"

    @property
    def stages(self) -> tuple[str, ...]:
        """The ids of all stages that the play runs."""
        return stages_through(self.playbook.through)

    def document(self) -> dict[str, Any]:
        """The spec with all defaults, as it stands in records. A stored spec may hold values that
        this version does not allow; they are written as they were."""
        return self.model_dump(mode="json", by_alias=True, warnings="none")
