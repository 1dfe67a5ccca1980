"""The contracts of the activities: a name, one input model, one output model.

Orchestrators call activities by their contracts, and activities are registered under them. A field
that is added later has a default. Payloads stay under 32 KB: larger data is in blob storage.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from cluster.health import HealthFinding
from cluster.model import OPEN_TEXT, Contract
from cluster.outcomes import Cause, Outcome


class RunRef(Contract):
    """Identifies a run. Its spec, plan and record are in blob storage under these fields."""

    cluster: str
    generation: int


class PlannedPart(Contract):
    """The fields of a planned deployment that the orchestrator needs."""

    part: str
    template: str
    nodes: int


class PlanResult(Outcome):
    parts: tuple[PlannedPart, ...] = ()
    nodes: int = 0
    keep_controller: bool = False
    nodes_deadline_seconds: int = 1500
    play_deadline_seconds: int = 5400
    stages: tuple[str, ...] = ()
    # Nodes that the run removes, and wanted nodes that an earlier run was removing.
    leaving: int = 0
    returning: int = 0
    force: bool = False
    uncordon: bool = True
    drain_deadline_seconds: int = 900


class DeploymentRef(RunRef):
    part: str


class DeploymentsRef(RunRef):
    parts: tuple[str, ...]


class FailedPart(Contract):
    """`later`: every root cause is a code that means "ask again later"."""

    part: str
    cause: Cause
    later: bool = False


class DeploymentsResult(Outcome):
    """The parts that have ended. All other parts are still running."""

    finished: tuple[str, ...] = ()
    failed: tuple[FailedPart, ...] = ()


class ProbeInput(RunRef):
    """The input of a probe. `final`: the deadline has passed, so the logs of silent nodes are
    collected."""

    final: bool = False


class ProbeResult(Outcome):
    """The result of a probe.

    `total` is 0 if no node could be reached. `newly` has as many names as fit into a payload.
    """

    ready: int = 0
    total: int = 0
    newly: tuple[str, ...] = ()


class WakeResult(Outcome):
    """The nodes whose start was requested, and those that are still not running."""

    started: tuple[str, ...] = ()
    resting: tuple[str, ...] = ()


class PlayInput(RunRef):
    """An attempt of the play.

    `concerned_only`: it leaves out what it concerns no more. Runs of older versions do not ask for
    that.
    """

    attempt: int = 1
    concerned_only: bool = False


class PlayStart(Outcome):
    """The machines on which the play runs a stage. None: an older version started the play.

    `whole`: it runs every stage on each of its machines. `stages`: the ids of those that run on any
    machine, in their order.
    """

    machines: int | None = None
    whole: bool = True
    stages: tuple[str, ...] = ()


class PollPlayInput(PlayInput):
    events_offset: int = 0
    log_offset: int = 0


class PlayEvent(Contract):
    """One line of the play's own event stream, cut to what a reader needs.

    Attributes:
        stage: the id of the stage that the play belongs to.
        play: the play's name, for people.
        stats: the controller's counts for each host. Only `poll_play` reads them: a recap's
            `message` has their sums.
        failed: of the end of a stage, the hosts that have failed by then. Only `poll_play` reads
            these events.
    """

    time: str = ""
    kind: Annotated[
        Literal["play", "task", "stage", "failed", "unreachable", "recap", "other"], OPEN_TEXT
    ] = "other"
    stage: str = ""
    play: str = ""
    task: str = ""
    role: str = ""
    host: str = ""
    message: str = ""
    stats: dict[str, dict[str, int]] = Field(default_factory=dict)
    failed: tuple[str, ...] = ()


class PollPlayResult(Outcome):
    """The play's state, and the events since the last poll.

    `play_state` is `lost` if neither the unit nor a result exists: the controller was restarted or
    replaced. The offsets are None if the streams could not be read. The reader then keeps its
    offsets.
    """

    play_state: Literal["running", "finished", "lost"] = "running"
    exit_code: int | None = None
    events: tuple[PlayEvent, ...] = ()
    events_offset: int | None = None
    log_offset: int | None = None


class DrainInput(RunRef):
    """The input of one pass over the nodes that leave.

    `step`: evict; after the deadline, with force: delete what is left, and at last leave it behind.
    """

    step: Annotated[Literal["evict", "delete", "leave"], OPEN_TEXT] = "evict"


class BlockedPod(Contract):
    """A pod that was not evicted. `budget`: the disruption budget that refused, or ""."""

    pod: str
    node: str
    budget: str = ""
    message: str = ""


class DrainResult(Outcome):
    """What is left after a pass.

    Attributes:
        looked: whether the API server answered. Otherwise the other fields say nothing.
        kubernetes: whether the cluster has any. Without it, nothing has to be drained.
        emptied: how many leaving nodes have no pod left.
        newly: the names of those that this pass found so first, as many as fit into a payload.
        pods: the pods that are left on the others.
        blocked: the first pods that were not evicted.
    """

    looked: bool = False
    kubernetes: bool = True
    emptied: int = 0
    newly: tuple[str, ...] = ()
    pods: int = 0
    blocked: tuple[BlockedPod, ...] = ()


class TurnInput(RunRef):
    """The input of the plan of one turn of a replacement. Turn 0 is the survey: nothing is created
    or removed by it, and what any turn will need is checked."""

    turn: int


class TurnPlan(PlanResult):
    """The plan of a turn.

    Attributes:
        turn: its number.
        rebuilt: how many of the leaving nodes come back under their names: they are removed before
            machines are created, the others afterwards.
        members: whether these are control planes or etcd members.
        outdated: how many nodes are still to be replaced, those of this turn included.
        names: the leaving nodes, as many as fit into a payload.
        named: the node that the request of the replacement names, or "".
    """

    turn: int = 0
    rebuilt: int = 0
    members: bool = False
    outdated: int = 0
    names: tuple[str, ...] = ()
    named: str = ""


class ForgetResult(Outcome):
    """The nodes that were removed: how many, and as many names as fit into a payload."""

    count: int = 0
    nodes: tuple[str, ...] = ()


class BackupPlan(Outcome):
    """Whether the run of a backup leaves the controller running."""

    keep_controller: bool = False


class BackupResult(Outcome):
    """The backup that was taken. Everything about it is in the blob beside the snapshot."""

    id: str = ""
    member: str = ""
    bytes: int = 0
    revision: int = 0
    keys: int = 0


class PruneResult(Outcome):
    """The backups that were removed: how many, and as many ids as fit into a payload."""

    count: int = 0
    removed: tuple[str, ...] = ()


class RestorePlan(Outcome):
    """The backup that a run restores, and whether it leaves the controller running."""

    backup: str = ""
    taken_at: str = ""
    keep_controller: bool = False


class RestoreInput(RunRef):
    """`backup`: the id of the backup that the run restores."""

    backup: str = ""


class ReplaceResult(Outcome):
    """The members with the snapshot's data, and where each has its old data, or ""."""

    aside: dict[str, str] = Field(default_factory=dict)


