"""The answers of the HTTP API: one model for each, for the app that writes them, the OpenAPI
document that publishes them and the command line that reads them."""

from typing import Annotated, Literal

from pydantic import Field

from cluster.api_base import Answer, SparseAnswer
from cluster.api_health import CODES, FINDINGS, ClusterFinding, MaintenanceSchedule
from cluster.events import Event
from cluster.outcomes import Cause
from cluster.record import Kind, State
from cluster.roles import Role

# `pending`: an operation is claimed and was not started yet. `suspended`: somebody suspended it in
# the durable engine. `unreadable`: this version of the app cannot read the cluster's record.
type ClusterState = Literal[State, "pending", "suspended", "unreadable"]
type OperationKind = Kind
type PhaseState = Literal["pending", "running", "done", "failed", "cancelled"]
type PartState = Literal["running", "done", "failed", "stopped"]
type NodeState = Literal["planned", "deploying", "waiting", "removing", "ready", "silent", "failed"]

NAME = Field(description="The cluster's name.", examples=["demo"])
GENERATION = Field(description="Number of the operation, from 1; 0 before the first.", examples=[1])
OPERATION = Field(
    description="Path of the operation; GET shows how it ends.",
    examples=["/api/clusters/demo/operations/1"],
)
ADDRESS = Field(description="Private IPv4 address.", examples=["10.0.12.4"])
STOPS_AFTER = Field(
    default=None,
    description="Id of the stage after which the cluster's play ends, if its spec ends it before "
    "`verify`. Then the state `ready` means that these stages succeeded, and the cluster is not "
    "complete. Null: the play runs all stages.",
    examples=["etcd"],
)


class ClusterSummary(Answer):
    """A cluster as one line of the list. `cause`: the code of its failure, or UnreadableDocument in
    the state `unreadable`."""

    name: str = NAME
    state: ClusterState = Field(
        description="`unreadable`: this version of the app cannot read the cluster's record. The "
        "cluster itself is not affected. Every request for it answers 500 with the code "
        "UnreadableDocument, and `detail` names the fields. Deploy the version of Slipway that "
        "wrote the record, or restore the record if it was changed by hand."
    )
    generation: int = Field(default=0, description="Number of the latest operation.", examples=[1])
    group: str = Field(default="", description="Resource group.", examples=["demo-rg"])
    updated_at: str = Field(
        description="When the record changed last.",
        default="",
        examples=["2026-11-29T12:00:00.000+00:00"],
    )
    cause: str | None = Field(
        description="Code of the failure; null if there is none.",
        default=None,
        examples=["QuotaExceeded"],
    )
    stops_after: str | None = STOPS_AFTER
    kubernetes: str | None = Field(
        description="Minor version of Kubernetes; null if the play of the cluster's spec ends "
        "before there is Kubernetes.",
        default=None,
        examples=["1.36"],
    )
    nodes: int = Field(
        description="Machines that the cluster has or is to have, the controller included.",
        default=0,
        examples=[7],
    )
    findings: tuple[str, ...] = CODES


class ClusterList(Answer):
    """All clusters, by name."""

    clusters: tuple[ClusterSummary, ...] = Field(description="In the order of their names.")


class FailureCause(Cause, Answer):
    """Why an operation failed, where, and what to do next."""


class CheckResult(Answer):
    """One thing that the verification asked of the cluster's own programs."""

    name: str = Field(description="What was checked, and on which node.", examples=["etcd"])
    ok: bool = Field(description="Whether it passed.")
    detail: str = Field(default="", description="What was found.")


class PhaseProgress(Answer):
    """One phase of an operation. `seconds` counts until the answer while the phase runs."""

    name: str = Field(description="Name of the phase.", examples=["machines"])
    state: PhaseState = Field(description="How far the phase is.")
    started_at: str = Field(default="", description="Empty before the phase begins.")
    seconds: float | None = Field(
        default=None, description="Duration in seconds; null before the phase begins."
    )


class NodeProgress(Answer):
    """One node of the cluster and whether it has reported."""

    name: str = Field(description="The node's name.", examples=["demo-worker-0"])
    role: Role = Field(description="What the node is for.")
    pool: str = Field(description="The pool that it belongs to.", default="", examples=["worker"])
    address: str = ADDRESS
    state: NodeState = Field(description="What is known of the node.")
    kubernetes_version: str | None = Field(
        description="Version of the kubelet that the node was last seen with, by a verification or "
        "an upgrade. In the middle of an upgrade, nodes have different ones. Null: the node has no "
        "kubelet, or none was seen yet.",
        default=None,
        examples=["1.36.2"],
    )


class PlayProgress(Answer):
    """What Ansible does at this moment."""

    stage: str = Field(default="", description="Id of the stage.", examples=["control-plane"])
    title: str = Field(default="", description="The stage, for people.", examples=["Control plane"])
    task: str = Field(default="", description="The task that runs.")
    host: str = Field(
        description="The host that it runs on, if it is one.", default="", examples=["demo-etcd-0"]
    )
    done: int = Field(default=0, description="How many stages the play was past at its furthest.")
    total: int = Field(default=0, description="How many stages the play runs.")


class Links(Answer):
    """Paths of the API that belong to the cluster."""

    cluster: str = Field(description="This cluster.", alias="self", examples=["/api/clusters/demo"])
    events: str = Field(
        description="The latest operation's events.", examples=["/api/clusters/demo/events"]
    )
    cancel: str = Field(
        description="POST cancels the operation.", examples=["/api/clusters/demo/cancel"]
    )


