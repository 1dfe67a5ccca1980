"""The activities' contracts: a name, one model in, one model out.

Orchestrators call activities by these, activities are registered under them. Every field that
comes later has a default. Payloads stay under 32 KB: what is large is in blob storage.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from cluster.model import OPEN_TEXT, Contract
from cluster.outcomes import Cause, Outcome


class RunRef(Contract):
    """Which run: spec, plan and record are in blob storage under it."""

    cluster: str
    generation: int


class PlannedPart(Contract):
    """A deployment of the plan, as far as the orchestrator must know it."""

    part: str
    template: str
    nodes: int


class PlanResult(Outcome):
    parts: tuple[PlannedPart, ...] = ()
    nodes: int = 0
    keep_controller: bool = False
    nodes_deadline_seconds: int = 1500
    stages: tuple[str, ...] = ()


class DeploymentRef(RunRef):
    part: str


class DeploymentsRef(RunRef):
    parts: tuple[str, ...]


class FailedPart(Contract):
    part: str
    cause: Cause


class DeploymentsResult(Outcome):
    """Parts that ended since; those not named are still running."""

    finished: tuple[str, ...] = ()
    failed: tuple[FailedPart, ...] = ()


class ProbeInput(RunRef):
    """`final`: the deadline has passed; collect the logs of those that are silent."""

    final: bool = False


class ProbeResult(Outcome):
    """`total` is 0 where nobody could be asked. `newly`: so many names as fit into a payload."""

    ready: int = 0
    total: int = 0
    newly: tuple[str, ...] = ()


class PlayInput(RunRef):
    attempt: int = 1


class PollPlayInput(PlayInput):
    events_offset: int = 0
    log_offset: int = 0


class PlayEvent(Contract):
    """One line of the play's own event stream, cut to what a reader needs.

    Attributes:
        stage: the id of the stage that the play belongs to.
        play: the play's name, for people.
        stats: from the controller, host by host. Only `poll_play` reads them: a recap's `message`
            has their sums.
    """

    time: str = ""
    kind: Annotated[
        Literal["play", "task", "failed", "unreachable", "recap", "other"], OPEN_TEXT
    ] = "other"
    stage: str = ""
    play: str = ""
    task: str = ""
    role: str = ""
    host: str = ""
    message: str = ""
    stats: dict[str, dict[str, int]] = Field(default_factory=dict)


class PollPlayResult(Outcome):
    """`lost`: neither unit nor result is there: the controller was restarted or replaced.

    No offsets: the streams could not be read, and their readers stay where they are.
    """

    play_state: Literal["running", "finished", "lost"] = "running"
    exit_code: int | None = None
    events: tuple[PlayEvent, ...] = ()
    events_offset: int | None = None
    log_offset: int | None = None


class Check(Contract):
    """One thing that was asked of the systems themselves."""

    name: str
    ok: bool
    detail: str = ""


class VerifyResult(Outcome):
    """`checks`: those that failed come first, and so many as fit into a payload; all of them are in
    the run's checks.json. `total` and `failed` count all; 0 of 0 came from an older version."""

    checks: tuple[Check, ...] = ()
    total: int = 0
    failed: int = 0


class RecordInput(RunRef):
    """Lines to be appended to the run's event blob at exactly this byte position."""

    position: int
    lines: tuple[str, ...]


class RecordResult(Outcome):
    position: int = 0


class SlackInput(RunRef):
    """Message `number` of the run, `attempt` counts throttled posts of the same message."""

    number: int
    lines: tuple[str, ...]
    attempt: int = 0


class SlackResult(Outcome):
    posted: Annotated[Literal["posted", "throttled", "lost"], OPEN_TEXT] = "posted"
    reason: str = ""


class PhaseRecord(Contract):
    """One phase of a run. `seconds` counts until now while it runs."""

    name: str
    state: Annotated[Literal["pending", "running", "done", "failed", "cancelled"], OPEN_TEXT] = (
        "pending"
    )
    started_at: str = ""
    seconds: float | None = None


class FinishInput(RunRef):
    """How a run ended; becomes its result file and the record's state. `percent`: how far it was;
    0 in results of older versions."""

    result: Annotated[Literal["succeeded", "failed", "cancelled"], OPEN_TEXT]
    cause: Cause | None = None
    phases: tuple[PhaseRecord, ...] = ()
    checks: tuple[Check, ...] = ()
    note: str = ""
    percent: int = 0
    finished_at: str = ""


@dataclass(frozen=True)
class Activity[In: Contract, Out: Outcome]:
    """An activity's name and the models of its input and its result.

    Attributes:
        seconds: what one execution may take at most; then it ends by itself with `wait`, and the
            next one goes on (`clients/time_limit.py`). Far below host.json's functionTimeout, at
            which the host ends the worker process with all that runs in it.
        changes: whether it changes something outside of the run's record, so that what comes after
            a cancel has to wait for its end.
        reports: whether all that it changes is what is known of the run: its record, Slack. Every
            other one that changes something does nothing once the run has ended.
    """

    name: str
    takes: type[In]
    gives: type[Out]
    seconds: float = 120.0
    changes: bool = True
    reports: bool = False

    def result(self, raw: Any) -> Out:
        return self.gives.model_validate(raw)


PLAN_CLUSTER = Activity("plan_cluster", RunRef, PlanResult)
ENSURE_GROUP = Activity("ensure_group", RunRef, Outcome)
CHECK_PREFLIGHT = Activity("check_preflight", RunRef, Outcome, seconds=240.0, changes=False)
ENSURE_KEYS = Activity("ensure_keys", RunRef, Outcome)
START_DEPLOYMENT = Activity("start_deployment", DeploymentRef, Outcome, seconds=180.0)
POLL_DEPLOYMENTS = Activity("poll_deployments", DeploymentsRef, DeploymentsResult, changes=False)
CANCEL_DEPLOYMENTS = Activity("cancel_deployments", DeploymentsRef, Outcome)
START_CONTROLLER = Activity("start_controller", RunRef, Outcome)
STOP_CONTROLLER = Activity("stop_controller", RunRef, Outcome)
PROBE_NODES = Activity("probe_nodes", ProbeInput, ProbeResult, changes=False)
START_PLAY = Activity("start_play", PlayInput, Outcome, seconds=180.0)
POLL_PLAY = Activity("poll_play", PollPlayInput, PollPlayResult, seconds=180.0, changes=False)
STOP_PLAY = Activity("stop_play", PlayInput, Outcome)
VERIFY_CLUSTER = Activity("verify_cluster", RunRef, VerifyResult, seconds=240.0)
RECORD_EVENTS = Activity("record_events", RecordInput, RecordResult, reports=True)
POST_SLACK = Activity("post_slack", SlackInput, SlackResult, seconds=60.0, reports=True)
FINISH_RUN = Activity("finish_run", FinishInput, Outcome, reports=True)
AWAIT_PREVIOUS_RUN = Activity("await_previous_run", RunRef, Outcome, changes=False)
DELETE_RESOURCES = Activity("delete_resources", RunRef, Outcome, seconds=240.0)
DELETE_SECRETS = Activity("delete_secrets", RunRef, Outcome, seconds=240.0)

# A whole number, and host.json's defaultVersion: goes up with a change that a run in flight could
# not replay (docs/decisions/0009-orchestration-versions.md).
ORCHESTRATION_VERSION = "2"
RECONCILE_CLUSTER = "reconcile_cluster"
DELETE_CLUSTER = "delete_cluster"
CANCEL_EVENT = "cancel"
