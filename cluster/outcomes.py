"""The outcome of an activity: done, wait, or refused with a cause that a user can act on.

Exceptions are for faults of Slipway's own or of the transport. The engine stores only their type
name and message, so they carry nothing that matters.
"""

import json
from typing import Literal

from pydantic import Field

from cluster.model import Contract, KeptContract

LOG_TAIL_CHARACTERS = 4000
MESSAGE_CHARACTERS = 2000
# Marks where a text was cut.
MORE, MORE_ENCODED = "…", "\\u2026"


class Cause(KeptContract):
    """Why a run ended, where, and what to do next."""

    code: str = Field(description="Code of the cause, for programs.", examples=["PlayFailed"])
    message: str = Field(description="What failed, in words.")
    place: str = Field(
        default="",
        description="Where it failed: a node, a deployment, a check or a service.",
        examples=["demo-etcd-0"],
    )
    next_step: str = Field(default="", description="What to do next, as an instruction.")
    log_tail: str = Field(default="", description="The end of the log, if there is one.")
    phase: str = Field(
        default="", description="The phase in which it failed.", examples=["playbook"]
    )


class Outcome(Contract):
    """The outcome of an activity.

    `retry_after` is the pause before the next execution, in seconds. `cause` is set with `refused`
    only.
    """

    state: Literal["done", "wait", "refused"] = "done"
    retry_after: float | None = None
    cause: Cause | None = None
    notes: tuple[str, ...] = Field(default=())


def cut(text: str, limit: int = MESSAGE_CHARACTERS) -> str:
    """Returns the beginning of the text, which matters most in a message. `tail` is for logs."""
    return text if len(text) <= limit else text[: limit - 1] + MORE


def cut_encoded(text: str, limit: int) -> str:
    """Returns the beginning of the text, so that its JSON has at most `limit` characters without
    quotes.

    JSON writes a character that is not ASCII as six or twelve characters.
    """
    if len(json.dumps(text)) - 2 <= limit:
        return text
    left = limit - len(MORE_ENCODED)
    for end, character in enumerate(text):
        left -= len(json.dumps(character)) - 2
        if left < 0:
            return text[:end] + MORE
    return text


def tail(text: str, limit: int = LOG_TAIL_CHARACTERS) -> str:
    """Returns the last `limit` characters, from the beginning of a line if a short part of one is
    left out by that. A failed task may be one long line, and is what the reader looks for."""
    if len(text) <= limit:
        return text
    end = text[-limit:]
    begun, _, lines = end.partition("\n")
    return lines if lines and len(begun) <= limit // 4 else MORE + end[1:]