class MembersResult(Outcome):
    """The revision of etcd after its members have started with a snapshot's data."""

    revision: int = 0


class KubeletsResult(Outcome):
    """The nodes after a restore: how many of all are ready, and the first of those that are not.

    `others`: nodes that Kubernetes knows and the cluster does not have.
    """

    ready: int = 0
    total: int = 0
    missing: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


class UndoResult(Outcome):
    """`restored`: a member has the snapshot's data, so nothing was undone."""

    restored: bool = False


class RotationPlan(BackupPlan):
    """What a run rotates: an id of `cluster.record.Credential`. `resumed`: an earlier run has begun
    the rotation."""

    credential: str = ""
    resumed: bool = False


class RewriteResult(Outcome):
    """How many Secrets etcd has. None of them is encrypted with another key than the new one."""

    total: int = 0


class UpgradeInput(RunRef):
    """The nodes of one role."""

    role: Annotated[Literal["control-plane", "worker"], OPEN_TEXT]


class UpgradeNode(RunRef):
    """One node of an upgrade. `step`: as in `DrainInput`."""

    node: str
    step: Annotated[Literal["evict", "delete", "leave"], OPEN_TEXT] = "evict"


class UpgradePlay(PlayInput):
    """A play of an upgrade.

    `node`: the node that it upgrades. "": it brings etcd to the manifest's version, if that is
    another one, and the new programs and images to every node.
    """

    node: str = ""


