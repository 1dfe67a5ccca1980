"""The answers of the HTTP API to requests that start, plan, follow or examine something."""

from typing import Any, Literal

from pydantic import Field

from cluster.api import ADDRESS, NAME, OPERATION, STOPS_AFTER, CheckResult, FailureCause
from cluster.api_base import Answer, SparseAnswer
from cluster.findings import Finding, Fix
from cluster.roles import Role

type ControllerState = Literal["starting", "running", "deallocating", "deallocated"]


class CancelAccepted(Answer):
    """The running operation was asked to end."""

    name: str = NAME
    operation: str = OPERATION
    location: str = OPERATION


class OperationAccepted(CancelAccepted):
    """The operation that does what the request asks for."""

    joined: bool = Field(default=False, description="The same request was already in progress.")


class OperationRunning(SparseAnswer):
    """An operation that has not ended."""

    name: str = NAME
    status: Literal["running"] = Field(description="The operation goes on.")
    phase: str = Field(description="The current phase; empty before the first.")
    operation: str = OPERATION
    note: str = Field(default="", description="Why the progress is not known at the moment.")


class OperationSucceeded(Answer):
    """An operation that did what it was asked for."""

    name: str = NAME
    status: Literal["succeeded"] = Field(description="The operation has ended.")
    operation: str = OPERATION
    finished_at: str = Field(description="When it ended.")
    checks: tuple[CheckResult, ...] = Field(default=(), description="What the verification found.")
    cluster: str = Field(description="The cluster's path.", examples=["/api/clusters/demo"])
    stops_after: str | None = STOPS_AFTER


class PlannedMachine(Answer):
    """A node of a plan, and what an operation would do with its machine."""

    name: str = Field(description="The node's name.", examples=["demo-worker-0"])
    role: Role = Field(description="What the node is for.")
    pool: str = Field(default="", description="The pool that it belongs to.")
    address: str = ADDRESS
    action: Literal["create", "keep", "remove", "replace", "upgrade"] = Field(
        description="`create`: the machine does not exist. `keep`: it is left as it is. `remove`: "
        "its pods are evicted, then it is deleted. `replace`: a machine as the spec says takes its "
        "place; a worker may have another number then. `upgrade`: its pods are evicted, then it "
        "gets a later version of Kubernetes, if it does not have it yet."
    )


class PlannedTemplate(Answer):
    """An ARM deployment that an operation would make."""

    part: str = Field(description="What is deployed.", examples=["network"])
    template: str = Field(description="The ARM template.", examples=["arm/cluster/network.json"])
    nodes: int = Field(description="How many machines it creates.")


class FieldChange(Answer):
    """A field of the spec that differs from the spec that was applied last."""

    path: str = Field(description="The field.", examples=["workers[0].count"])
    before: str = Field(default="", description="As JSON; empty if the field was not set.")
    after: str = Field(default="", description="As JSON; empty if the field is not set any more.")


class PlannedStage(Answer):
    """A stage of the play, and the machines on which it would run."""

    stage: str = Field(description="The stage's id.", examples=["workers"])
    nodes: tuple[str, ...] = Field(description="Names.", examples=[["demo-worker-2"]])


class PlannedUpgrade(Answer):
    """An upgrade of Kubernetes. The patch releases are those of the nodes and of the manifest."""

    before: str = Field(description="The cluster's version.", examples=["1.35"])
    after: str = Field(description="The wanted version.", examples=["1.36"])
    nodes: tuple[str, ...] = Field(
        description="Names, in the order in which they are upgraded, one after the other.",
        examples=[["demo-control-plane-0", "demo-worker-0"]],
    )


class ClusterPlan(Answer):
    """What an operation would do. Nothing was created."""

    name: str = NAME
    group: str = Field(description="Resource group.", examples=["demo-rg"])
    location: str = Field(description="Azure region.", examples=["westeurope"])
    subnets: dict[str, str] = Field(
        description="Network of each pool and role.",
        default_factory=dict,
        examples=[{"etcd": "10.0.4.0/22"}],
    )
    api_address: str = ADDRESS
    nodes: tuple[PlannedMachine, ...] = Field(
        description="All nodes, the controller first and those to remove last."
    )
    deployments: tuple[PlannedTemplate, ...] = Field(
        description="In the order in which they are made."
    )
    play: tuple[PlannedStage, ...] = Field(
        default=(), description="The stages that concern machines; empty if there is no play."
    )
    upgrade: PlannedUpgrade | None = Field(
        default=None, description="The upgrade of Kubernetes, if it is one."
    )
    inventory: dict[str, Any] = Field(
        default_factory=dict, description="The Ansible inventory of the operation."
    )
    changes: tuple[FieldChange, ...] = Field(
        default=(),
        description="Fields that differ from the spec that was applied last; empty for a new "
        "cluster.",
    )
    notes: tuple[str, ...] = Field(default=(), description="What to know about valid choices.")
    faults: tuple[str, ...] = Field(
        default=(), description="What Azure or a quota would refuse; empty if nothing."
    )


