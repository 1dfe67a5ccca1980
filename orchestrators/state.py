"""The state that a run carries from one execution of its orchestrator to the next."""

from pydantic import Field

from cluster.contracts import Check, PhaseRecord
from cluster.model import Contract
from cluster.outcomes import Cause
from orchestrators.journal import JournalState


class PlayState(Contract):
    """The progress of the play.

    Attributes:
        asked: its start was requested. `started` becomes true when that request was answered.
        events_offset, log_offset: how far its streams were read.
        stage: the id of the stage that runs.
        done: the highest number of stages that the play has passed, in any attempt.
    """

    attempt: int = 1
    asked: bool = False
    started: bool = False
    events_offset: int = 0
    log_offset: int = 0
    silent_since: str = ""
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
        cause: the first cause of failure.
    """

    since: str
    to_start: tuple[str, ...]
    running: tuple[str, ...] = ()
    cause: Cause | None = None


class RunState(Contract):
    """Everything that a run carries from one execution to the next."""

    cluster: str
    generation: int
    phase: str = ""
    phases: tuple[PhaseRecord, ...] = ()
    started_at: str = ""
    deadline: str = ""
    nodes_deadline_seconds: int = 1500
    parts: tuple[str, ...] = ()
    nodes: int = 0
    ready: int = 0
    stages: tuple[str, ...] = ()
    keep_controller: bool = False
    checks: tuple[Check, ...] = ()
    deploy: DeployState | None = None
    play: PlayState = Field(default_factory=PlayState)
    journal: JournalState = Field(default_factory=JournalState)
    note: str = ""