class UpgradeFound(Outcome):
    """What an upgrade found before it changed anything.

    Attributes:
        kubernetes: whether the cluster has any. Without it, no node is upgraded.
        version: that of the API server which answered.
        nodes: how many nodes there are.
        resumed: an earlier run has begun the upgrade.
    """

    kubernetes: bool = True
    version: str = ""
    nodes: int = 0
    resumed: bool = False


class NextNode(Outcome):
    """The next node that does not have the version of the manifest.

    Attributes:
        node: its name, or "" if there is none.
        before: the version that it has.
        upgraded: it has the new version, and an earlier run left it unschedulable.
        version: the version of the manifest.
        done: how many of the role's `total` nodes have it.
    """

    node: str = ""
    before: str = ""
    upgraded: bool = False
    version: str = ""
    done: int = 0
    total: int = 0


class MaintenancePlan(BackupPlan):
    """What a maintenance works on.

    Attributes:
        nodes: how many nodes the cluster has.
        stages: the stages of its play.
        resting: no etcd member and no control plane runs. Then nothing can be maintained.
        findings: machines that are missing or off, as far as was asked.
        security_updates: whether the machines get security updates and are restarted for them.
        drain_deadline_seconds: how long a node may take to be empty before its restart.
    """

    nodes: int = 0
    play_deadline_seconds: int = 5400
    stages: tuple[str, ...] = ()
    resting: bool = False
    findings: tuple[HealthFinding, ...] = ()
    security_updates: bool = False
    drain_deadline_seconds: int = 900


class FindInput(RunRef):
    """`start`: how many machines of the cluster were asked before."""

    start: int = 0


class FoundUpdates(Outcome):
    """What some machines answered.

    Attributes:
        nodes: those that have security updates, need a restart, or were left unschedulable.
        next: how many machines have been asked by now; 0: all of them.
        silent: how many of them could not say.
    """

    nodes: tuple[str, ...] = ()
    next: int = 0
    silent: int = 0


class UpdateNode(RunRef):
    """One machine.

    Attributes:
        boot: the boot from which it is to be restarted.
        step: `leave`: it is only made schedulable again.
    """

    node: str
    boot: str = ""
    step: Annotated[Literal["restart", "leave"], OPEN_TEXT] = "restart"


class UpdateResult(Outcome):
    """The end of an installation.

    Attributes:
        failed: what went wrong, or "".
        restart: why the machine has to be restarted, or "".
        boot: the boot since which it runs.
    """

    failed: str = ""
    restart: str = ""
    boot: str = ""


class RestartResult(Outcome):
    """The end of a restart.

    Attributes:
        restart: why the machine would have to be restarted even now, or "".
        held: why the machine was not restarted yet and runs on as before, or "".
    """

    restart: str = ""
    held: str = ""


class ExamineInput(RunRef):
    """`suspects`: machines of which a check failed. Azure is asked whether they run."""

    suspects: tuple[str, ...] = ()


class ExamineResult(Outcome):
    """What was found besides the verification's checks: certificates, backups, power states."""

    findings: tuple[HealthFinding, ...] = ()


class Check(Contract):
    """The result of one check of a running system."""

    name: str = Field(
        description="What was checked, and on which node.", examples=["etcd on demo-etcd-0"]
    )
    ok: bool = Field(description="Whether it passed.")
    detail: str = Field(default="", description="What was found.")


class VerifyInput(RunRef):
    """`attempt`: how often the run verifies the cluster. Each has its own list of checks."""

    attempt: int = 1


class VerifyResult(Outcome):
    """The result of the verification.

    `checks` has failed ones first, and as many as fit into a payload. All of them are in the run's
    checks.json. `total` and `failed` count all checks. 0 of 0 is the result of an older version.
    """

    checks: tuple[Check, ...] = ()
    total: int = 0
    failed: int = 0


class RecordInput(RunRef):
    """Lines to append to the run's event blob at exactly this byte position."""

    position: int
    lines: tuple[str, ...]


class RecordResult(Outcome):
    position: int = 0


class SlackInput(RunRef):
    """Message `number` of the run. `attempt` counts the throttled posts of the same message."""

    number: int
    lines: tuple[str, ...]
    attempt: int = 0


