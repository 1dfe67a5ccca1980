"""What a run tells to telemetry: names of records and of their fields, and nothing in free text.

The queries of `arm/platform/queries` read these names. What a service, a play or a person wrote
stays in the run's own record: telemetry says what happened, where, and how long it took.
"""

from enum import StrEnum


class Record(StrEnum):
    """One line each. Told at least once: an activity that runs twice tells it twice. Sent from time
    to time, and at a run's end: what a process that is killed had not sent is lost."""

    CLAIM = "slipway.claim"  # an operation was claimed: its beginning
    EVENT = "slipway.event"  # one event of the run's record; SEQUENCE tells repeats
    NODE = "slipway.node"  # a node reported that it is ready
    SLACK = "slipway.slack"  # a message to Slack was posted, throttled or lost
    PHASE = "slipway.phase"  # one phase of a run that ended
    RUN = "slipway.run"  # an operation ended, or what it had made was deleted from outside


class Field(StrEnum):
    """Attributes of records, lines and spans."""

    OPERATION = "slipway.operation"  # the instance id: cluster and generation
    CLUSTER = "slipway.cluster"
    KIND = "slipway.kind"  # reconcile, delete
    SEQUENCE = "slipway.sequence"
    PHASE = "slipway.phase"
    LEVEL = "slipway.level"  # info, warning, error
    NODE = "slipway.node"
    POOL = "slipway.pool"
    ROLE = "slipway.role"
    STATE = "slipway.state"  # of a phase, a run or a message
    SECONDS = "slipway.seconds"
    CODE = "slipway.code"  # of the cause of a failure
    PLACE = "slipway.place"
    NUMBER = "slipway.number"  # of a Slack message, in its run
    ATTEMPT = "slipway.attempt"
    ACTIVITY = "slipway.activity"
    OUTCOME = "slipway.outcome"  # done, wait, refused, raised
    PROGRAM = "slipway.program"  # what SSH ran: its name, never its arguments
    EXIT = "slipway.exit"
    LOGGER = "slipway.logger"


# The spans' names are these, or begin so.
ACTIVITY_SPAN = "activity"
SSH_SPAN = "ssh"
SLACK_SPAN = "slack"
