"""The answers of the HTTP API about earlier operations: their list, and the output of their
plays."""

from typing import Literal

from pydantic import Field

from cluster.api import GENERATION, NAME, OPERATION, OperationKind
from cluster.api_base import Answer

# `unknown`: neither a result nor the engine says how the operation ended.
type OperationState = Literal[
    "pending", "running", "suspended", "succeeded", "failed", "cancelled", "unknown"
]


class OperationSummary(Answer):
    """An operation as one line of the list. `cause`: the code of its failure."""

    generation: int = Field(description="Number of the operation, from 1.", examples=[1])
    kind: OperationKind | None = Field(
        default=None, description="What the operation does; null if that is not recorded."
    )
    state: OperationState = Field(description="How the operation ended, or that it goes on.")
    started_at: str | None = Field(default=None, description="When it began; null if unknown.")
    finished_at: str | None = Field(
        default=None, description="When it ended; null while it goes on, or if unknown."
    )
    cause: str | None = Field(
        default=None,
        description="Code of the failure; null if there is none.",
        examples=["PlayFailed"],
    )
    operation: str = OPERATION


class OperationList(Answer):
    """Operations of one cluster, the latest first."""

    name: str = NAME
    operations: tuple[OperationSummary, ...] = Field(description="The latest first.")
    next: int | None = Field(
        default=None,
        description="Value of `before` for the next request; null if there are no earlier ones.",
        examples=[21],
    )


class PlayLog(Answer):
    """A part of what one play of an operation wrote. Ansible hides the results of tasks that handle
    secrets."""

    name: str = NAME
    generation: int = GENERATION
    play: int = Field(
        description="Number of the play, from 1; 0 if the operation has not started one.",
        examples=[1],
    )
    plays: tuple[int, ...] = Field(
        default=(),
        description="Numbers of the operation's plays. There is more than one if a play was lost "
        "and started again.",
        examples=[[1]],
    )
    text: str = Field(description="What the play wrote after the position `after`.")
    next: int = Field(description="Value of `after` for the next request, in bytes.")
    more: bool = Field(description="Whether the play has written more than this answer holds.")