class SlackResult(Outcome):
    posted: Annotated[Literal["posted", "throttled", "lost"], OPEN_TEXT] = "posted"
    reason: str = ""


class PhaseRecord(Contract):
    """One phase of a run. `seconds` is the time until now while the phase runs."""

    name: str
    state: Annotated[Literal["pending", "running", "done", "failed", "cancelled"], OPEN_TEXT] = (
        "pending"
    )
    started_at: str = ""
    seconds: float | None = None


class FinishInput(RunRef):
    """The end of a run. It becomes the run's result file and the record's state.

    `percent` is the progress that the run reached. It is 0 in results of older versions.
    `findings` is what a maintenance found. `skipped`: why a maintenance did nothing, or "".
    """

    result: Annotated[Literal["succeeded", "failed", "cancelled"], OPEN_TEXT]
    cause: Cause | None = None
    phases: tuple[PhaseRecord, ...] = ()
    checks: tuple[Check, ...] = ()
    note: str = ""
    percent: int = 0
    finished_at: str = ""
    findings: tuple[HealthFinding, ...] = ()
    skipped: str = ""


@dataclass(frozen=True)
class Activity[In: Contract, Out: Outcome]:
    """An activity's name and the models of its input and its result.

    Attributes:
        seconds: the longest duration of one execution. At its end the execution returns `wait`, and
            the next one continues (`clients/time_limit.py`). It is far below host.json's
            functionTimeout, at which the host ends the worker process with everything that runs in
            it.
        changes: whether the activity changes something outside of the run's record. The step after
            a cancel then waits for its end.
        reports: whether the activity changes only what is known of the run: its record, Slack.
            Every other activity does nothing after a newer operation was claimed, and one with
            changes does nothing after the run has ended.
        ends_own: whether the activity only ends what this run began, under names that have its
            generation. It does that after a newer operation was claimed too.
    """

    name: str
    takes: type[In]
    gives: type[Out]
    seconds: float = 120.0
    changes: bool = True
    reports: bool = False
    ends_own: bool = False

    def result(self, raw: Any) -> Out:
        return self.gives.model_validate(raw)


