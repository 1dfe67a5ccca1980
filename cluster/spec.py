"""The cluster spec: what a user asks for. Everything but the name has a default.

Fields that stand alone are checked here and in the modules of its parts; what depends on several
fields is in `spec_rules`.
"""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from cluster import forms
from cluster.add_ons import AddOns
from cluster.maintenance import LONGEST_DAYS
from cluster.model import Model
from cluster.sources import Cidr
from cluster.spec_fields import Flag, Group, Location, TagKey, TagValue, Whole, Zone
from cluster.spec_machines import (
    Controller,
    ControlPlane,
    Etcd,
    Image,
    Network,
    WorkerPool,
    default_workers,
)
from cluster.spec_services import Artifacts, Proxy, Slack
from cluster.stages import LAST_STAGES, LastStage, stages_through
from cluster.trust import CERTIFICATE_RULE, MAX_REGISTRIES, MAX_TRUSTED, Certificate, Registry
from cluster.urls import RemoteUrl


class Kubernetes(Model):
    """Version and address ranges of Kubernetes."""

    version: Annotated[str, StringConstraints(pattern=forms.KUBERNETES.pattern)] = Field(
        default="1.36",
        description="Minor version, or a patch release such as 1.36.2, which the manifest must "
        "have. A later patch release or the next minor upgrades the cluster.",
        examples=["1.36"],
    )
    pod_cidr: Cidr = Field(
        default="10.244.0.0/16", description="Pod addresses; a /24 of it for each node."
    )
    service_cidr: Cidr = Field(default="10.96.0.0/16", description="Service addresses.")

    @property
    def minor(self) -> str:
        """Returns the minor version, such as 1.36."""
        return ".".join(self.version.split(".")[:2])

    @property
    def patch(self) -> str:
        """Returns the patch release, such as 1.36.2, or "" for the one that the manifest has."""
        return self.version if self.version != self.minor else ""


class Drain(Model):
    """How pods leave the nodes that are removed."""

    deadline_seconds: Whole = Field(
        default=900,
        ge=60,
        le=14_400,
        description="How long an operation asks for the evictions, for all its nodes together.",
    )
    force: Flag = Field(
        default=False,
        description="Evict pods without a controller too, and delete what is left after the "
        "deadline, against disruption budgets. Otherwise the operation fails and names what holds "
        "it.",
    )
    uncordon: Flag = Field(
        default=True,
        description="Make nodes that were not emptied schedulable again if the operation fails or "
        "is cancelled.",
    )


class Backups(Model):
    """Backups of etcd."""

    keep: Whole = Field(
        default=14,
        ge=1,
        le=365,
        description="How many backups are kept. After each one, older ones are removed.",
    )


class Maintenance(Model):
    """Snapshot, full pass and examination, without a request."""

    enabled: Flag = Field(
        default=True, description="Maintain the cluster when it is due. Requests work regardless."
    )
    every_days: Whole | None = Field(
        default=None,
        ge=1,
        le=LONGEST_DAYS,
        description="Days from one maintenance to the next. Null: the installation's number.",
    )
    start_hour: Whole | None = Field(
        default=None,
        ge=0,
        le=23,
        description="Hour in UTC in which it begins, or within four hours of which if many "
        "clusters are due. Null: any hour, decided by the cluster's name.",
    )
    security_updates: Flag = Field(
        default=False,
        description="Install the distribution's security updates, and restart machines that need "
        "it, one after the other.",
    )
    repair: Flag = Field(
        default=False,
        description="After a maintenance that found machines missing or off, apply the spec again, "
        "which creates or starts them.",
    )


class Playbook(Model):
    """How far the play goes."""

    through: LastStage | None = Field(
        default=None,
        description="Last stage to run, of: " + ", ".join(LAST_STAGES) + ". Default: the last.",
        examples=["verify"],
    )


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
    package_mirror: RemoteUrl | None = Field(
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
    backups: Backups = Field(default_factory=Backups)
    maintenance: Maintenance = Field(default_factory=Maintenance)
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