class AppliedKubernetes(SparseAnswer):
    """What the command line shows of the spec's field `kubernetes`."""

    version: str = Field(
        description="Minor version of Kubernetes.", default="", examples=["1.36.5"]
    )


class AppliedAddOns(SparseAnswer):
    """What the command line needs to know of the spec's field `addOns`."""

    dashboard: bool = Field(
        description="Whether the dashboard is on.", default=False, examples=[True]
    )


class AppliedSpec(SparseAnswer):
    """The spec as it was applied, with its defaults; `ClusterSpec` describes all of its fields. It
    is empty if no spec was accepted."""

    location: str = Field(description="Azure region.", default="", examples=["westeurope"])
    kubernetes: AppliedKubernetes = Field(
        description="What the spec says of Kubernetes.", default_factory=AppliedKubernetes
    )
    add_ons: AppliedAddOns = Field(
        description="What the spec says of add-ons.", default_factory=AppliedAddOns
    )


class KubernetesAccess(Answer):
    """How the cluster's Kubernetes API is reached: names of secrets, no secret."""

    vault: str = Field(description="URL of the Key Vault.")
    kubeconfig_secret: str = Field(description="Name of the kubeconfig's secret.")
    api_name: str = Field(description="The name in the API server's certificate.")
    public_address: str | None = Field(
        default=None, description="Address of the public frontend, if the spec has one."
    )


class ClusterDetail(Answer):
    """A cluster and the progress of its latest operation."""

    name: str = NAME
    state: ClusterState = Field(description="The state of the cluster.")
    stops_after: str | None = STOPS_AFTER
    generation: int = GENERATION
    kind: OperationKind | None = Field(default=None, description="What the latest operation does.")
    phase: str = Field(default="", description="The current phase, or the last one that began.")
    percent: Annotated[int, Field(json_schema_extra={"minimum": 0, "maximum": 100})] | None = Field(
        default=None,
        description="Progress of the latest operation; it never falls during one. Null: unknown, "
        "for example while the durable engine cannot be asked. Keep the operation's last number "
        "then.",
    )
    phases: tuple[PhaseProgress, ...] = Field(
        default=(), description="All phases of the latest operation, in their order."
    )
    nodes: tuple[NodeProgress, ...] = Field(
        default=(), description="All nodes of the plan, the controller first."
    )
    play: PlayProgress | None = Field(default=None, description="In the phase `playbook` only.")
    checks: tuple[CheckResult, ...] = Field(default=(), description="Of an operation that ended.")
    cause: FailureCause | None = Field(
        default=None,
        description="Why the latest operation did not succeed; null if it did or goes on.",
    )
    findings: tuple[ClusterFinding, ...] = FINDINGS
    maintenance: MaintenanceSchedule | None = Field(
        default=None, description="Null if the record cannot be read, or of a removed cluster."
    )
    note: str | None = Field(default=None, description="What else a reader has to know.")
    started_at: str | None = Field(
        default=None, description="When the latest operation was claimed."
    )
    caller: str | None = Field(
        default=None, description="Who started the latest operation, if known."
    )
    operation: str | None = Field(default=None, description="Path of the latest operation.")
    links: Links | None = Field(default=None, description="Null if the record cannot be read.")
    spec: AppliedSpec = Field(description="What was asked for last.", default_factory=AppliedSpec)
    group: str = Field(default="", description="Resource group.", examples=["demo-rg"])
    access: KubernetesAccess | None = Field(
        default=None, description="Null until an operation has brought up the Kubernetes API."
    )


class RunEvent(Event, Answer):
    """One event of an operation, in the order of `seq`."""


class EventList(Answer):
    """The events of one operation. `next` is the value for `after` in the next request."""

    generation: int = GENERATION
    events: tuple[RunEvent, ...] = Field(description="In the order of `seq`.")
    next: int = Field(description="Value of `after` for the next request.")


class StageName(Answer):
    """A stage of the playbook."""

    id: str = Field(description="For programs.", examples=["control-plane"])
    name: str = Field(description="For people.", examples=["Control plane"])


class TimelinePart(Answer):
    """A deployment or a stage of the playbook. `stopped`: the operation ended before its result."""

    id: str = Field(default="", description="The deployment's name, or the stage's id.")
    name: str = Field(description="For people.")
    state: PartState = Field(description="How far it is.")
    started_at: str = Field(description="When it began.")
    ended_at: str | None = Field(default=None, description="When it ended; null while it runs.")


class NodeReports(Answer):
    """Nodes that reported at one time. `further`: how many more, whose names are not listed."""

    time: str = Field(description="When they reported.")
    nodes: tuple[str, ...] = Field(default=(), description="Their names.")
    further: int = Field(default=0, description="How many more, whose names are not listed.")


class RunTimeline(Answer):
    """When each part of an operation began and ended."""

    name: str = NAME
    generation: int = GENERATION
    started_at: str | None = Field(default=None, description="Time of the operation's first event.")
    ended_at: str | None = Field(
        default=None, description="Null while the operation is in progress."
    )
    deployments: tuple[TimelinePart, ...] = Field(
        default=(), description="ARM deployments, in the order in which they began."
    )
    stages: tuple[TimelinePart, ...] = Field(
        default=(), description="Stages of the playbook, in the order in which they began."
    )
    skipped: tuple[StageName, ...] = Field(
        default=(), description="Stages that the operation's spec leaves out, in their order."
    )
    reports: tuple[NodeReports, ...] = Field(default=(), description="When nodes reported.")