class ControllerStatus(Answer):
    """The controller VM of a cluster."""

    name: str = NAME
    state: ControllerState = Field(description="What the VM does.")
    controller: str = Field(description="The VM's name.", examples=["demo-controller"])


class ControllerStarting(ControllerStatus):
    """A controller that does not run yet: repeat the request."""

    started: bool = Field(
        description="True if this request started the VM. That caller stops it when it is done."
    )


class SshAccess(Answer):
    """SSH to the controller. The private key is in the vault."""

    host: str = Field(description="Address.")
    port: int = Field(description="TCP port.")
    user: str = Field(description="User name.")
    host_key: str = Field(description="Public host key, to pin.")
    key_secret: str = Field(description="Name of the private key's secret.")
    vault: str = Field(description="URL of the Key Vault.")


class NodeSshAccess(Answer):
    """SSH to a node, through the controller and with the same user and key."""

    name: str = Field(description="The node's name.", examples=["demo-etcd-0"])
    host: str = ADDRESS
    host_key: str = Field(description="Public host key, to pin.")


class Endpoint(Answer):
    """A TCP endpoint inside of the cluster's network."""

    host: str = Field(description="Address.")
    port: int = Field(description="TCP port.")


class ControllerRunning(ControllerStarting):
    """A controller that runs, with all that a connection through it needs."""

    ssh: SshAccess = Field(description="How to log in to the controller.")
    api: Endpoint = Field(description="The Kubernetes API behind it.")
    node: NodeSshAccess | None = Field(
        default=None, description="The node that the request named, if it named one."
    )


class SignIn(Answer):
    """How a caller identifies itself."""

    access: Literal["keys", "keys-and-tokens", "tokens"] = Field(
        description="By a function key, by a key and a token, or by a token only."
    )
    authority: str = Field(
        default="", description="Where tokens are requested; empty: no tokens are accepted."
    )
    tenant_id: str = Field(default="", description="The tenant of Microsoft Entra ID.")
    client_id: str = Field(
        default="", description="The app registration: the scope is api://CLIENT-ID/.default."
    )


class PageSession(Answer):
    """Whether the page has a session, which stands for a function key."""

    open: bool = Field(description="The cookie of the request is that of a session.")


class InstallationFinding(Finding, Answer):
    """The outcome of one check of the installation."""

    mend: Fix | None = Field(
        default=None, description="The same as `fix`, under its older name.", deprecated=True
    )


class InstallationReport(Answer):
    """What the examination of the installation found. `well`: nothing failed."""

    well: bool = Field(description="Nothing failed.")
    findings: tuple[InstallationFinding, ...] = Field(description="One for each check.")


class RecordForgotten(Answer):
    """The record was moved out of the way. The cluster's resources and secrets still exist."""

    name: str = NAME
    copied_to: str = Field(
        description="The blob in the installation's container that has the record now.",
        examples=["forgotten/demo/20261129T120000.000000Z.json"],
    )


class FieldFault(Answer):
    """One field that was refused. `path` is written as in the spec: `workers[0].count`."""

    path: str = Field(description="The field.", examples=["workers[0].count"])
    message: str = Field(description="What is wrong with it.")
    allowed: str = Field(
        default="", description="Values that are allowed; empty if they cannot be listed."
    )


class Problem(SparseAnswer):
    """Problem details (RFC 9457): the answer of every request that failed."""

    type: str = Field(
        default="about:blank", description="A URI that identifies the kind of problem."
    )
    title: str = Field(
        description="What is wrong, in short.", default="", examples=["the spec was refused"]
    )
    status: int = Field(default=0, description="The HTTP status.", examples=[400])
    detail: str = Field(default="", description="What is wrong here, and what to do.")
    operation: str = Field(default="", description="Path of the operation that it is about.")
    cause: FailureCause | None = Field(default=None, description="Why the operation failed.")
    faults: tuple[FieldFault, ...] = Field(default=(), description="The fields that were refused.")
    code: str = Field(default="", description="The code of a service that refused.")

    @classmethod
    def required_in_schema(cls) -> list[str]:
        return ["type", "title", "status"]
