"""The cluster record: one blob per cluster, claimed by its ETag before an operation starts."""

from typing import Annotated, Any, Literal, cast

from pydantic import Field

from cluster.health import HealthFinding
from cluster.model import OPEN_TEXT, KeptContract
from cluster.outcomes import Cause
from cluster.roles import Role
from cluster.stages import early_end

State = Literal["running", "ready", "failed", "cancelled", "deleting", "deleted", "degraded"]
Kind = Literal[
    "reconcile", "delete", "backup", "replace", "restore", "upgrade", "maintain", "rotate"
]
# What an operation can exchange for a new one.
Credential = Literal["ssh-key", "encryption-key", "kubeconfig"]


class PlannedNode(KeptContract):
    """A node of the plan, which exists or is missing. Its name and address never change.

    `leaving`: a run removes it, or was removing it when it ended.
    """

    name: str
    role: Annotated[Role, OPEN_TEXT]
    pool: str
    index: int
    address: str
    leaving: bool = False


class ClaimedOperation(KeptContract):
    """The claim of one run.

    A request joins the run if it has the same `request_hash` (of the document that was sent) or the
    same `spec_hash` (of the spec with all defaults). Records of older versions have no
    `request_hash`.

    `removes`, `replaces`: the node that the request named for its removal or its replacement, or
    "". `force`: the request allows that node's pods to be deleted if they cannot be evicted.
    """

    generation: int
    kind: Annotated[Kind, OPEN_TEXT]
    instance_id: str
    spec_hash: str = ""
    request_hash: str = ""
    started_at: str
    caller: str = ""
    finished: bool = False
    profile: str = ""
    removes: str = ""
    replaces: str = ""
    force: bool = False
    # Whether a full pass was asked for: every stage on every machine.
    full: bool = False
    # The id of the backup that the operation restores, or "".
    backup: str = ""
    # The credential that the operation rotates, and the id of that rotation, or "". A rotation that
    # was not finished keeps its id in the operations that go on with it.
    rotates: Annotated[Credential | Literal[""], OPEN_TEXT] = ""
    rotation: str = ""
    # Of an operation that may leave the cluster as it was: the state and the cause that the record
    # had before it, and gets back.
    state_before: Annotated[State | Literal[""], OPEN_TEXT] = ""
    cause_before: Cause | None = None
    # Of an operation that goes on with one that did not succeed: the state and the cause that the
    # record had before that one, and gets back once this one succeeds. "": those above.
    state_resumed: Annotated[State | Literal[""], OPEN_TEXT] = ""
    cause_resumed: Cause | None = None
    # When the last operation began that may have created the group. "": this one may.
    since: str = ""


class Access(KeptContract):
    """How the API is reached once it exists.

    The fields are the name of the kubeconfig's secret and the public addresses of the controller
    and of the API's frontend. An address is "" if there is none.
    """

    kubeconfig: str
    controller_address: str = ""
    public_address: str = ""


