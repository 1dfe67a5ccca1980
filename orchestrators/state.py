"""The state that a run carries from one execution of its orchestrator to the next."""

from typing import Literal

from pydantic import Field

from cluster.contracts import Check, PhaseRecord
from cluster.health import HealthFinding
from cluster.model import Contract
from cluster.outcomes import Cause
from orchestrators.journal import JournalState


class PlayState(Contract):
    """The progress of the play.

    Attributes:
        asked: its start was requested. `started` becomes true when that request was answered.
        events_offset, log_offset: how far its streams were read.
        since: when this attempt was started.
        stage: the id of the stage that runs.
        done: the highest number of stages that the play has passed, in any attempt.
        first: the first attempt of this play. A run that repairs plays a second time.
        whole: the play ran, or would have run, every stage on each of its machines.
        stages: the ids of the stages that it runs on any machine. Empty: the spec's.
        repair: where the repair is that follows a failed verification.
    """

    attempt: int = 1
    first: int = 1
    whole: bool = True
    stages: tuple[str, ...] = ()
    repair: Literal["", "running", "done"] = ""
    asked: bool = False
    started: bool = False
    events_offset: int = 0
    log_offset: int = 0
    silent_since: str = ""
    since: str = ""
    stage: str = ""
    done: int = 0
    task: str = ""
    host: str = ""
    failures: tuple[str, ...] = ()


class DeployState(Contract):
    """The progress of a phase's deployments.

    Attributes:
        since: when the phase began.
        to_start: the parts that are not started yet.
        running: the parts that run.
        restarts: how often a part was started again.
        not_before: when a part may be started again.
        cause: the first cause of failure.
    """

    since: str
    to_start: tuple[str, ...]
    running: tuple[str, ...] = ()
    restarts: dict[str, int] = Field(default_factory=dict)
    not_before: dict[str, str] = Field(default_factory=dict)
    cause: Cause | None = None


class DrainState(Contract):
    """The progress of the nodes' removal.

    Attributes:
        until: when the evictions end.
        emptied: how many nodes have no pod left.
        told: the budgets, and the pods without one, that were told as blocking.
        ended: no further pass is made.
        cause: why some nodes were not emptied.
    """

    until: str
    emptied: int = 0
    told: tuple[str, ...] = ()
    ended: bool = False
    cause: Cause | None = None


class TurnState(Contract):
    """The progress of a replacement.

    Attributes:
        number: the present turn. Turn 0 is the survey.
        step: the step of the turn that runs.
        rebuilt: how many of the leaving nodes are removed before machines are created.
        members: whether these are control planes or etcd members.
        outdated: how many nodes were still to be replaced when the turn began.
        first: how many there were when the first turn began.
        ended: no further turn is needed.
        named: the node that a request names, or "".
    """

    number: int = 1
    step: str = "plan"
    rebuilt: int = 0
    members: bool = False
    outdated: int = 0
    first: int = 0
    ended: bool = False
    named: str = ""


class UpgradeState(Contract):
    """The progress of an upgrade.

    Attributes:
        kubernetes: whether the cluster has any.
        version: the version that nodes get.
        node: the node that is being upgraded, or "".
        step: what is done with it.
        until: when its evictions end.
        told: the budgets, and the pods without one, that were told as blocking.
        last: the node that was upgraded last.
        done, total: nodes of the role that have the version, and all of them.
    """

    kubernetes: bool = True
    version: str = ""
    node: str = ""
    step: Literal["", "drain", "play", "return"] = ""
    until: str = ""
    told: tuple[str, ...] = ()
    last: str = ""
    done: int = 0
    total: int = 0


class UpdateState(Contract):
    """The progress of security updates.

    Attributes:
        start: how many machines were asked for updates so far.
        asked: every machine was asked.
        pending: machines that were found and not begun.
        node: the machine that is updated, or "".
        step: the step that it has reached.
        boot: the boot from which it is restarted.
        until: when it has to be empty, and the others well.
        ends: when no further machine is begun, or "" before the first one.
        done, restarted: how many machines were finished, and restarted.
        ended: no further machine is updated.
    """

    start: int = 0
    asked: bool = False
    pending: tuple[str, ...] = ()
    node: str = ""
    step: Literal["install", "leave", "vacate", "restart", "return"] = "install"
    boot: str = ""
    until: str = ""
    ends: str = ""
    done: int = 0
    restarted: int = 0
    ended: bool = False


class WaitState(Contract):
    """An activity that answers "wait": until when it may, and how often it has."""

    until: str
    waits: int = 0


class RunState(Contract):
    """Everything that a run carries from one execution to the next."""

    cluster: str
    generation: int
    phase: str = ""
    phases: tuple[PhaseRecord, ...] = ()
    started_at: str = ""
    deadline: str = ""
    wake_after: str = ""
    nodes_deadline_seconds: int = 1500
    play_deadline_seconds: int = 5400
    parts: tuple[str, ...] = ()
    nodes: int = 0
    kept: int = 0
    ready: int = 0
    stages: tuple[str, ...] = ()
    keep_controller: bool = False
    backup: str = ""
    credential: str = ""
    leaving: int = 0
    returning: int = 0
    force: bool = False
    uncordon: bool = True
    drain_deadline_seconds: int = 900
    checks: tuple[Check, ...] = ()
    deploy: DeployState | None = None
    drain: DrainState | None = None
    turn: TurnState | None = None
    upgrade: UpgradeState | None = None
    security_updates: bool = False
    updates: UpdateState | None = None
    play: PlayState = Field(default_factory=PlayState)
    waiting: dict[str, WaitState] = Field(default_factory=dict)
    noted: tuple[str, ...] = ()
    findings: tuple[HealthFinding, ...] = ()
    skipped: str = ""
    journal: JournalState = Field(default_factory=JournalState)
    note: str = ""