PLAN_CLUSTER = Activity("plan_cluster", RunRef, PlanResult)
ENSURE_GROUP = Activity("ensure_group", RunRef, Outcome)
CHECK_PREFLIGHT = Activity("check_preflight", RunRef, Outcome, seconds=240.0, changes=False)
ENSURE_KEYS = Activity("ensure_keys", RunRef, Outcome)
START_DEPLOYMENT = Activity("start_deployment", DeploymentRef, Outcome, seconds=180.0)
POLL_DEPLOYMENTS = Activity("poll_deployments", DeploymentsRef, DeploymentsResult, changes=False)
CANCEL_DEPLOYMENTS = Activity("cancel_deployments", DeploymentsRef, Outcome, ends_own=True)
START_CONTROLLER = Activity("start_controller", RunRef, Outcome)
STOP_CONTROLLER = Activity("stop_controller", RunRef, Outcome)
WAKE_NODES = Activity("wake_nodes", RunRef, WakeResult)
PROBE_NODES = Activity("probe_nodes", ProbeInput, ProbeResult, changes=False)
START_PLAY = Activity("start_play", PlayInput, PlayStart, seconds=180.0)
POLL_PLAY = Activity("poll_play", PollPlayInput, PollPlayResult, seconds=180.0, changes=False)
STOP_PLAY = Activity("stop_play", PlayInput, Outcome, ends_own=True)
VERIFY_CLUSTER = Activity("verify_cluster", VerifyInput, VerifyResult, seconds=240.0)
DRAIN_NODES = Activity("drain_nodes", DrainInput, DrainResult, seconds=120.0)
RETURN_NODES = Activity("return_nodes", RunRef, Outcome)
DELETE_MACHINES = Activity("delete_machines", RunRef, Outcome, seconds=240.0)
FORGET_NODES = Activity("forget_nodes", RunRef, ForgetResult)
PLAN_TURN = Activity("plan_turn", TurnInput, TurnPlan)
CHECK_MEMBERS = Activity("check_members", RunRef, Outcome, changes=False)
RELEASE_MEMBERS = Activity("release_members", RunRef, Outcome)
PLAN_BACKUP = Activity("plan_backup", RunRef, BackupPlan)
TAKE_BACKUP = Activity("take_backup", RunRef, BackupResult, seconds=240.0)
PRUNE_BACKUPS = Activity("prune_backups", RunRef, PruneResult)
PLAN_RESTORE = Activity("plan_restore", RunRef, RestorePlan)
PREPARE_RESTORE = Activity("prepare_restore", RestoreInput, Outcome, seconds=240.0)
STOP_API_SERVERS = Activity("stop_api_servers", RunRef, Outcome)
REPLACE_DATA = Activity("replace_data", RunRef, ReplaceResult, seconds=180.0)
START_MEMBERS = Activity("start_members", RunRef, MembersResult)
START_API_SERVERS = Activity("start_api_servers", RunRef, Outcome)
AWAIT_KUBELETS = Activity("await_kubelets", RunRef, KubeletsResult)
UNDO_RESTORE = Activity("undo_restore", RunRef, UndoResult)
PLAN_ROTATION = Activity("plan_rotation", RunRef, RotationPlan)
ADD_CREDENTIAL = Activity("add_credential", RunRef, Outcome, seconds=240.0)
PROVE_CREDENTIAL = Activity("prove_credential", RunRef, Outcome, seconds=240.0, changes=False)
USE_CREDENTIAL = Activity("use_credential", RunRef, Outcome, seconds=240.0)
REWRITE_SECRETS = Activity("rewrite_secrets", RunRef, RewriteResult, seconds=240.0)
RETIRE_CREDENTIAL = Activity("retire_credential", RunRef, Outcome, seconds=240.0)
ASSESS_UPGRADE = Activity("assess_upgrade", RunRef, UpgradeFound, changes=False)
BEGIN_UPGRADE = Activity("begin_upgrade", RunRef, Outcome)
NEXT_UPGRADE = Activity("next_upgrade", UpgradeInput, NextNode, changes=False)
DRAIN_NODE = Activity("drain_node", UpgradeNode, DrainResult)
START_UPGRADE = Activity("start_upgrade", UpgradePlay, PlayStart, seconds=180.0)
RETURN_NODE = Activity("return_node", UpgradeNode, Outcome)
END_UPGRADE = Activity("end_upgrade", RunRef, Outcome)
PLAN_MAINTENANCE = Activity("plan_maintenance", RunRef, MaintenancePlan)
FIND_UPDATES = Activity("find_updates", FindInput, FoundUpdates, seconds=240.0, changes=False)
INSTALL_UPDATES = Activity("install_updates", UpdateNode, UpdateResult)
VACATE_NODE = Activity("vacate_node", UpdateNode, DrainResult)
RESTART_NODE = Activity("restart_node", UpdateNode, RestartResult)
EXAMINE_MACHINES = Activity("examine_machines", ExamineInput, ExamineResult, seconds=240.0)
RECORD_EVENTS = Activity("record_events", RecordInput, RecordResult, reports=True)
POST_SLACK = Activity("post_slack", SlackInput, SlackResult, seconds=60.0, reports=True)
FINISH_RUN = Activity("finish_run", FinishInput, Outcome, reports=True)
AWAIT_PREVIOUS_RUN = Activity("await_previous_run", RunRef, Outcome, changes=False)
DELETE_RESOURCES = Activity("delete_resources", RunRef, Outcome, seconds=240.0)
DELETE_SECRETS = Activity("delete_secrets", RunRef, Outcome, seconds=240.0)

# A whole number, equal to host.json's defaultVersion. It is increased by a change that a run in
# progress could not replay (docs/decisions/0009-orchestration-versions.md).
ORCHESTRATION_VERSION = "5"
RECONCILE_CLUSTER = "reconcile_cluster"
DELETE_CLUSTER = "delete_cluster"
BACKUP_CLUSTER = "backup_cluster"
REPLACE_NODES = "replace_nodes"
RESTORE_CLUSTER = "restore_cluster"
UPGRADE_CLUSTER = "upgrade_cluster"
MAINTAIN_CLUSTER = "maintain_cluster"
ROTATE_CREDENTIAL = "rotate_credential"
CANCEL_EVENT = "cancel"
# The code of the refusal of an activity whose run is not the cluster's newest any more.
SUPERSEDED = "Superseded"