class ClusterRecord(KeptContract):
    """Everything that outlives a run. It contains names of secrets, never a secret."""

    name: str
    uid: str
    generation: int = 0
    state: Annotated[State, OPEN_TEXT] = "running"
    spec: dict[str, Any] = Field(default_factory=dict)
    # A replacement began and has not succeeded: machines may be made as another spec says.
    replacing: bool = False
    # The spec that the machines were created from. None before anything was created. Its version of
    # Kubernetes changes when every node has the new one.
    built: dict[str, Any] | None = None
    # The version that an upgrade has begun to install and that not every node has, or "".
    upgrading: str = ""
    group: str = ""
    group_owned: bool = False
    # The group was deleted since: a group of the same name is a new one.
    group_deleted: bool = False
    # The first run since which the group is this one. Earlier runs are those of clusters of the
    # same name in other groups. None: an older version wrote the record.
    group_since: int | None = None
    # The tag of the group that the cluster was started from. Empty: by the API, or by a version
    # that did not record it.
    tag: str = ""
    # The rotations that began and are not finished: by the credential, the rotation's id.
    rotations: dict[str, str] = Field(default_factory=dict)
    # Every resource group and every secret that any plan of the cluster named. A removal works from
    # these: the spec may have changed since, and the group of an earlier plan may still be there.
    groups: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    subnets: dict[str, str] = Field(default_factory=dict)
    slots: tuple[PlannedNode, ...] = ()
    # The version of the kubelet that each node was last seen with, such as 1.36.2. A node that was
    # never seen, or only by a version that did not record it, is absent.
    kubelets: dict[str, str] = Field(default_factory=dict)
    # Fault domains of the existing availability sets. None: they were created before it was
    # recorded.
    fault_domains: int | None = None
    access: Access | None = None
    operation: ClaimedOperation | None = None
    cause: Cause | None = None
    updated_at: str = ""
    # What the last maintenance found, less what a later operation refuted. When it was claimed.
    findings: tuple[HealthFinding, ...] = ()
    maintained_at: str = ""

    def with_slots(self, slots: tuple[PlannedNode, ...]) -> "ClusterRecord":
        """Returns the record with these nodes. A node that the record already has keeps its unknown
        fields."""
        unknown = {slot.name: slot.model_extra or {} for slot in self.slots}
        kept = (slot.model_dump() | unknown.get(slot.name, {}) for slot in slots)
        return self.model_copy(update={"slots": tuple(map(PlannedNode.model_validate, kept))})

    @property
    def every_group(self) -> tuple[str, ...]:
        """Returns every group that may hold something of the cluster, each once in any case."""
        named = {name.lower(): name for name in (*self.groups, self.group) if name}
        return tuple(named.values())

    def is_of_group(self, generation: int) -> bool:
        """Returns whether the run is known to be one of a cluster in the record's group.

        Run 0 tells of tags, of whichever group had the name.
        """
        if self.group_since is None:
            return self.operation is not None and generation == self.operation.generation
        if generation == 0:
            return self.group_since <= 1
        return self.group_since <= generation <= self.generation

    def since_in(self, group: str, generation: int) -> int:
        """Returns `group_since` if a run of that generation is for that group."""
        known = self.group_since is not None and self.group.lower() == group.lower()
        return self.group_since if known and self.group_since else generation

    @property
    def stops_after(self) -> str:
        """Returns the id of the stage after which the play of the record's spec ends, or "" if it
        runs all stages. It is "" for a cluster that is being removed, too."""
        if self.state in ("deleting", "deleted"):
            return ""
        playbook: Any = self.spec.get("playbook")
        last = cast(dict[str, Any], playbook).get("through") if isinstance(playbook, dict) else None
        return early_end(last if isinstance(last, str) else None)

    @property
    def kubernetes(self) -> str:
        """Returns the minor version of Kubernetes that the record's spec asks for, or "" if its
        play ends before the cluster has Kubernetes."""
        wanted: Any = self.spec.get("kubernetes")
        named = cast(dict[str, Any], wanted).get("version") if isinstance(wanted, dict) else None
        left_out = self.stops_after and self.access is None
        return named if isinstance(named, str) and not left_out else ""

    @property
    def built_kubernetes(self) -> str:
        """Returns the minor version of Kubernetes that the cluster was built with, or "" if no run
        has brought up its API."""
        wanted: Any = (self.built or {}).get("kubernetes")
        named = cast(dict[str, Any], wanted).get("version") if isinstance(wanted, dict) else None
        known = isinstance(named, str) and self.access is not None
        return ".".join(str(named).split(".")[:2]) if known else ""

    @property
    def busy(self) -> bool:
        return self.operation is not None and not self.operation.finished

    @property
    def is_tombstone(self) -> bool:
        return self.state == "deleted"


class RemovalProgress(KeptContract):
    """What a removal has requested, so that it follows a request and does not repeat it.

    Attributes:
        operations: the URL of each group's deletion, which ARM named, by the group's name.
        looks: how often a group was found whole after its deletion had ended.
        requested: when the deletion of a resource was requested, in Unix seconds, by its id.
        owned: ids of resources that were seen with the owner's tags. The disk that Azure makes for
            a machine may have tags only as long as the machine exists.
        kept: what is told of a group that is kept, by the group's name.
    """

    operations: dict[str, str] = Field(default_factory=dict)
    looks: dict[str, int] = Field(default_factory=dict)
    requested: dict[str, float] = Field(default_factory=dict)
    owned: tuple[str, ...] = ()
    kept: dict[str, tuple[str, ...]] = Field(default_factory=dict)
