"""Names of telemetry events, attributes and spans.

The queries in `arm/platform/queries` use these names. Telemetry carries no free text: it says what
happened, where, and how long it took. Text of services, plays and people stays in the run's record.
"""

from enum import StrEnum


class EventName(StrEnum):
    """Events of a run, one log record each.

    Delivery is neither exactly once nor guaranteed: an activity that is executed twice records its
    event twice, and a process that is killed loses what it has not sent. Batches are sent at
    intervals and at the end of a run."""

    CLAIM = "slipway.claim"  # an operation was claimed, which is its start
    EVENT = "slipway.event"  # one event of the run's record; SEQUENCE identifies repeats
    NODE = "slipway.node"  # a node reported that it is ready
    SLACK = "slipway.slack"  # a Slack message was posted, throttled or lost
    PHASE = "slipway.phase"  # a phase of a run that has ended
    RUN = "slipway.run"  # an operation ended, or the cluster's group was deleted outside of Slipway


class Attribute(StrEnum):
    """Attributes of events, log lines and spans."""

    OPERATION = "slipway.operation"  # the instance id: cluster and generation
    CLUSTER = "slipway.cluster"
    KIND = "slipway.kind"  # a kind of `cluster.record.Kind`
    SEQUENCE = "slipway.sequence"
    EVENT_KIND = "slipway.event_kind"  # as in cluster/events.py
    SUBJECT = "slipway.subject"  # what an event happened to: the id or the name of a part
    STAGE = "slipway.stage"  # id of a stage of the play
    PHASE = "slipway.phase"
    LEVEL = "slipway.level"  # info, warning, error
    NODE = "slipway.node"
    POOL = "slipway.pool"
    ROLE = "slipway.role"
    STATE = "slipway.state"  # of a phase, a run or a message
    SECONDS = "slipway.seconds"
    CODE = "slipway.code"  # of the cause of a failure
    PLACE = "slipway.place"
    FINDINGS = "slipway.findings"  # codes of what a maintenance found wrong, with commas
    NUMBER = "slipway.number"  # number of a Slack message within its run
    ATTEMPT = "slipway.attempt"
    ACTIVITY = "slipway.activity"
    OUTCOME = "slipway.outcome"  # done, wait, refused, raised
    PROGRAM = "slipway.program"  # program that was run over SSH, without its arguments
    EXIT = "slipway.exit"
    LOGGER = "slipway.logger"


# A span's name is one of these, or begins with one.
ACTIVITY_SPAN = "activity"
SSH_SPAN = "ssh"
SLACK_SPAN = "slack"
