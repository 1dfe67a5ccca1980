"""What the HTTP API answers about a cluster's health and its maintenance."""

from pydantic import Field

from cluster.api_base import Answer
from cluster.health import HealthFinding


class ClusterFinding(HealthFinding, Answer):
    """Something that is wrong with a cluster."""

    next_step: str = Field(default="", description="What to do next, as an instruction.")


class MaintenanceSchedule(Answer):
    """When a cluster is maintained without a request."""

    every_days: int = Field(
        description="Days from one maintenance to the next; 0: only on request.", examples=[7]
    )
    last_at: str | None = Field(
        default=None,
        description="When the last maintenance was requested; null before the first.",
        examples=["2026-11-30T03:20:20.000+00:00"],
    )
    next_at: str | None = Field(
        default=None,
        description="When the cluster is due next; a time that has passed if it is due already. "
        "Null: only on request.",
        examples=["2026-12-07T03:14:00+00:00"],
    )
    obstacle: str | None = Field(
        default=None,
        description="Why the cluster is not maintained although it may be due: its operation or "
        "its state. Null: nothing.",
        examples=["the cluster is failed"],
    )


FINDINGS = Field(
    default=(),
    description="What the last maintenance found wrong, less what a later operation refuted. The "
    "state `degraded` has at least one.",
)
CODES = Field(
    default=(),
    description="Codes of what the last maintenance found wrong, each once.",
    examples=[["NodeNotReady"]],
)
